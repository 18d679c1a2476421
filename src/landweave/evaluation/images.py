"""Made images beside measured ones: measures by band and over all; the one writer and reader of images.json."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from landweave.atomic import locked, sweep, write_text
from landweave.config import Config
from landweave.errors import GridError, OutputError, RadiometryError, SceneError, SensorError
from landweave.evaluation.result import read_judgement
from landweave.jobs.run import Progress
from landweave.metrics.likeness import MEASURES, Likeness
from landweave.provenance import record
from landweave.raster.products import recognise
from landweave.raster.read import read
from landweave.raster.scene import Scene
from landweave.tiling import Window

FORMAT = 1
NAME, TABLE = "images.json", "images.csv"
_PIECE_PX = 512


class ImagesJob(Config):
    """Which made image to judge, and by what."""

    told: Path
    """The made scene: its folder, or its GeoTIFF with a sidecar."""
    truth: Path
    """The measured scene: a product's folder, or a GeoTIFF with a sidecar."""
    bands: tuple[str, ...] = ()
    """Bands to compare, by the names that both have; empty for all of them."""
    peak: float = Field(default=1.0, gt=0)
    """The greatest value that the unit is meant to have: 1 for reflectance, 255 for pictures of 8 bit."""
    name: str = Field(default="", max_length=80)
    """What is judged, for tables."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What was counted of several images.

    Attributes:
        name: What was judged.
        bands: Names of the bands.
        images: Sums of each image, by its name.
        note: Which pixels were judged.
    """

    name: str
    bands: tuple[str, ...]
    images: Mapping[str, Likeness]
    note: str

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON holds it; what is not a number is null. Measures are means over images, as published."""
        each = {name: _figures(self.bands, sums) for name, sums in self.images.items()}
        count = sum(sums.images.count for sums in self.images.values())
        known = list(each.values())
        mean = {m: {b: _mean([one[m][b] for one in known]) for b in (*self.bands, "overall")} for m in MEASURES}
        angle = _mean([_plain(sums.images.sam) for sums in self.images.values()])
        return {
            "name": self.name,
            "bands": list(self.bands),
            "note": self.note,
            "num_px": count,
            "num_images": len(each),
            "mean": mean,
            "spectral_angle_deg": angle,
            "images": each,
        }

    def write(self, folder: Path, configuration: Mapping[str, Any]) -> None:
        """Write images.json, and its table as images.csv.

        Raises:
            OutputError: The folder cannot be written.
        """
        content = record("images", configuration) | self.to_json()
        write_text(folder / TABLE, _csv(content))
        write_text(folder / NAME, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def run(job: ImagesJob, out: Path) -> Iterator[Progress]:
    """Judge one made scene and write images.json in `out`; gives records on the way.

    The measured scene is read on the made one's pixels, by the nearest pixel; pixels count where both are valid.

    Raises:
        LandweaveError: What cannot be compared is refused before the first pixel is read.
    """
    told, truth = _scene(job.told), _scene(job.truth)
    bands = _bands(job, told, truth)
    with locked(out):
        sweep(out)
        _check_place(out)
        sums = Likeness.zero(len(bands), job.peak)
        pieces = list(_pieces(told))
        for number, window in enumerate(pieces, 1):
            sums += _compared(told, truth, bands, window, job.peak)
            yield Progress("judge", number, len(pieces), "pieces")
        if not sums.images.count:
            raise GridError(
                f"{told.id} and {truth.id} without a pixel that both know",
                "two scenes of one place, not all under clouds",
                "check that they show the same land",
            )
        note = f"{sums.images.count} pixels of {told.id} that are valid in {truth.id} too."
        Judged(job.name or told.id, bands, {told.id: sums}, note).write(out, job.model_dump(mode="json"))


def _scene(path: Path) -> Scene:
    found = recognise(path)
    if len(found.scenes) != 1:
        cause = found.unread[0].reason.given if found.unread else "nothing that landweave knows"
        raise SceneError(
            f"{path} with {len(found.scenes)} scenes" + ("" if found.scenes else f": {cause}"),
            "one scene: a product's folder, or a GeoTIFF with a sidecar",
            "name one scene",
        )
    return found.scenes[0]


def _bands(job: ImagesJob, told: Scene, truth: Scene) -> tuple[str, ...]:
    bands = job.bands or tuple(name for name in told.bands if name in truth.bands)
    if not bands:
        raise SensorError(
            f"{told.id} with {', '.join(told.bands)} and {truth.id} with {', '.join(truth.bands)}",
            "bands of the same names",
            "judge a scene that was made like this sensor's",
        )
    for one, other in zip(told.require(bands), truth.require(bands), strict=True):
        if one.unit != other.unit:
            raise RadiometryError(
                f"band {one.name} in {one.unit} and in {other.unit}", "one unit", "say the unit in the sidecars"
            )
    return bands


def _pieces(scene: Scene) -> Iterator[Window]:
    whole = Window.of((scene.grid.shape[0], scene.grid.shape[1]))
    for row in range(0, whole.height, _PIECE_PX):
        for col in range(0, whole.width, _PIECE_PX):
            yield Window(row, col, _PIECE_PX, _PIECE_PX).clip(whole)


def _compared(told: Scene, truth: Scene, bands: tuple[str, ...], window: Window, peak: float) -> Likeness:
    grid = window.on(told.grid)
    made, valid = read(told, bands, grid)
    measured, usable = read(truth, bands, grid, nearest=True)
    return Likeness.of(made, measured, valid & usable, peak)


def _check_place(folder: Path) -> None:
    held = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))
    if foreign := [name for name in held if name not in (NAME, TABLE) and not name.endswith(".png")]:
        raise OutputError(
            f"{folder}, which holds {foreign[0]}", "an empty folder, or an older judgement", "choose another with -o"
        )


def read_images(folder: Path) -> dict[str, Any]:
    """The content of a folder's images.json.

    Raises:
        OutputError: There is none, or it is of another format.
    """
    return read_judgement(folder / NAME, FORMAT, "images", "landweave evaluate --images")


def lines(content: Mapping[str, Any]) -> Iterator[str]:
    """What an images.json says, for people: a line a measure."""
    for name, values in content["mean"].items():
        bands = ", ".join(f"{band} {_short(values[band])}" for band in content["bands"])
        yield f"{name} {_short(values['overall'])} ({bands})"
    yield f"angle between spectra {_short(content['spectral_angle_deg'])} degrees"
    yield content["note"]


def _figures(bands: Sequence[str], sums: Likeness) -> dict[str, dict[str, float | None]]:
    overall, each = sums.overall(), sums.by_band()
    return {
        name: {
            **{band: _plain(float(value)) for band, value in zip(bands, each[name], strict=True)},
            "overall": _plain(overall[name]),
        }
        for name in MEASURES
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _short(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"


def _csv(content: Mapping[str, Any]) -> str:
    text = io.StringIO()
    columns = [*content["bands"], "overall"]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["measure", *columns])
    for name, values in content["mean"].items():
        writer.writerow([name, *("" if values[column] is None else repr(values[column]) for column in columns)])
    return text.getvalue()
