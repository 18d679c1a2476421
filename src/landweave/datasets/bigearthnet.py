"""BigEarthNet, version 1 and 2: patch folders as published, with the labels and splits that came with them."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet

from landweave.datasets.folders import Folders, FoldersJob, PatchFolder
from landweave.datasets.labels import Labels
from landweave.datasets.lists import lines, read_lists
from landweave.errors import LegendError, SceneError, SplitError
from landweave.legend import IGNORE, Legend, crosswalk, legend
from landweave.patches.layout import make_layout
from landweave.patches.sample import Counts, Split
from landweave.sensors import sensor

PATCH_PX = 120
_BAND = re.compile(r"_(B\d[0-9A]|B\d\d)\.tiff?$", re.IGNORECASE)
_FILES: Mapping[Split, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("val", "validation"),
    "test": ("test",),
}
METADATA = "metadata.parquet"
COLUMNS = ("patch_id", "labels", "split", "contains_seasonal_snow", "contains_cloud_or_shadow")


def find_v1(job: FoldersJob) -> Folders:
    """The patches of BigEarthNet version 1 below `job.folder`: a folder each, with 12 GeoTIFFs and a json of labels.

    The published split stands in train.csv, val.csv and test.csv (or .csv.bz2), in the folder or one below it.

    Raises:
        SceneError: There is no patch, or a json is damaged.
        LegendError: A label is none of the 43, or the legend is none of BigEarthNet's.
        RadiometryError: The processing baseline does not tell the offset, or contradicts --offset.
        SplitError: The published split is missing, or holds a patch twice.
    """
    known, labels = sensor("sentinel-2-l2a"), _labels("bigearthnet-43", job.legend or "bigearthnet-43")
    parts = read_parts(job.folder) if job.split == "published" else {}
    away = read_lists(job.exclude)
    counts, found = Counts(), []
    for path in sorted(job.folder.rglob("*_labels_metadata.json")):
        name = path.name.removesuffix("_labels_metadata.json")
        if not (files := band_files(path.parent)):
            continue  # A Sentinel-1 partner has the same json and other files.
        note = _read_json(path)
        classes = labels.indices(note["labels"], path)
        if name in away:
            counts.leave("left: in a list to leave away")
        elif not classes:
            counts.leave("left: no label of this legend")
        else:
            # Patches were cut from level 1C products whose names tell the baseline; their own do not.
            product = str(note.get("tile_source", ""))
            added = known.offset_number(_baseline(product), job.offset)
            time = str(note.get("acquisition_date", "")).replace(" ", "T")
            scene = product.removesuffix(".SAFE")
            found.append(PatchFolder(name, files, classes, added, parts.get(name, ""), None, scene, time))
    return _folders(job, found, counts, labels)


def find_v2(job: FoldersJob) -> Folders:
    """The patches of BigEarthNet version 2 below `job.folder`: BigEarthNet-S2/PRODUCT/PATCH/PATCH_BAND.tif.

    Labels (19 classes) and split stand in metadata.parquet, maps of pixels in Reference_Maps/PRODUCT/PATCH/.

    Raises:
        SceneError: There is no patch, or no metadata.parquet in its published columns.
        LegendError: A label is none of the 19, or the legend is none of BigEarthNet's.
        RadiometryError: The processing baseline (N9999) does not tell the offset and nobody did.
        SplitError: A part has a name that is none.
    """
    known, labels = sensor("sentinel-2-l2a"), _labels("bigearthnet-19", job.legend or "bigearthnet-19", job.targets)
    table = read_metadata(job.metadata or _find_metadata(job.folder))
    maps = {path.name.removesuffix("_reference_map.tif"): path for path in job.folder.rglob("*_reference_map.tif")}
    away = read_lists(job.exclude)
    counts, found = Counts(), []
    for path in sorted({path.parent for path in job.folder.rglob("*_B02.tif")}):
        if path.name in away:
            counts.leave("left: in a list to leave away")
        # The published table leaves out patches with snow or clouds: what it lacks has no labels.
        elif path.name not in table:
            counts.leave(f"left: not in {METADATA}")
        else:
            note = table[path.name]
            classes = labels.indices(note["labels"], path) if "classes" in job.targets else ()
            added = known.offset_number(_baseline(path.name), job.offset)
            scene, time = path.name.rsplit("_", 2)[0], _time(path.name)
            files, reference = band_files(path), maps.get(path.name)
            found.append(PatchFolder(path.name, files, classes, added, note["split"], reference, scene, time))
    return _folders(job, found, counts, labels)


def _labels(published: str, wanted: str, targets: Sequence[str] = ("classes",)) -> Labels:
    """Published names to indices of the legend that was asked for."""
    # From 43 classes one can go to 19, never back; maps hold CORINE's own codes, from which both can be had.
    kinds = ("bigearthnet-43", "bigearthnet-19")
    back = wanted in kinds and kinds.index(wanted) < kinds.index(published)
    if wanted not in kinds or (back and "classes" in targets):
        raise LegendError(
            f"legend {wanted} for labels in {published}",
            " or ".join(kinds[kinds.index(published) :]),
            "name that with --legend, or take the masks alone with --set targets=['mask']",
        )
    return Labels.make(wanted if back else published, wanted)


def _codes(wanted: Legend) -> dict[int, int]:
    """Class index of each CORINE code; codes that the crosswalk drops are left away."""
    corine = legend("corine-44")
    table = crosswalk("corine-44", wanted.name).indices()
    return {
        entry.code: int(table[index])
        for index, entry in enumerate(corine.classes)
        if entry.code is not None and table[index] != IGNORE
    }


def _folders(job: FoldersJob, found: list[PatchFolder], counts: Counts, labels: Labels) -> Folders:
    if not found:
        raise SceneError(
            f"{job.folder} with no patch of {job.dataset}" + "".join(f"; {n} {why}" for why, n in counts.left.items()),
            "patch folders as published, each with its GeoTIFFs and labels",
            "check the folder, and that the data set is unpacked and the one that was named",
        )
    bands = job.bands or sensor("sentinel-2-l2a").band_names
    layout = make_layout(sensor("sentinel-2-l2a"), bands, PATCH_PX, labels.wanted, targets=job.targets)
    return Folders(tuple(found), layout, _codes(labels.wanted) if "mask" in job.targets else {}, counts.left)


def band_files(folder: Path) -> dict[str, Path]:
    """Band to file of one patch folder."""
    return {match.group(1).upper(): path for path in sorted(folder.iterdir()) if (match := _BAND.search(path.name))}


def _baseline(product: str) -> str | None:
    found = re.search(r"_N(\d{4})_", product)
    return found.group(1) if found else None


def _time(product: str) -> str:
    found = re.search(r"_(\d{8}T\d{6})_", product)
    return dt.datetime.strptime(found.group(1), "%Y%m%dT%H%M%S").isoformat() if found else ""


def _read_json(path: Path) -> dict[str, Any]:
    try:
        note = json.loads(path.read_text("utf-8"))
        if not isinstance(note["labels"], list):
            raise TypeError("labels is no list")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SceneError(
            f"{path}: {error!r}", 'a json with a list of "labels", as published', "copy that patch again"
        ) from error
    return dict(note)


def read_parts(folder: Path) -> dict[str, Split]:
    """The published split of version 1: part of each patch.

    Raises:
        SplitError: A list is missing, or a patch stands in two.
    """
    parts: dict[str, Split] = {}
    for split, names in _FILES.items():
        # Not everywhere below: a walk through half a million patch folders takes minutes.
        lists = _near_top(folder, *(f"{name}{ending}" for name in names for ending in (".csv", ".csv.bz2")))
        if not lists:
            raise SplitError(
                f"{folder} without {names[0]}.csv or {names[0]}.csv.bz2",
                "the three published lists of patches",
                "copy them into the folder, or leave --set split=published away",
            )
        for name in lines(lists[0]):
            if parts.setdefault(name, split) != split:
                raise SplitError(
                    f"patch {name} in the parts {parts[name]} and {split}",
                    "parts that do not overlap",
                    "take the published lists, or leave --set split=published away",
                )
    return parts


def _near_top(folder: Path, *names: str) -> list[Path]:
    """Files with one of these names in the folder or in one just below it."""
    return [path for name in names for path in sorted([*folder.glob(name), *folder.glob(f"*/{name}")])]


def _find_metadata(folder: Path) -> Path:
    found = _near_top(folder, METADATA)
    if not found:
        raise SceneError(
            f"{folder} without {METADATA}",
            f"the published {METADATA} with labels and split of each patch",
            "copy it into the folder, or say where it lies with --set metadata=FILE",
        )
    return found[0]


def read_metadata(path: Path) -> dict[str, dict[str, Any]]:
    """The table of version 2: labels and part of each patch.

    Raises:
        SceneError: It cannot be read, or lacks a published column.
        SplitError: A part has a name that is none.
    """
    try:
        table = pyarrow.parquet.read_table(path, columns=["patch_id", "labels", "split"])
    except (OSError, ValueError) as error:
        raise SceneError(
            f"{path}: {error}", f"a table with the columns {', '.join(COLUMNS[:3])}", "copy the published file again"
        ) from error
    rows = {row["patch_id"]: row for row in table.to_pylist()}
    if foreign := sorted({str(row["split"]) for row in rows.values()} - set(_FILES)):
        raise SplitError(
            f"parts {', '.join(foreign)} in {path}", f"parts {', '.join(_FILES)}", "take the published file"
        )
    return rows
