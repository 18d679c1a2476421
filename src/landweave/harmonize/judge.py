"""Judge what tells one sensor's values from another's on pairs that it never learnt from, day by day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

import numpy as np
from jaxtyping import Bool, Float32
from pydantic import Field, model_validator

from landweave.atomic import locked, sweep
from landweave.config import Config
from landweave.errors import ArchiveError, CardError
from landweave.evaluation.images import Judged
from landweave.harmonize.angles import Angles
from landweave.harmonize.fit import sizes_of
from landweave.harmonize.physical import lines, spread_px
from landweave.harmonize.tell import Ensemble, Published, Teller, ready
from landweave.jobs.run import Progress
from landweave.metrics.likeness import Likeness
from landweave.models.card import load_parts
from landweave.patches.archive import Archive, open_archive
from landweave.patches.sample import Split
from landweave.report.images import Image, save
from landweave.sensors import sensor


class JudgeJob(Config):
    """What to judge on an archive of pairs."""

    archive: Path
    """The archive of pairs."""
    cards: tuple[Path, ...] = ()
    """Cards of task reflectance; of several the mean is judged."""
    physical: Literal["raw", "hls"] | None = None
    """In place of cards: hls (point spread, nadir view, published lines), or raw (means alone)."""
    part: Split = "test"
    """The part of the archive."""
    peak: float = Field(default=1.0, gt=0)
    """The greatest value that the unit is meant to have: 1 for reflectance, 255 for pictures of 8 bit."""
    name: str = Field(default="", max_length=80)
    """What is judged, for tables."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.cards) == (self.physical is not None):
            raise ValueError("cards, or physical = raw or hls")
        return self


def run(job: JudgeJob, out: Path) -> Iterator[Progress]:
    """Judge, and write images.json with one image a pair of scenes, and pictures.png, in `out`.

    Every patch is told by itself, and counts where both sensors are valid. Patches that overlap count as they are cut.

    Raises:
        ArchiveError: It holds no pairs.
        CardError: A card is of another sensor pair or other bands.
        SplitError: The part is empty.
    """
    archive = open_archive(job.archive)
    sizes_of(archive)
    layout = archive.layout
    assert layout.pair is not None, "an archive of pairs"
    tellers = _cards(job, archive)
    sums: dict[str, Likeness] = {}
    best = (-1.0, 0)
    with locked(out):
        sweep(out)
        indices = archive.part(job.part)
        for number, (index, name) in enumerate(_named(archive, indices), 1):
            teller = tellers or _lines(job, archive, name)
            told, other, valid = tell_patch(archive, index, teller)
            sums[name] = sums.get(name, Likeness.zero(len(other), job.peak)) + Likeness.of(told, other, valid, job.peak)
            best = max(best, (float(np.std(other[:, valid])) * float(valid.mean()), int(index)))
            yield Progress("judge", number, len(indices), "patches")
        bands = tuple(band.name for band in layout.pair.bands)
        note = f"{len(indices)} patches of the {job.part} part, of {len(sums)} pairs of scenes."
        named = job.name or job.physical or load_parts(job.cards[0])[0].network
        Judged(named, bands, sums, note).write(out, job.model_dump(mode="json"))
        scene = archive.table()["scene"].tolist()[best[1]]
        _picture(out / "pictures.png", archive, best[1], {named: tellers or _lines(job, archive, scene)})


def _named(archive: Archive, indices: np.ndarray) -> Iterator[tuple[int, str]]:
    scenes = archive.table()["scene"].tolist()
    yield from ((int(index), scenes[index]) for index in indices)


def tell_patch(
    archive: Archive, index: int, teller: Teller
) -> tuple[Float32[np.ndarray, "k a b"], Float32[np.ndarray, "k a b"], Bool[np.ndarray, "a b"]]:
    """What is told of one patch, what the other sensor measured, and where both are valid."""
    layout, arrays = archive.layout, archive.batch([index])
    if layout.pair is None:
        raise ArchiveError(f"{archive.folder} without pairs", "an archive of pairs", "cut one with harmonize pairs")
    valid = np.array(arrays["valid"][0], np.bool_)
    fine = layout.finest(valid)
    values = {}
    for view in layout.views:
        step = fine.shape[0] // view.px
        usable = fine.reshape(view.px, step, view.px, step).all((1, 3))
        # What stands where nothing is valid is the number for no data, which means nothing.
        values[view.pixel_size_m] = np.where(usable, view.to_physical(arrays[view.key][0]), np.float32(0))
    other = np.where(valid, layout.pair.to_physical(arrays[layout.pair.key][0]), np.float32(0))
    return teller.tell(values, valid), other, valid


def _cards(job: JudgeJob, archive: Archive) -> Teller | None:
    layout, members = archive.layout, []
    for folder in job.cards:
        card, _ = load_parts(folder)
        told = card.output.bands if card.output else ()
        pair = tuple(band.name for band in layout.pair.bands) if layout.pair else ()
        if (card.sensor, card.bands, told) != (layout.sensor, layout.bands, pair):
            raise CardError(
                f"{folder} from {', '.join(card.bands)} of {card.sensor} to {', '.join(told) or 'no bands'}",
                f"from {', '.join(layout.bands)} of {layout.sensor} to {', '.join(pair)}, which the archive holds",
                "judge a card of this sensor pair and these bands",
            )
        members.append(ready(folder.resolve(), card.identity, "cpu"))
    return Ensemble(members) if members else None


def _lines(job: JudgeJob, archive: Archive, scene: str) -> Teller:
    """Published lines of the satellite that took a scene, with the angles that the archive tells of it."""
    sizes, bands = sizes_of(archive), archive.layout.bands
    if job.physical == "raw":
        return Published(sizes, tuple((1.0, 0.0) for _ in bands))
    told = {pair["source"]: pair.get("angles") for pair in archive.manifest["configuration"].get("pairs", ())}
    angles = Angles(**told[scene]) if told.get(scene) else None
    return Published(sizes, lines(sensor(archive.layout.sensor), scene, bands, angles), spread_px())


def _picture(path: Path, archive: Archive, index: int, tellers: Mapping[str, Teller]) -> None:
    """One patch: what was measured, what each tells, and means of the first sensor."""
    layout, images = archive.layout, []
    assert layout.pair is not None, "an archive of pairs"
    means = Published(sizes_of(archive), tuple((1.0, 0.0) for _ in layout.bands))
    for name, teller in {**tellers, f"{layout.sensor}, means": means}.items():
        told, other, valid = tell_patch(archive, index, teller)
        images.append(Image(name, told))
    save(path, [Image(layout.pair.sensor, other), *images], valid, layout.pair.bands)
