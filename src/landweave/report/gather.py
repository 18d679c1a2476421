"""Everything that folders hold, as the material of one page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from landweave.config import nearest
from landweave.errors import ConfigError
from landweave.legend import LandClass
from landweave.raster.arrays import path_of
from landweave.report import growth, judged, maps, more, runs, years
from landweave.report.find import Found, find
from landweave.report.material import Judgement, Material, Row
from landweave.report.pictures import Place, class_shares, try_rows

_JUDGED = ("evaluation", "agreement", "change")
_LISTED = ("map", "sheets", *_JUDGED, "card", "archive", "catalog", "record", "recipe", "scale", "summary")


def gather(folders: Sequence[Path], title: str, first: str | None = None) -> Material:
    """What a report on `folders` shows.

    Args:
        folders: Folders that landweave wrote, and catalogs.
        title: The page's title.
        first: Name of what the page is about; the most accurate where None.

    Raises:
        ConfigError: A folder is missing, nothing that can be shown is in any, or nothing there is called `first`.
    """
    found = find(folders)
    judgements = _ordered(judged.judgements(found, _names(found)), first)
    place = _place(found, judgements)
    rows, shares = _seen(found, place)
    records = dict(_records(found))
    return Material(
        title=title,
        judgements=judgements,
        tables=(*years.every(found), *more.every(found)),
        rows=(*years.rows(found), *rows),
        shares=shares,
        runs=runs.runs(found),
        growths=growth.growths(found),
        jobs=_main_first(maps.jobs(found), place),
        archives=runs.archives(found),
        records={name: record.get("configuration", record) for name, record in records.items()},
        files=tuple(path for kind in _LISTED for path in found.of(kind)),
        versions=next((record["versions"] for record in records.values() if "versions" in record), {}),
        unread=tuple(dict.fromkeys(found.unread)),
    )


def _ordered(judgements: Sequence[Judgement], first: str | None) -> tuple[Judgement, ...]:
    """As they come, the best first, but for the one that was asked for."""
    names = [judgement.name for judgement in judgements]
    if first is not None and first not in names:
        raise ConfigError(
            f"--first {first}",
            nearest(first, names) if names else "an evaluation in one of the folders",
            "name one that was judged, or leave --first away",
        )
    # sorted() keeps the order of equals: all others stay as they were.
    return tuple(sorted(judgements, key=lambda judgement: judgement.name != first if first else False))


def _main_first(jobs: Iterable[Any], place: Place | None) -> tuple[Any, ...]:
    return tuple(sorted(jobs, key=lambda job: place is not None and job.path.parent != place.map.parent))


def _names(found: Found) -> dict[Path, str]:
    """Who was judged by which evaluation: the network of the map that it names."""
    names = {}
    for path in found.of("evaluation"):
        judged_map = _told(found, path, "map")
        summary = judged_map.parent / "summary.json" if judged_map else None
        if summary and summary.is_file():
            names[path] = runs.title_of(str(found.json(summary).get("network", path.parent.name)))
    return names


def _told(found: Found, path: Path, key: str) -> Path | None:
    """The file that an evaluation names: as it stands, or from the folder of the evaluation."""
    told = _configuration(found, path).get(key)
    if told is None:
        return None
    # Evaluations written by the demo can be moved with their folder: their paths count from there.
    places = (Path(told), path.parent / told)
    return next((place for place in places if path_of(str(place)).is_file()), places[0])


def _configuration(found: Found, path: Path) -> Mapping[str, Any]:
    configuration = found.json(path).get("configuration", {})
    return configuration if isinstance(configuration, Mapping) else {}


def _place(found: Found, judgements: Sequence[Judgement]) -> Place | None:
    """The map of the first judgement with its truth, or the first map that there is."""
    for judgement in judgements:
        if (judged_map := _told(found, judgement.path, "map")) and judged_map.is_file():
            truth = _told(found, judgement.path, "truth")
            return maps.place(found, judged_map, truth, _configuration(found, judgement.path).get("truth_legend"))
    every = maps.maps(found)
    return maps.place(found, every[0], None) if every else None


def _seen(found: Found, place: Place | None) -> tuple[tuple[Row, ...], tuple[tuple[LandClass, float], ...]]:
    if place is None:
        return (), ()
    rows, trouble = try_rows(place)
    if trouble:
        found.unread.append(trouble)
        return (), ()
    share = dict(class_shares(place))
    return rows, tuple((entry, share[entry.id]) for entry in place.legend.classes)


def _records(found: Found) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for kind, name in (
        ("record", "Map job"),
        ("recipe", "Recipe"),
        ("scale", "More ranks"),
        ("archive", "Cutting of patches"),
    ):
        for path in found.of(kind):
            yield f"{name} ({path.parent.name}/{path.name})", found.json(path)
