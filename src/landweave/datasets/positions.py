"""Patches of a list, cut from whole products: what BigEarthNet's patch folders hold, from the products themselves."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from odc.geo.geobox import GeoBox
from pydantic import Field

from landweave.datasets.blocks import BlocksJob, Dealt, deal_blocks
from landweave.datasets.labels import Labels
from landweave.datasets.lists import read_lists
from landweave.datasets.places import Place, read_places
from landweave.datasets.products import Products
from landweave.errors import GridError, SceneError, SplitError
from landweave.jobs.executor import Executor
from landweave.jobs.run import Progress
from landweave.jobs.share import WHOLE, Share
from landweave.patches.extract import Cut, PatchTask, cut_shard
from landweave.patches.grids import common_bands, patch_grid
from landweave.patches.job import cut, identity, probe_scenes
from landweave.patches.layout import Layout, make_layout
from landweave.patches.sample import Counts
from landweave.patches.super import with_super
from landweave.provenance import fingerprint
from landweave.raster.catalog import read_catalog
from landweave.raster.scene import Scene
from landweave.tiling import Window

_OUTSIDE = "check that the list was made for these products, and patch_px"


class PositionsJob(BlocksJob):
    """How patches of a list are cut from whole products."""

    scenes: Path
    """The catalog of the products."""
    positions: Path
    """The list: csv, csv.bz2 or parquet with a row a patch (docs/verbs/patch.md); BigEarthNet's metadata.parquet."""
    legend: str | None = None
    """Legend of the labels, to which those of the list are brought by a published crosswalk; left away, the list's."""
    bands: tuple[str, ...] = ()
    """Bands to store; empty for all that the products share."""
    patch_px: int = Field(default=120, ge=1)
    """Edge of a patch in pixels of the finest band."""
    cloud_mask: bool = False
    """Whether pixels that the product's own mask calls cloud or shadow are invalid; published patches keep them."""
    exclude: tuple[Path, ...] = ()
    """Lists of patches to leave away (csv, csv.bz2), for example the published ones of snow and of clouds."""
    min_valid: float = Field(default=0.0, ge=0, le=1)
    """Least share of valid pixels of a patch; patches with less are left away and counted."""
    patches_per_shard: int = Field(default=512, ge=1)
    """Patches of one shard, at most; a shard is what one task cuts."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Found:
    """A patch of the list with its scene and its window on that scene's finest pixels."""

    place: Place
    scene: Scene
    window: Window
    classes: tuple[int, ...]


def run(job: PositionsJob, folder: Path, *, executor: Executor, share: Share = WHOLE) -> Iterator[Progress]:
    """Cut the patches of a list into the archive in `folder`, or what an earlier run of the same job left to do.

    The same patches read from folders give the same numbers, labels and parts.

    Args:
        job: How.
        folder: The archive.
        executor: What runs the tasks; the bytes do not depend on it.
        share: What to do of it; see `patches.job.cut`.

    Raises:
        SceneError: The list cannot be read, or no product of it is in the catalog.
        CatalogError: A patch fits several products.
        LegendError: A label is none of the legend.
        GridError: A patch reaches outside its product, or does not lie on its pixels.
        SplitError: Fewer blocks than parts, or no part in the list where published ones are asked for.
    """
    counts = Counts()
    places = _wanted(job, counts)
    labels = Labels.of(itertools.chain.from_iterable(place.labels for place in places), job.legend, str(job.positions))
    scenes = [scene if job.cloud_mask else dataclasses.replace(scene, mask=None) for scene in read_catalog(job.scenes)]
    used, chosen = _choose(job, places, Products(scenes), counts)
    layout = make_layout(
        used[0].sensor, common_bands(used, job.bands), job.patch_px, labels.wanted, targets=("classes",)
    )
    layout = with_super(layout, job.sharpener)
    grids = {scene.id: patch_grid(scene, layout, None) for scene in used}
    found = list(_on_grids(chosen, grids, layout, labels, counts))
    cuts = _dealt(job, found, grids, counts)
    tasks = list(_tasks(job, used, grids, cuts, partial(PatchTask, folder=folder, layout=layout)))
    probe_scenes(share.take(tasks))
    configuration = {
        **job.model_dump(mode="json"),
        "layout": layout.to_json(),
        "patches": fingerprint([[c.id, c.split, c.classes, c.window.row, c.window.col] for t in tasks for c in t.cuts]),
        "scenes": [identity(scene) for scene in used],
    }
    yield from cut(
        cut_shard,
        tasks,
        executor,
        folder,
        layout,
        configuration=configuration,
        left=counts.left,
        may_touch=job.split == "published",
        share=share,
    )


def _wanted(job: PositionsJob, counts: Counts) -> list[Place]:
    """The places of the list that are not left away, by name."""
    away, every = read_lists(job.exclude), read_places(job.positions)
    kept = sorted((place for place in every if place.id not in away), key=lambda place: place.id)
    counts.leave("left: in a list to leave away", len(every) - len(kept))
    if job.split != "published":
        return kept
    dealt = [place for place in kept if place.split]
    counts.leave("left: in no published part", len(kept) - len(dealt))
    if not dealt:
        raise SplitError(
            f"{job.positions} without a part for any patch",
            "a column split with train, validation or test",
            "add it, or leave --set split=published away",
        )
    return dealt


def _choose(
    job: PositionsJob, places: Sequence[Place], products: Products, counts: Counts
) -> tuple[list[Scene], list[tuple[Place, Scene]]]:
    """The products that have patches, by name, and each patch with its own."""
    pairs = [(place, scene) for place in places if (scene := products.of(place))]
    counts.leave("left: its product is not in the catalog", len(places) - len(pairs))
    if not pairs:
        raise SceneError(
            f"{len(places)} patches of {job.positions}, none of a product in {job.scenes}",
            f"at least one; the first is {places[0].id if places else 'missing'}",
            "catalog the folder of the products the list was made for",
        )
    return sorted({scene.id: scene for _, scene in pairs}.values(), key=lambda scene: scene.id), pairs


def _on_grids(
    pairs: Sequence[tuple[Place, Scene]], grids: Mapping[str, GeoBox], layout: Layout, labels: Labels, counts: Counts
) -> Iterator[_Found]:
    for place, scene in pairs:
        classes = labels.indices(place.labels, place.id)
        if classes:
            yield _Found(place, scene, _window(place, scene, grids[scene.id], layout), classes)
        else:
            counts.leave("left: no label of this legend")


def _window(place: Place, scene: Scene, grid: GeoBox, layout: Layout) -> Window:
    corner = place.corner(grid, layout.patch_px)
    row, col = (round(value) for value in corner)
    window = Window(row, col, layout.patch_px, layout.patch_px)
    # A patch between pixels would be resampled, which nobody asked for.
    off = max(abs(corner[0] - row), abs(corner[1] - col)) > 1e-3 or row % layout.step_px or col % layout.step_px
    if off or window.clip(Window(0, 0, grid.shape[0], grid.shape[1])) != window:
        raise GridError(
            f"patch {place.id} at row {corner[0]:g}, column {corner[1]:g} of {scene.id}",
            f"{layout.patch_px} pixels within {tuple(grid.shape)}, from a multiple of {layout.step_px} on",
            _OUTSIDE,
        )
    return window


def _dealt(
    job: PositionsJob, found: Sequence[_Found], grids: Mapping[str, GeoBox], counts: Counts
) -> dict[str, list[Cut]]:
    """The cuts of each scene."""
    cuts: dict[str, list[Cut]] = {}
    if job.split == "published":
        dealt = [Dealt("published", entry.place.split, True) for entry in found if entry.place.split]
    else:
        dealt = deal_blocks(job, [entry.window.on(grids[entry.scene.id]) for entry in found])
        counts.leave("left: too near to another part", sum(not at.keep for at in dealt))
    for entry, at in zip(found, dealt, strict=True):
        if at.keep:
            made = Cut(entry.place.id, entry.window, at.block, at.split, classes=entry.classes)
            cuts.setdefault(entry.scene.id, []).append(made)
    return cuts


def _tasks(
    job: PositionsJob,
    scenes: Sequence[Scene],
    grids: Mapping[str, GeoBox],
    cuts: Mapping[str, list[Cut]],
    make: partial[PatchTask],
) -> Iterator[PatchTask]:
    for number, scene in enumerate(scenes):
        # Row by row: neighbours then share what is decoded of a file.
        row = sorted(cuts.get(scene.id, []), key=lambda cut: (cut.window.row, cut.window.col))
        num_shards = -(-len(row) // job.patches_per_shard)
        for shard in range(num_shards):
            some = row[shard * len(row) // num_shards : (shard + 1) * len(row) // num_shards]
            yield make(
                key=f"{number:05d}-{shard:04d}",
                scene=scene,
                grid=grids[scene.id],
                cuts=tuple(some),
                labels=None,
                min_valid=job.min_valid,
            )
