"""EuroSAT, multispectral: a folder a class with GeoTIFFs of 64 x 64 pixels and 13 bands, as published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from landweave.config import nearest
from landweave.datasets.folders import Folders, FoldersJob, PatchFolder
from landweave.datasets.lists import read_lists
from landweave.errors import LegendError, SceneError, SensorError, SplitError
from landweave.legend import Legend, legend
from landweave.patches.layout import make_layout
from landweave.patches.sample import Counts
from landweave.raster.files import layer_names
from landweave.sensors import Sensor, sensor

NAME = "eurosat"
PATCH_PX = 64


def find(job: FoldersJob) -> Folders:
    """The patches of EuroSAT below `job.folder`, which holds a folder for each class: Forest/Forest_1.tif.

    The bands of its files are B01 to B09, B10, B11, B12 and then B8A (Helber et al. 2019); files that name their
    bands otherwise are refused.

    Raises:
        SceneError: There is no patch.
        LegendError: A folder is no class of EuroSAT, or the legend is another.
        SensorError: The bands of a file are not those of EuroSAT.
        SplitError: A published split is asked for, and there is none.
    """
    known = sensor(NAME)
    classes = _legend(job)
    if job.split == "published":
        raise SplitError("split published for eurosat", "split blocks", "leave --set split=published away: it has none")
    away, counts, found = read_lists(job.exclude), Counts(), []
    layers = {name: place for place, name in enumerate(known.band_names, 1)}
    for path in sorted(job.folder.rglob("*.tif")):
        label = _class_of(path, classes)
        if path.stem in away:
            counts.leave("left: in a list to leave away")
        else:
            found.append(PatchFolder(path.stem, dict.fromkeys(layers, path), (label,), 0.0, layers=layers))
    if not found:
        raise SceneError(
            f"{job.folder} with no GeoTIFF in it",
            "EuroSAT's multispectral version: a folder for each class with GeoTIFFs of 13 bands",
            "check the folder; the RGB version (JPEG) is another data set",
        )
    _check_bands(found, known)
    layout = make_layout(known, job.bands or known.band_names, PATCH_PX, classes, targets=job.targets)
    return Folders(tuple(found), layout, {}, counts.left)


def _legend(job: FoldersJob) -> Legend:
    if job.legend not in (None, NAME) or job.targets != ("classes",):
        raise LegendError(
            f"legend {job.legend} and targets {', '.join(job.targets)} for eurosat",
            f"legend {NAME} and targets classes: one class a patch",
            "leave --legend and --set targets=... away",
        )
    return legend(NAME)


def _class_of(path: Path, classes: Legend) -> int:
    name = path.parent.name
    if name not in classes.names:
        raise LegendError(
            f"folder {name} with {path.name}",
            f"folders named for classes of eurosat: {nearest(name, classes.names)}",
            "name the folder that holds the ten folders of classes, with nothing else in it",
        )
    return classes.index(name)


def _check_bands(patches: Sequence[PatchFolder], known: Sensor) -> None:
    # One of each class: whoever wrote the others wrote them alike, and numbers are checked when they are read.
    for path in {patch.classes: patch.files["B01"] for patch in patches}.values():
        names = layer_names(str(path))
        told = tuple(name for name in names if name)
        if len(names) != len(known.bands) or (told and told != known.band_names):
            raise SensorError(
                f"{path} with {len(names)} bands" + (f": {', '.join(told)}" if told else ""),
                f"the {len(known.bands)} bands of EuroSAT in its order: {', '.join(known.band_names)}",
                "take the multispectral files as published; B8A is their last band",
            )
