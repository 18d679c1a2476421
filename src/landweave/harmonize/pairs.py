"""An archive of pairs: found in a catalog, looked at, and cut where both sensors see the same land."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from landweave.config import Config
from landweave.errors import ConfigError, GridError, SceneError, SensorError, TaskError
from landweave.harmonize.angles import angles_of
from landweave.harmonize.cut import CutTask, cut_pairs
from landweave.harmonize.look import Looked, LookTask, look, read_look
from landweave.harmonize.match import Pair, Wish, find
from landweave.harmonize.register import Offset
from landweave.harmonize.views import Sizes
from landweave.jobs.executor import Executor
from landweave.jobs.ledger import opened
from landweave.jobs.run import Progress, fulfil
from landweave.legend import LandClass, Legend
from landweave.patches.extract import Cut, plane
from landweave.patches.job import cut, identity
from landweave.patches.layout import Layout, Paired, make_layout
from landweave.patches.sample import Split
from landweave.patches.split import Blocks, Fractions, deal
from landweave.raster.catalog import read_catalog
from landweave.sensors import Sensor
from landweave.tiling import Window

LOOKS = ".looks"
NO_CLASSES = Legend("none", "pairs of two sensors have no classes", (LandClass(1, "land", "#808080"),))
# Published offsets of Landsat and Sentinel-2 against each other lie below half a pixel; more is a mistake somewhere.
MOST_OFFSET_PX = 1.0
MEND = "mend the cause and run the same command again with --retry-failed"
_Percent = Annotated[float, Field(ge=0, le=100)]


class PairsJob(Config):
    """What `landweave harmonize pairs` is to do."""

    scenes: Path
    """Catalog of the scenes of both sensors."""
    source: str = "sentinel-2-l2a"
    """The sensor whose scenes shall look like the other's."""
    target: str = "landsat-8-c2l2"
    """The other sensor."""
    bands: tuple[str, ...] = ("B02", "B03", "B04", "B08", "B11", "B12")
    """Bands of the first, each beside the one of the other that it shall become."""
    target_bands: tuple[str, ...] = ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7")
    """Bands of the other, all of one pixel size."""
    days: int = Field(default=1, ge=0)
    """Days between the scenes of a pair, at most."""
    cloud: float = Field(default=0.3, ge=0, le=1)
    """Share of clouds of a scene, at most."""
    patch_px: int = Field(default=128, ge=1)
    """Edge of a patch in the other sensor's pixels."""
    stride_px: int | None = Field(default=None, ge=1)
    """Pixels from one patch to the next within a block; half a patch where left away."""
    block_patches: int = Field(default=2, ge=1)
    """Patches along the edge of a block, not counting those that overlap; a block is for one part as a whole."""
    gap_px: int = Field(default=16, ge=1)
    """Pixels between blocks, rounded up to where pixels of all bands begin together."""
    fractions: Fractions = (0.6, 0.2, 0.2)
    """Shares of the blocks for training, validation and test."""
    seed: int = 0
    """Decides which block goes where."""
    test_days: tuple[dt.date, ...] = ()
    """Days that nothing is trained on: pairs of these days are for test, in blocks of test; other days are not."""
    saturate: tuple[_Percent, _Percent] = (1.0, 99.0)
    """Percentiles of each band of a scene at which its values end; 0 and 100 keep them all."""
    correct: bool = False
    """Read the other sensor's scenes where they were found to lie, rather than where they say."""
    min_valid: float = Field(default=0.9, ge=0, le=1)
    """Least share of a patch that is free of clouds, their shadows and snow for both sensors."""
    patches_per_shard: int = Field(default=64, ge=1)
    """Patches of one shard, at most."""

    @field_validator("bands", "target_bands", "test_days", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, dt.date):
            return (value,)
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.bands) != len(self.target_bands):
            raise ValueError("as many bands of the one sensor as of the other, in the same order")
        if self.saturate[0] >= self.saturate[1]:
            raise ValueError("saturate must have its lower percentile first")
        return self


@dataclass(frozen=True)
class Found:
    """What a catalog gives before a pixel is read.

    Attributes:
        pairs: By day.
        layout: What each patch looks like.
        sizes: Bands of the first sensor.
        left: What was left away, by reason.
    """

    pairs: tuple[Pair, ...]
    layout: Layout
    sizes: Sizes
    left: Mapping[str, int]


def run(job: PairsJob, out: Path, executor: Executor) -> Iterator[Progress]:
    """Cut the archive of pairs in `out`, or what an earlier run of the same job left to do.

    What was found of each pair stands in archive.json.

    Raises:
        CatalogError: No pair is found.
        GridError: All pairs have no land in common, or lie off each other by more than a pixel.
        SceneError: No pair has a pixel that is valid for both.
        LandweaveError: What cannot work is refused before the first patch is cut.
    """
    found = prepare(job)
    tasks = [LookTask((out / LOOKS).resolve(), pair, found.sizes, found.layout, job.saturate) for pair in found.pairs]
    asked = {"saturate": job.saturate, "layout": found.layout.to_json(), "scenes": _identities(found.pairs)}
    with opened(out / LOOKS, asked) as ledger:
        yield from fulfil(look, tasks, executor, ledger, phase="look", unit="pairs", intact=lambda t: t.path.is_file())
        failed = dict(ledger.failed)
    looked = {task.pair.key: read_look(task.path) for task in tasks if task.key not in failed}
    if not looked:
        raise TaskError(f"pairs that all failed: {next(iter(failed.values()))}", "one that can be read", MEND)
    kept, left = _sound(job, found, looked)
    told = {"pairs": [_told(pair, looked) for pair in kept]}
    configuration = {**job.model_dump(mode="json", exclude={"scenes"}), **asked, **told}
    cuts = plan(job, kept, found.sizes)
    shards = _tasks(job, out, found, looked, cuts)
    yield from cut(
        cut_pairs, shards, executor, out, found.layout, configuration=configuration, left={**found.left, **left}
    )


def _identities(pairs: Sequence[Pair]) -> list[Any]:
    return [[identity(pair.source), identity(pair.target)] for pair in pairs]


def _told(pair: Pair, looked: Mapping[str, Looked]) -> dict[str, Any]:
    found = looked[pair.key]
    told = dataclasses.asdict(found.offset) if found.offset else None
    named: dict[str, Any] = {"source": pair.source.id, "target": pair.target.id, "days": pair.days}
    angles = angles_of(pair.source)
    named |= {"angles": dataclasses.asdict(angles) if angles else None}
    return {**named, "valid_share": found.valid_share, "offset": told, "limits": dict(found.limits)}


def prepare(job: PairsJob) -> Found:
    """The pairs of a job, and what patches of them look like; reads no pixel.

    Raises:
        LandweaveError: Sensors, bands, sizes or scenes do not fit together.
    """
    scenes = read_catalog(job.scenes)
    sensors = {scene.sensor.name: scene.sensor for scene in scenes}
    sizes, layout = shape(job, sensors)
    pairs, left = find(scenes, Wish(job.source, job.target, job.days, job.cloud), sizes)
    for pair in pairs:
        pair.source.require(job.bands)
        pair.target.require(job.target_bands)
    return Found(pairs, layout, sizes, left)


def shape(job: PairsJob, sensors: Mapping[str, Sensor]) -> tuple[Sizes, Layout]:
    """What patches of two sensors look like.

    Raises:
        SensorError: A band is unknown, or bands of the other sensor differ in size.
        RadiometryError: The bands of one sensor have several units.
        ConfigError: Patches do not hold whole pixels of every band.
    """
    # Sensors that the catalog lacks are named by `find`, with those that it has.
    if missing := [name for name in (job.source, job.target) if name not in sensors]:
        raise SensorError(
            f"a catalog without a scene of {missing[0]}",
            f"scenes of both sensors; it has {', '.join(sorted(sensors))}",
            "catalog the other sensor's scenes too, or name the sensors with --set source=... target=...",
        )
    source, target = sensors[job.source], sensors[job.target]
    others = target.select(job.target_bands)
    if len({band.pixel_size_m for band in others}) > 1 or len({band.unit for band in others}) > 1:
        raise SensorError(
            f"bands {', '.join(job.target_bands)} of several pixel sizes or units", "one of each", "choose other bands"
        )
    own = source.select(job.bands)
    sized = {
        size: tuple(band.name for band in source.bands if band in own and band.pixel_size_m == size)
        for size in sorted({band.pixel_size_m for band in own})
    }
    sizes = Sizes(sized, others[0].pixel_size_m)
    step = math.lcm(sizes.step_px)
    if job.patch_px % step or stride(job) % step:
        raise ConfigError(
            f"patches of {job.patch_px} pixels every {stride(job)}",
            f"multiples of {step}, so that each band has whole pixels",
            "choose other sizes",
        )
    layout = make_layout(source, job.bands, job.patch_px * sizes.ratio, NO_CLASSES, targets=())
    nodata = None if target.nodata is None or math.isnan(target.nodata) else float(target.nodata)
    pair = Paired(sizes.pixel_size_m, job.patch_px, others, nodata, target.name)
    return sizes, dataclasses.replace(layout, pair=pair)


def stride(job: PairsJob) -> int:
    """Pixels from one patch to the next within a block."""
    return job.stride_px or max(job.patch_px // 2, 1)


def _sound(job: PairsJob, found: Found, looked: Mapping[str, Looked]) -> tuple[list[Pair], dict[str, int]]:
    """The pairs that can be cut, and why others cannot."""
    there = [pair for pair in found.pairs if pair.key in looked]
    seen = [pair for pair in there if looked[pair.key].valid_share > 0]
    if not seen:
        raise SceneError(
            f"{there[0].name} and {len(there) - 1} more pairs without a pixel that is valid for both",
            "land that both sensors see without clouds and snow",
            "choose clearer scenes, or look at their masks",
        )
    near = [pair for pair in seen if job.correct or _length(looked[pair.key].offset) <= MOST_OFFSET_PX]
    if not near:
        worst = min(seen, key=lambda pair: _length(looked[pair.key].offset))
        raise GridError(
            f"{worst.name}, which lie {_length(looked[worst.key].offset):.2f} pixels off each other",
            f"at most {MOST_OFFSET_PX:g} pixel of {found.sizes.pixel_size_m:g} m",
            "check their georeference, or have the second scene moved with --correct and another -o",
        )
    away = {
        "left: pairs without a valid pixel": len(there) - len(seen),
        "left: pairs more than a pixel off each other": len(seen) - len(near),
        "failed: pairs that could not be read": len(found.pairs) - len(there),
    }
    return near, {why: num for why, num in away.items() if num}


def _length(offset: Offset | None) -> float:
    return offset.length_px if offset else 0.0


def plan(job: PairsJob, pairs: Sequence[Pair], sizes: Sizes) -> list[tuple[Pair, list[Cut]]]:
    """Which patches are cut of every pair, and which part each belongs to: blocks lie alike on all days.

    Raises:
        SplitError: There are fewer blocks than parts.
        ConfigError: No pair is of a day for test.
    """
    days = {pair.target.datetime.date() for pair in pairs}
    if missing := [day for day in job.test_days if day not in days]:
        raise ConfigError(
            f"test_days with {missing[0]}",
            f"days of pairs: {', '.join(map(str, sorted(days)))}",
            "correct --set test_days=...",
        )
    step = sizes.step_px
    blocks = Blocks(job.patch_px, job.block_patches, math.ceil(job.gap_px / step) * step)
    corners = _corners(pairs, step)
    every = [(pair, list(_windows(job, blocks, pair, corner))) for pair, corner in zip(pairs, corners, strict=True)]
    dealt = deal((block for _, row in every for block, _ in row), job.fractions, job.seed)
    return [(pair, list(_kept(job, pair, row, dealt))) for pair, row in every]


def _corners(pairs: Sequence[Pair], step: int) -> list[tuple[int, int]]:
    """(row, col) of each pair's first pixel on the plane of its CRS; scenes without one have a plane each."""
    first: dict[str, Any] = {}
    found = []
    for pair in pairs:
        anchor = first.setdefault(plane(pair.grid) or pair.source.id, pair.grid)
        col, row = ~anchor.affine * (pair.grid.affine.c, pair.grid.affine.f)
        found.append((round(row / step) * step, round(col / step) * step))
    return found


def _windows(job: PairsJob, blocks: Blocks, pair: Pair, corner: tuple[int, int]) -> Iterator[tuple[str, Window]]:
    """Block and window of every patch that lies wholly within a pair's land, by block."""
    name, size, pitch = plane(pair.grid) or pair.source.id, job.patch_px, blocks.pitch_px
    inner = range(0, (job.block_patches - 1) * size + 1, stride(job))
    spans = [
        range(start // pitch, (start + side - 1) // pitch + 1)
        for start, side in zip(corner, pair.grid.shape, strict=True)
    ]
    whole = Window.of((pair.grid.shape[0], pair.grid.shape[1]))
    for row in spans[0]:
        for col in spans[1]:
            for down in inner:
                for right in inner:
                    window = Window(row * pitch + down - corner[0], col * pitch + right - corner[1], size, size)
                    if window.clip(whole) == window:
                        yield f"{name}/{row}_{col}", window


def _kept(job: PairsJob, pair: Pair, row: Sequence[tuple[str, Window]], dealt: Mapping[str, Split]) -> Iterator[Cut]:
    is_test = pair.target.datetime.date() in job.test_days
    for block, window in row:
        split = dealt[block]
        # A day that nothing is trained on, on land that nothing is trained on.
        if not job.test_days or is_test == (split == "test"):
            yield Cut(f"{pair.key}_{window.row}_{window.col}", window, block, split)


def _tasks(
    job: PairsJob, out: Path, found: Found, looked: Mapping[str, Looked], cuts: Sequence[tuple[Pair, list[Cut]]]
) -> list[CutTask]:
    made = []
    for number, (pair, row) in enumerate(cuts):
        told = looked[pair.key]
        limits = tuple((name, *ends) for name, ends in sorted(told.limits.items()))
        num = math.ceil(len(row) / job.patches_per_shard)
        for shard in range(num):
            some = tuple(row[shard * len(row) // num : (shard + 1) * len(row) // num])
            made.append(
                CutTask(f"{number:05d}-{shard:04d}", out, found.layout, found.sizes, pair, some, limits,
                        told.offset if job.correct else None, job.min_valid)
            )  # fmt: skip
    return made
