"""What grows where, from a season of scenes of one sensor: a support vector machine judged on land apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from odc.geo.geobox import GeoBox
from pydantic import Field, PositiveFloat, field_validator

from landweave.atomic import locked
from landweave.classical import store
from landweave.classical.search import Choice, folds, search
from landweave.config import Config
from landweave.errors import SampleError, SensorError
from landweave.evaluation.result import Evaluation
from landweave.jobs.run import Progress
from landweave.legend import IGNORE, Legend, legend, load_legends
from landweave.metrics.confusion import Confusion
from landweave.patches.split import deal
from landweave.raster.catalog import read_catalog
from landweave.raster.read import read, read_map
from landweave.raster.scene import Scene
from landweave.spectra.indices import roles

# Truth maps have pixels of 10 m; one of 30 m counts where a field covers it and what lies around it.
_FINE = 3


class CropsJob(Config):
    """What `landweave harmonize crops` is to do."""

    catalog: Path
    """Scenes of one season and place; each date is taken once."""
    truth: Path
    """Raster of class ids with pixels a third as wide as the scenes'."""
    legend: str
    """Legend of the truth."""
    legends: Path | None = None
    """TOML with legends of your own."""
    bands: tuple[str, ...] = ("blue", "green", "red", "nir", "swir16", "swir22")
    """What is taken of every scene, by role, so that sensors may be mixed."""
    model: Literal["svm", "forest", "linear"] = "svm"
    """What classifies; a support vector machine's C and gamma are searched for."""
    strengths: tuple[PositiveFloat, ...] = Field(default=(1.0, 10.0, 100.0), min_length=1)
    """Values of C to try."""
    gammas: tuple[PositiveFloat, ...] = Field(default=(0.1, 0.3, 1.0), min_length=1)
    """Values of gamma to try, as multiples of one over the number of features."""
    folds: int = Field(default=5, ge=2)
    """Parts of the cross-validation."""
    per_class: int = Field(default=200, ge=2)
    """Training pixels of each class, at most; as many again for test."""
    block_px: int = Field(default=8, ge=1)
    """Edge of the blocks of land of which each is for training or for test as a whole."""
    test: float = Field(default=0.5, gt=0, lt=1)
    """Share of the blocks for test."""
    seed: int = 0
    """Of the blocks and of the pixels that are drawn."""
    name: str = Field(default="", max_length=80)
    """What is judged, for tables."""

    @field_validator("bands", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def run(job: CropsJob, out: Path) -> Iterator[Progress]:
    """Classify and judge, and write evaluation.json with producer's and user's accuracies, F1 and overall in `out`.

    Raises:
        SampleError: Too few pixels or blocks of a class.
        SensorError: A scene lacks a band of these roles.
        LandweaveError: Catalog, truth or legend cannot be read.
    """
    known = legend(job.legend, load_legends(job.legends) if job.legends else None)
    scenes = sorted(read_catalog(job.catalog), key=lambda scene: (scene.datetime, scene.id))
    with locked(out):
        grid = scenes[0].grid
        labels = pure(job.truth, known, grid)
        rows, cols = np.nonzero(labels != IGNORE)
        y, block = labels[rows, cols], rows // job.block_px * 100_000 + cols // job.block_px
        train, test = _drawn(job, y, block)
        some = np.concatenate([train, test])
        values = []
        for number, scene in enumerate(scenes, 1):
            values.append(_values(job, scene, grid, rows[some], cols[some]))
            yield Progress("read", number, len(scenes), "scenes")
        x = filled(np.stack([one for one, _ in values]), np.stack([two for _, two in values]))
        learnt = slice(0, len(train))
        found = _choose(job, x[learnt], y[train], len(known), block[train])
        model = store.fit(job.model, x[learnt], y[train], len(known), **(found.arguments if found else {}))
        told = model.predict_probabilities(x[len(train) :]).argmax(1).astype(np.uint8)
        yield Progress("classify", 1, 1, "models")
        confusion = Confusion.from_labels(told, y[test], len(known))
        _write(job, out, known, confusion, {"choice": found, "train": len(train), "dates": len(scenes)})


def pure(path: Path, known: Legend, grid: GeoBox) -> UInt8[np.ndarray, "h w"]:
    """Class index of each pixel of `grid` that has one class all over; IGNORE elsewhere.

    Raises:
        LegendError: The map holds an id that the legend lacks.
    """
    ids, _ = read_map(path, grid.zoom_to((grid.shape[0] * _FINE, grid.shape[1] * _FINE)))
    fine = known.to_indices(ids).reshape(grid.shape[0], _FINE, grid.shape[1], _FINE)
    first = fine[:, 0, :, 0]
    return np.where((fine == first[:, None, :, None]).all((1, 3)), first, np.uint8(IGNORE))


def _drawn(
    job: CropsJob, y: UInt8[np.ndarray, " n"], block: Int64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " a"], Int64[np.ndarray, " b"]]:
    """Pixels to learn from and to judge on, of separate blocks; of each class as many as were asked for."""
    dealt = deal(map(str, np.unique(block)), (1 - job.test, 0, job.test), job.seed)
    is_test = np.array([dealt[str(number)] == "test" for number in block.tolist()])
    generator = np.random.default_rng(job.seed)
    parts = []
    for wanted in (~is_test, is_test):
        each = [np.flatnonzero(wanted & (y == index)) for index in np.unique(y)]
        parts.append(np.concatenate([generator.permutation(places)[: job.per_class] for places in each]))
        if len(np.unique(y[parts[-1]])) < 2:
            raise SampleError(
                f"{len(y)} pixels that one class covers, in {len(dealt)} blocks",
                "two classes at least, for training and for test",
                "take smaller blocks with --set block_px=..., or a larger place",
            )
    return parts[0], parts[1]


def _values(
    job: CropsJob, scene: Scene, grid: GeoBox, rows: Int64[np.ndarray, " n"], cols: Int64[np.ndarray, " n"]
) -> tuple[Float32[np.ndarray, "n b"], Bool[np.ndarray, " n"]]:
    found = roles(scene.sensor, scene.bands)
    if missing := [role for role in job.bands if role not in found]:
        raise SensorError(
            f"{scene.id} of {scene.sensor.name} without {', '.join(missing)}",
            f"bands of these roles; it has {', '.join(found)}",
            "choose others with --set bands=...",
        )
    values, valid = read(scene, [scene.bands[found[role]] for role in job.bands], grid)
    return np.ascontiguousarray(values[:, rows, cols].T), valid[rows, cols]


def filled(values: Float32[np.ndarray, "t n b"], valid: Bool[np.ndarray, "t n"]) -> Float32[np.ndarray, "n f"]:
    """Every date of every pixel in a row; dates that are not valid lie on the line between their valid neighbours.

    Before the first and after the last valid date the nearest one stands; a pixel without any is 0.
    """
    out = values.copy()
    dates = np.arange(len(values))
    for pixel in np.flatnonzero(~valid.all(0)):
        there = valid[:, pixel]
        for band in range(values.shape[2]) if there.any() else ():
            out[:, pixel, band] = np.interp(dates, dates[there], values[there, pixel, band])
    return np.ascontiguousarray(out.transpose(1, 0, 2).reshape(values.shape[1], -1))


def _choose(
    job: CropsJob,
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"],
    num_classes: int,
    block: Int64[np.ndarray, " n"],
) -> Choice | None:
    if job.model != "svm":
        return None
    gammas = [gamma / x.shape[1] for gamma in job.gammas]
    parts = folds(block, job.folds, job.seed)
    return search(job.model, x, y, num_classes, parts=parts, options={"strength": job.strengths, "gamma": gammas})


def _write(job: CropsJob, out: Path, known: Legend, confusion: Confusion, told: Mapping[str, Any]) -> None:
    found = told["choice"]
    words = "" if found is None else f" C {found.arguments['strength']:g}, gamma {found.arguments['gamma']:.3g}."
    apart = f"{confusion.num_pixels} pixels of blocks apart from the {told['train']} that were learnt from"
    note = f"{apart}, {told['dates']} dates.{words}"
    why = "pixels of every class are drawn alike, whatever its area"
    counts = {"train": told["train"], "dates": told["dates"]}
    made = Evaluation(job.name or job.model, "pixels", known, note, confusion, None, why, counts=counts)
    made.write(out, job.model_dump(mode="json"))
