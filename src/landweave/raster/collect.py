"""Make a catalog from folders and STAC APIs, with a record of what was read and what could not be."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import Field, FiniteFloat, field_validator

from landweave.atomic import write_text, writing
from landweave.config import Config
from landweave.errors import CatalogError, OutputError
from landweave.provenance import record
from landweave.raster.catalog import to_table, write_table
from landweave.raster.files import is_remote
from landweave.raster.products import Found, recognise
from landweave.sensors import Sensor, load_sensors

# A year, a month, a day or a moment, as STAC APIs take them.
_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2})?)?)?)?")


class CatalogJob(Config):
    """Where scenes are looked for."""

    sources: list[str] = Field(min_length=1)
    """Folders, GeoTIFFs with a sidecar, or addresses of STAC APIs."""
    offset: float | None = None
    """The offset in stored numbers (0 or -1000) for Sentinel-2 products whose baseline does not tell."""
    sensors: Path | None = None
    """A TOML file with sensors of your own."""
    collections: list[str] = Field(default_factory=list)
    """STAC APIs: the collections to search; all where empty."""
    bbox: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    """STAC APIs: west, south, east, north in degrees."""
    period: str | None = None
    """STAC APIs: "2020-06-01/2020-08-31", with ".." for an open end."""
    max_cloud_cover: float | None = Field(default=None, ge=0, le=100)
    """Leave scenes away that are known to have more clouds, in per cent."""

    @field_validator("period")
    @classmethod
    def _two_days(cls, period: str | None) -> str | None:
        # Seen here, a slip costs no question to a server.
        ends = [] if period is None else period.split("/")
        if len(ends) > 2 or not all(end in ("", "..") or _DAY.fullmatch(end) for end in ends):
            raise ValueError("FIRST/LAST, for example 2020-06-01/2020-08-31")
        return period


def collect(job: CatalogJob, path: Path) -> Found:
    """Find the scenes of `job` and write them into the catalog at `path`, with a record in `<path>.json`.

    Raises:
        CatalogError: No scene was found; it says why each input was not read.
        SceneError: A folder is not there.
        OutputError: The place cannot be written, or holds something else.
    """
    _check_place(job, path)
    sensors = load_sensors(job.sensors) if job.sensors else {}
    found = sum((_search(source, job, sensors) for source in job.sources), Found(()))
    clear = tuple(scene for scene in found.scenes if (scene.cloud_cover or 0) <= _most_clouds(job))
    if not clear:
        raise _nothing(job, found)
    found = Found(clear, found.unread)
    table = to_table(found.scenes)
    text = json.dumps(_summary(job, found), indent=1, sort_keys=True, ensure_ascii=False)
    # The record first: a catalog without one would look like somebody else's, and could not be made anew.
    write_text(_record_of(path), text + "\n")
    write_table(table, path)
    return found


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _check_place(job: CatalogJob, path: Path) -> None:
    """Refuse a place where something else stands than this same job's catalog, which may be made anew."""
    with writing(path):
        if not path.exists():
            return
    try:
        made = json.loads(_record_of(path).read_text(encoding="utf-8"))["fingerprint"]
    except (OSError, ValueError, KeyError, TypeError):
        made = None
    if made != record("catalog", job.model_dump(mode="json"))["fingerprint"]:
        raise OutputError(
            f"{path}, which holds " + ("another catalog job's work" if made else "something that is no catalog"),
            "a new file, or the catalog of the same folders and options",
            "remove it or choose another output with -o",
        )


def _most_clouds(job: CatalogJob) -> float:
    return 100.0 if job.max_cloud_cover is None else job.max_cloud_cover


def _search(source: str, job: CatalogJob, sensors: dict[str, Sensor]) -> Found:
    if not is_remote(source):
        return recognise(Path(source), job.offset, sensors)
    # Imported late: folders are catalogued without waiting for network libraries.
    from landweave.raster.api import search_api

    return search_api(
        source,
        collections=job.collections,
        bbox=job.bbox,
        period=job.period,
        max_cloud_cover=job.max_cloud_cover,
        offset=job.offset,
        sensors=sensors,
    )


def _nothing(job: CatalogJob, found: Found) -> CatalogError:
    """The error for a catalog without scenes: the reason itself where there is one, else what was looked at."""
    looked = ", ".join(job.sources)
    if found.scenes:
        return CatalogError(
            f"{len(found.scenes)} scenes in {looked}, all with more than {_most_clouds(job):g} % clouds",
            "at least one clearer scene",
            "raise --max-cloud-cover, or look at another time",
        )
    if not found.unread:
        return CatalogError(
            f"no scene in {looked}",
            "Sentinel-2 SAFE or band folders, Landsat Collection 2 folders, STAC items, or GeoTIFFs with a sidecar",
            "name other folders, or write sidecars (docs/formats.md)",
        )
    # A refused product says more than a stray raster beside it.
    first = next((unread for unread in found.unread if unread.is_product), found.unread[0])
    return CatalogError(
        f"no scene in {looked}: {len(found.unread)} inputs were not read; the first: {first.reason.given}",
        first.reason.expected,
        first.reason.do,
    )


def _summary(job: CatalogJob, found: Found) -> dict[str, Any]:
    unread = [{"path": str(entry.path), "reason": str(entry.reason)} for entry in found.unread]
    summary = {"num_scenes": len(found.scenes), "num_unread": len(unread), "unread": unread}
    return {**record("catalog", job.model_dump(mode="json")), "summary": summary}
