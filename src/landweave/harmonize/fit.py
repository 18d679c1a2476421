"""Baselines that are fitted on pairs, pixel by pixel: a line for each band, or a forest."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float32
from pydantic import Field

from landweave.atomic import locked
from landweave.classical import regression
from landweave.config import Config
from landweave.errors import ArchiveError
from landweave.harmonize.physical import compared, reach_px, spread_px
from landweave.harmonize.views import Sizes
from landweave.jobs.run import Progress
from landweave.jobs.worker import threads
from landweave.models.card import Card, save_card
from landweave.models.pair.output import Output
from landweave.models.sight import Sight
from landweave.patches.archive import Archive, open_archive
from landweave.patches.sample import Split
from landweave.provenance import write_record

CARD = "card"
_BATCH = 16
_Some = tuple[Progress, Float32[np.ndarray, "n c"], Float32[np.ndarray, "n k"]]
_Fitting = Generator[Progress, None, regression.Regression]


class FitJob(Config):
    """What `landweave harmonize fit` is to do."""

    archive: Path
    """The archive of pairs."""
    model: Literal["linear", "forest"] = "linear"
    """linear: a line for each band; forest: regression trees that see all bands of a pixel."""
    point_spread: bool = True
    """Blur means of Sentinel-2 as Landsat's optics do before they are compared."""
    like: str = "landsat-8-like"
    """Name of the sensor that results are given."""
    pixels: int = Field(default=100_000, ge=2)
    """Pixels that a forest is grown from, at most; lines take all."""
    trees: int = Field(default=50, ge=1)
    """Trees of a forest."""
    min_leaf: int = Field(default=5, ge=1)
    """Pixels of a leaf, at least."""
    seed: int = 0
    """Of the pixels that are drawn, and of the trees."""


def run(job: FitJob, out: Path) -> Iterator[Progress]:
    """Fit on the training part and write `out`/card; gives records on the way.

    Raises:
        ArchiveError: The archive holds no pairs.
        SampleError: Too few pixels, or all alike.
    """
    archive = open_archive(job.archive)
    sizes = sizes_of(archive)
    with locked(out):
        model = yield from (_lines(job, archive, sizes) if job.model == "linear" else _forest(job, archive, sizes))
        card = save_card(out / CARD, card_of(job, archive), model.to_arrays())
        write_record(out / "job.json", "harmonize fit", {**job.model_dump(mode="json"), "card": card.identity})


def sizes_of(archive: Archive) -> Sizes:
    """The bands of an archive of pairs by their pixel size.

    Raises:
        ArchiveError: It holds no pairs.
    """
    layout = archive.layout
    if layout.pair is None:
        raise ArchiveError(
            f"{archive.folder}, patches of {layout.sensor} alone",
            "an archive of pairs",
            "cut one with landweave harmonize pairs",
        )
    bands = {view.pixel_size_m: tuple(band.name for band in view.bands) for view in layout.views}
    return Sizes(bands, layout.pair.pixel_size_m)


def pixels(
    archive: Archive, part: Split, sizes: Sizes, sigma_px: float
) -> Iterator[tuple[Float32[np.ndarray, "n c"], Float32[np.ndarray, "n k"]]]:
    """Valid pixels of a part, some patches at once: bands in compared pixels, and what the other sensor saw."""
    layout, indices = archive.layout, archive.part(part)
    assert layout.pair is not None, "an archive of pairs"
    for start in range(0, len(indices), _BATCH):
        arrays = archive.batch(indices[start : start + _BATCH])
        views = {view.pixel_size_m: view.to_physical(arrays[view.key]) for view in layout.views}
        other, valid = layout.pair.to_physical(arrays[layout.pair.key]), np.asarray(arrays["valid"])
        for place, usable in enumerate(valid):
            here = compared({size: view[place] for size, view in views.items()}, usable, sizes, sigma_px)
            yield np.ascontiguousarray(here[:, usable].T), np.ascontiguousarray(other[place][:, usable].T)


def _sigma_px(job: FitJob) -> float:
    return spread_px() if job.point_spread else 0.0


def _records(job: FitJob, archive: Archive, sizes: Sizes) -> Iterator[_Some]:
    total = len(archive.part("train"))
    for number, (x, y) in enumerate(pixels(archive, "train", sizes, _sigma_px(job)), 1):
        yield Progress("read", number, total, "patches"), x, y


def _lines(job: FitJob, archive: Archive, sizes: Sizes) -> _Fitting:
    sums = regression.LineSums.zero(len(archive.layout.bands))
    for record, x, y in _records(job, archive, sizes):
        sums += regression.LineSums.of(x, y)
        yield record
    return sums.fit()


def _forest(job: FitJob, archive: Archive, sizes: Sizes) -> _Fitting:
    generator, kept = np.random.default_rng(job.seed), []
    most = max(job.pixels // len(archive.part("train")), 1)
    for record, x, y in _records(job, archive, sizes):
        some = generator.permutation(len(x))[:most]
        kept.append((x[some], y[some]))
        yield record
    x, y = (np.concatenate([part[side] for part in kept]) for side in (0, 1))
    return regression.fit_forest(x, y, num_trees=job.trees, min_leaf=job.min_leaf, seed=job.seed, num_threads=threads())


def card_of(job: FitJob, archive: Archive) -> Card:
    """The card of a baseline; it takes physical values as they are, and gives them so."""
    layout, sigma_px = archive.layout, _sigma_px(job)
    assert layout.pair is not None, "an archive of pairs"
    known = archive.mean_and_std()
    bands = tuple(band.name for band in layout.pair.bands)
    sizes_m = tuple(view.pixel_size_m for view in layout.views for _ in view.bands)
    output = Output(job.like, bands, layout.pair.pixel_size_m, layout.pair.bands[0].unit, (0.0,) * len(bands),
                    (1.0,) * len(bands), sizes_m)  # fmt: skip
    mean, std = ([known[name][place] for name in layout.bands] for place in (0, 1))
    return Card(
        job.model,
        {"spread_px": sigma_px},
        layout.sensor,
        layout.bands,
        layout.pixel_size_m,
        layout.unit,
        tuple(mean),
        tuple(max(value, 1e-9) for value in std),
        output.legend,
        "reflectance",
        Sight(1, reach_px(sigma_px)),
        {"archive": archive.manifest["fingerprint"], "patches": len(archive.part("train"))},
        output=output,
    )
