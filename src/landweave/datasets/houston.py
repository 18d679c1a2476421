"""Houston 2018 (IEEE GRSS Data Fusion Contest): an aerial picture in tiles and a cube of 48 bands, as pairs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

from odc.geo.geobox import GeoBox

from landweave.datasets.pairs import PairChoice, Rasters, Source, run
from landweave.errors import SceneError
from landweave.jobs.executor import Executor
from landweave.jobs.run import Progress
from landweave.jobs.share import WHOLE, Share
from landweave.legend import legend
from landweave.raster.files import grid_of, layer_names
from landweave.raster.scene import BandFile, Scene
from landweave.sensors import Sensor, sensor

NAME: Final = "houston-2018"
# Names of the files in the folders of phase 1 and of phase 2, wherever they lie below the folder that is given.
_PICTURES, _LABELS = "UH_NAD83_*_*.tif", "2018_IEEE_GRSS_DFC_GT_TR.tif"
_CUBES = ("20170218_UH_CASI_S4_NAD83", "2018_IEEE_GRSS_DFC_HSI_TR")
# Of an ENVI file the numbers are opened, not the header beside them.
_NUMBERS = (".pix", ".tif", ".tiff", ".dat", ".img", "")
_TAKEN = dt.datetime(2017, 2, 16, tzinfo=dt.UTC)


class HoustonJob(PairChoice):
    """How the data set becomes an archive of pairs."""

    dataset: Literal["houston-2018"] = NAME
    """Its name."""
    folder: Path
    """Where it lies, as published; files are found by their names."""
    legend: Literal["houston-20"] = "houston-20"
    """The legend of its classes."""
    bands: tuple[str, ...] = ("R", "G", "B")
    """Bands of the picture."""


def run_houston(job: HoustonJob, folder: Path, *, executor: Executor, share: Share = WHOLE) -> Iterator[Progress]:
    """Cut pairs of the contest's data, or what an earlier run of the same job left to do.

    Tiles of the picture that meet the class raster are merged; of the cube's 50 layers the first 48 are its bands.

    Raises:
        LandweaveError: A file is missing or damaged, or as `pairs.run`.
    """
    yield from run(job, find(job), folder, executor=executor, share=share)


def find(job: HoustonJob) -> Rasters:
    """The files of the data set as scenes.

    Raises:
        SceneError: One is missing, or there are several of what there is one of, or the cube has other layers.
    """
    labels = _one(job.folder, list(job.folder.rglob(_LABELS)), _LABELS)
    grid = grid_of(str(labels))
    pictures = sorted(path for path in job.folder.rglob(_PICTURES) if _meets(grid_of(str(path)), grid))
    if not pictures:
        raise _missing(job.folder, "no tile of the picture that meets the class raster", _PICTURES)
    cubes = [path for name in _CUBES for path in job.folder.rglob(f"{name}*") if _is_cube(path, name)]
    cube = _one(job.folder, cubes, _CUBES[0])
    camera, spectrometer = sensor("aerial-rgb"), sensor("airborne-48")
    if (num := len(layer_names(str(cube)))) < len(spectrometer.bands):
        raise SceneError(
            f"{cube} with {num} layers", f"{len(spectrometer.bands)} bands first", "take the file as published"
        )
    finer = tuple(_scene(path, camera, job.bands, None) for path in pictures)
    other = _scene(cube, spectrometer, spectrometer.band_names, 0.0)
    return Rasters(Source(finer, job.bands), Source((other,), spectrometer.band_names), labels, legend(job.legend))


def _is_cube(path: Path, name: str) -> bool:
    return path.name.removeprefix(name).lower() in _NUMBERS and path.is_file()


def _one(folder: Path, found: Sequence[Path], name: str) -> Path:
    if len(found) != 1:
        raise _missing(folder, f"{len(found)} files {name}", f"one file {name}")
    return found[0]


def _missing(folder: Path, given: str, expected: str) -> SceneError:
    return SceneError(
        f"{folder} with {given}",
        f"{expected}, as the contest published it",
        "unpack the data set there whole, phase 1 or phase 2, or name its folder with --folder",
    )


def _meets(one: GeoBox, other: GeoBox) -> bool:
    a, b = one.boundingbox, other.boundingbox
    return bool(a.left < b.right and b.left < a.right and a.bottom < b.top and b.bottom < a.top)


def _scene(path: Path, known: Sensor, bands: Sequence[str], nodata: float | None) -> Scene:
    names = known.band_names
    files = {name: BandFile(str(path.resolve()), names.index(name) + 1, nodata=nodata) for name in bands}
    return Scene(path.stem, known, _TAKEN, grid_of(str(path)), files)
