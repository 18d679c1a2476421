"""Sentinel-2 products as scenes: SAFE folders, and folders with one file a band."""

from __future__ import annotations

import datetime as dt
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from landweave.errors import RadiometryError, SceneError
from landweave.raster.files import grid_of
from landweave.raster.scene import BandFile, MaskFile, Scene, check_grids
from landweave.sensors import Sensor, sensor

# S2B_MSIL2A_20200223T032739_N9999_R018_T48QUE_20230924T183543, with or without what follows the level and time.
_PRODUCT = re.compile(r"(S2[A-D])_MSIL(1C|2A)_(\d{8}T\d{6})(?:_N(\d{4}))?")
_BAND = re.compile(r"(?:^|_)B(\d{1,2}|8A)(?:_(\d+)m)?$", re.IGNORECASE)
_SCL = re.compile(r"(?:^|_)SCL(?:_(\d+)m)?$", re.IGNORECASE)
_RASTER = {".jp2", ".tif", ".tiff"}


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a product says of itself, in its metadata or its name."""

    id: str
    level: str
    datetime: dt.datetime
    baseline: str | None
    cloud_cover: float | None = None
    quantification: float = 10000.0
    offsets: Mapping[str, float] = field(default_factory=dict)


def is_safe(folder: Path) -> bool:
    """Whether `folder` is a SAFE folder, or one laid out like it."""
    return folder.suffix.upper() == ".SAFE" or any(folder.glob("MTD_MSIL[12][AC].xml"))


def is_band_folder(folder: Path) -> bool:
    """Whether `folder` holds Sentinel-2 bands, one a file, with a product's name or Earth Engine's metadata.json."""
    bands = {name for path in _rasters(folder.iterdir()) if (name := _band_name(path))}
    # One band alone is no folder of bands: anybody's B2.tif would be.
    return len(bands) > 1 and (bool(_PRODUCT.search(folder.name)) or _earth_engine(folder) is not None)


def read_safe(folder: Path, told: float | None) -> Scene:
    """The scene of a SAFE folder with any part of its bands and resolutions.

    Of several resolutions of a band its own is taken, else the finest that is there.

    Raises:
        SceneError: Metadata or bands are missing or damaged.
        RadiometryError: Metadata and baseline contradict each other or do not tell the offset.
    """
    facts = _safe_facts(folder)
    files = [path for path in _rasters(folder.rglob("*")) if "IMG_DATA" in path.parts]
    return _scene(folder, facts, files, told)


def read_band_folder(folder: Path, told: float | None) -> Scene:
    """The scene of a folder with one file a band; product, time and baseline from its name or metadata.json.

    Raises:
        SceneError: Bands are damaged.
        RadiometryError: The baseline does not tell the offset, and nobody does.
    """
    facts = _earth_engine(folder) or _named_facts(folder.name)
    if facts is None:
        raise _no_metadata(folder)
    return _scene(folder, facts, _rasters(folder.iterdir()), told)


def _scene(folder: Path, facts: _Facts, paths: Iterable[Path], told: float | None) -> Scene:
    known = sensor(f"sentinel-2-l{facts.level.lower()}")
    # Looked through several times, for bands and for the mask.
    paths = list(paths)
    bands = _best(paths, known)
    if not bands:
        raise SceneError(f"{folder} without any band", "files such as B04.tif or *_B04_10m.jp2", "fetch the bands")
    files = {
        name: BandFile(str(path), 1, 1 / facts.quantification, _offset(folder, facts, known, name, told), known.nodata)
        for name, path in bands.items()
    }
    mask = _mask(paths)
    grids = {name: grid_of(file.href) for name, file in files.items()}
    check_grids(facts.id, {**grids, **({"its mask": grid_of(mask.href)} if mask else {})})
    return Scene(
        id=facts.id,
        sensor=known,
        datetime=facts.datetime,
        grid=min(grids.values(), key=lambda grid: abs(grid.affine.a)),
        files=files,
        mask=mask,
        baseline=facts.baseline,
        cloud_cover=facts.cloud_cover,
    )


def _offset(folder: Path, facts: _Facts, known: Sensor, name: str, told: float | None) -> float:
    """The physical offset of a band; metadata count like a user's word, and must agree with the baseline."""
    stated = facts.offsets.get(name)
    # Two voices that differ: guessing would be wrong by 0.1 reflectance in every pixel.
    if stated is not None and told is not None and stated != told:
        raise RadiometryError(
            f"offset {told:g} for {folder}, whose metadata state {stated:g}",
            "the offset that the metadata state",
            "leave --offset away",
        )
    return known.offset_number(facts.baseline, told if stated is None else stated) / facts.quantification


def _best(paths: list[Path], known: Sensor) -> dict[str, Path]:
    """One file a band, in the sensor's order: at the band's own pixel size, else the finest."""
    found: dict[str, dict[float, Path]] = {}
    for path in paths:
        name, size = _band_name(path), _stated_size(path)
        if name in known.band_names:
            found.setdefault(name, {})[size or known.band(name).pixel_size_m] = path
    best = {}
    for name in known.band_names:
        if sizes := found.get(name):
            # B01 also comes at 20 m, resampled by the agency; statistics of other products were made at its own 60 m.
            best[name] = sizes.get(known.band(name).pixel_size_m) or sizes[min(sizes)]
    return {name: path.resolve() for name, path in best.items()}


def _mask(paths: list[Path]) -> MaskFile | None:
    scl = {int(match[1] or 20): path for path in paths if (match := _SCL.search(path.stem))}
    if scl:
        return MaskFile(str(scl[min(scl)].resolve()), "scl")
    # Major TOM delivers this one instead of SCL; 0 is clear.
    clouds = next((path for path in paths if path.stem == "cloud_mask"), None)
    return MaskFile(str(clouds.resolve()), "cloud_mask") if clouds else None


def _rasters(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.suffix.lower() in _RASTER and not path.name.startswith("."))


def _band_name(path: Path) -> str | None:
    """ "B04" of "..._B04_10m.jp2", "B04.tif" or "B4.tif"."""
    match = _BAND.search(path.stem)
    return f"B{match[1].upper():0>2}" if match else None


def _stated_size(path: Path) -> float | None:
    match = _BAND.search(path.stem)
    return float(match[2]) if match and match[2] else None


def _named_facts(name: str) -> _Facts | None:
    match = _PRODUCT.search(name)
    if match is None:
        return None
    _, level, text, baseline = match.groups()
    time = _time(text)
    return None if time is None else _Facts(name.removesuffix(".SAFE"), level, time, _baseline(baseline))


def _baseline(stated: str | None) -> str | None:
    """ "05.10" of "0510" or "05.10"; "N9999" of 9999, which whoever repacked a product wrote for the real one."""
    digits = (stated or "").replace(".", "")
    return None if not digits else "N9999" if digits == "9999" else f"{digits[:2]}.{digits[2:]}"


def _time(text: str) -> dt.datetime | None:
    """The time in a product's name; None where the digits are none."""
    try:
        return dt.datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def _earth_engine(folder: Path) -> _Facts | None:
    """What Earth Engine's metadata.json says beside bands exported from it."""
    path = folder / "metadata.json"
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        facts = _named_facts(str(values["PRODUCT_ID"]))
    except (ValueError, KeyError, TypeError):
        return None
    if facts is None:
        return None
    baseline = str(values.get("PROCESSING_BASELINE") or facts.baseline)
    return _Facts(facts.id, facts.level, facts.datetime, baseline, values.get("CLOUDY_PIXEL_PERCENTAGE"))


def _safe_facts(folder: Path) -> _Facts:
    path = next(iter(sorted(folder.glob("MTD_MSIL[12][AC].xml"))), None)
    if path is None:
        facts = _named_facts(folder.name)
        if facts is None:
            raise _no_metadata(folder)
        return facts
    try:
        return _xml_facts(ET.parse(path).getroot(), folder.name)
    except (ET.ParseError, OSError, ValueError) as error:
        raise SceneError(
            f"{path}: {error}",
            "a whole product metadata file of Sentinel-2",
            "fetch the product again, or correct the file",
        ) from error


def _xml_facts(root: ET.Element, name: str) -> _Facts:
    # Older baselines called the element by level.
    uri = _text(root, "PRODUCT_URI") or _text(root, "PRODUCT_URI_2A") or _text(root, "PRODUCT_URI_1C") or name
    level = "1C" if "1C" in (_text(root, "PROCESSING_LEVEL") or uri) else "2A"
    quantification = _text(root, "BOA_QUANTIFICATION_VALUE") or _text(root, "QUANTIFICATION_VALUE") or "10000"
    clouds = _text(root, "Cloud_Coverage_Assessment")
    time = _text(root, "PRODUCT_START_TIME")
    if time is None:
        raise ValueError("PRODUCT_START_TIME is missing")
    if not float(quantification) > 0:
        raise ValueError(f"QUANTIFICATION_VALUE {quantification}")
    return _Facts(
        id=uri.removesuffix(".SAFE"),
        level=level,
        datetime=dt.datetime.fromisoformat(time.replace("Z", "+00:00")),
        baseline=_baseline(_text(root, "PROCESSING_BASELINE")),
        cloud_cover=None if clouds is None else float(clouds),
        quantification=float(quantification),
        offsets=dict(_offsets(root)),
    )


# The order of band_id in the metadata of both levels.
_BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
_BAND_IDS = {str(number): name for number, name in enumerate(_BANDS)}


def _offsets(root: ET.Element) -> Iterator[tuple[str, float]]:
    for element in root.iter():
        if element.tag in ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET") and element.text:
            band_id = element.get("band_id", "")
            if band_id not in _BAND_IDS:
                raise ValueError(f"{element.tag} of a band_id {band_id!r}")
            yield _BAND_IDS[band_id], float(element.text)


def _text(root: ET.Element, tag: str) -> str | None:
    found = next((element for element in root.iter(tag)), None)
    return found.text.strip() if found is not None and found.text else None


def _no_metadata(folder: Path) -> SceneError:
    return SceneError(
        f"{folder}, whose name and content do not tell level, time and baseline",
        "MTD_MSIL2A.xml, metadata.json, or a name such as S2B_MSIL2A_20200223T032739_N0500_...",
        "restore the product's name or metadata",
    )
