"""The commands of docs/verbs/patch.md on real data, to the end; what they print about numbers of samples is true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate
from tests.published import bigearthnet as published

from landweave.cli.main import run
from landweave.datasets.lists import read_lists
from landweave.patches.archive import open_archive
from landweave.raster.files import close_files

pytestmark = pytest.mark.real

PAGE = Path(__file__).parents[2] / "docs" / "verbs" / "patch.md"
TEXT = PAGE.read_text(encoding="utf-8")


def commands(heading: str) -> list[str]:
    """The commands in the section under `heading`."""
    section = TEXT.split(f"### {heading}\n")[1].split("\n### ")[0]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    lines = "".join(block for kind, block in blocks if not kind).replace("\\\n", "").splitlines()
    assert len(lines) >= 3
    return lines


def write_files(work: Path) -> None:
    """Every TOML of the page, and links to the data that need a sidecar."""
    for name, content in re.findall(r"```toml\n# (\S+)\n(.*?)```", TEXT, re.DOTALL):
        (work / name).write_text(content)


@pytest.fixture
def work(tmp_path: Path, real_data: Path) -> Path:
    close_files()
    write_files(tmp_path)
    (tmp_path / "amazon").mkdir()
    (tmp_path / "sen2.toml").rename(tmp_path / "amazon" / "sen2.toml")
    (tmp_path / "amazon" / "sen2.tif").symlink_to(real_data / "rstoolbox_amazon" / "sen2.tif")
    (tmp_path / "clouds").mkdir()
    sidecar = (tmp_path / "sentinel2.toml").read_text()
    for name in ("sentinel2", "landsat7"):
        (tmp_path / "clouds" / f"{name}.toml").write_text(sidecar)
        (tmp_path / "clouds" / f"{name}.npz").symlink_to(real_data / "csmask_cloud" / f"{name}.npz")
    return tmp_path


def do(line: str, work: Path, real_data: Path) -> int:
    """Run a command of the page."""
    words = [re.sub(r"\bDATA\b", str(real_data), word) for word in shlex.split(line)[1:]]
    return run([re.sub(r"\bW(?=/)", str(work), word) for word in words])


def test_bigearthnet_v1_from_patches_to_evaluation(
    work: Path, real_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patch, train, evaluate, _ = commands("BigEarthNet: patches, archive, training, evaluation")
    assert do(patch, work, real_data) == 0
    assert "11 patches of 120 px of 10 m, 12 bands" in capsys.readouterr().out
    archive = open_archive(work / "ben1")
    assert archive.manifest["splits"] == {"train": 6, "validation": 3, "test": 2}
    assert min(archive.manifest["distance_m"].values()) == pytest.approx(35_679, abs=1)
    row = archive.table()["id"].tolist().index("S2A_MSIL2A_20171221T112501_56_35")
    folder = real_data / "bigearthnet_v1" / "BigEarthNet-S2" / "S2A_MSIL2A_20171221T112501_56_35"
    with rasterio.open(folder / f"{folder.name}_B05.tif") as file:
        np.testing.assert_array_equal(archive.batch([row])["data_20m"][0, 0], file.read(1) + 1000)
    names = [archive.layout.legend.names[i] for i in np.flatnonzero(archive.batch([row])["classes"][0])]
    assert "Transitional woodland/shrub" in names and len(names) == 4
    assert do(train, work, real_data) == 0
    assert (work / "run1" / "card" / "card.json").is_file()
    assert do(evaluate, work, real_data) == 0
    assert any((work / "evaluation1").glob("*.json"))


def test_bigearthnet_v2(work: Path, real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    *_, line = commands("BigEarthNet: patches, archive, training, evaluation")
    name = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_75_43"
    published.write_metadata(work / "metadata.parquet", [(name, ["Arable land", "Pastures"], "train")])
    assert do(line.replace("--offset 0 ", ""), work, real_data) == 1
    assert "9999" in capsys.readouterr().err
    assert do(line, work, real_data) == 0
    archive = open_archive(work / "ben2")
    assert archive.manifest["splits"] == {"train": 1, "validation": 0, "test": 0}
    path = next((real_data / "bigearthnet_v2").rglob("*_B02.tif"))
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(archive.batch([0])["data_10m"][0, 0], file.read(1) + 1000)


def test_eurosat_from_patches_to_evaluation(work: Path, real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patch, train, evaluate = commands("EuroSAT: three patches, training, evaluation")
    assert do(patch, work, real_data) == 0
    assert "3 patches of 64 px of 10 m, 13 bands of eurosat" in capsys.readouterr().out
    archive = open_archive(work / "eurosat")
    assert archive.manifest["splits"] == {"train": 1, "validation": 1, "test": 1}
    assert min(archive.manifest["distance_m"].values()) > 1_000_000
    row = archive.ids().index("Pasture_300")
    with rasterio.open(real_data / "eurosat_sample" / "EuroSAT_MS" / "Pasture" / "Pasture_300.tif") as file:
        stored = archive.batch([row])["data_10m"][0]
        np.testing.assert_array_equal(stored, file.read())
    # A meadow is bright in the near infrared and dark in cirrus: B8A is the last band, B10 the tenth.
    names = archive.layout.bands
    assert np.median(stored[names.index("B8A")]) > 4000 > 100 > np.median(stored[names.index("B10")])
    classes = archive.batch([row])["classes"][0]
    assert [archive.layout.legend.names[i] for i in np.flatnonzero(classes)] == ["Pasture"]
    assert do(train, work, real_data) == 0
    assert do(evaluate, work, real_data) == 0
    assert any((work / "evaluation4").glob("*.json"))


def test_published_lists_of_snow_and_clouds_leave_patches_away(work: Path, real_data: Path) -> None:
    folder = real_data / "bigearthnet_v1" / "splits"
    lists = [folder / f"patches_with_{what}.csv.bz2" for what in ("seasonal_snow", "cloud_and_shadow")]
    # As published (Sumbul et al. 2019).
    assert [len(read_lists([path])) for path in lists] == [61_707, 9_280]
    away = read_lists(lists)
    patch, *_ = commands("BigEarthNet: patches, archive, training, evaluation")
    option = f'--set "exclude=[{", ".join(repr(str(path)) for path in lists)}]"'
    assert do(f"{patch} {option}", work, real_data) == 0
    archive = open_archive(work / "ben1")
    assert not set(archive.ids()) & away
    present = {path.name for path in (real_data / "bigearthnet_v1" / "BigEarthNet-S2").iterdir()}
    assert archive.manifest["left"].get("left: in a list to leave away", 0) == len(present & away)


def test_polygons_are_learnt_in_utm_and_mapped_elsewhere(work: Path, real_data: Path) -> None:
    first, patch, train, second, mapped = commands("25 polygons in the Amazon, mapped in another place")
    assert do(first, work, real_data) == 0
    assert do(patch, work, real_data) == 0
    archive = open_archive(work / "polygons")
    assert archive.layout.legend.names == ("dryout", "forest", "village", "water")
    assert archive.manifest["splits"] == {"train": 14, "validation": 6, "test": 5}
    assert archive.manifest["distance_m"]["train-test"] == pytest.approx(75.6, abs=0.1)
    assert archive.table().crs.to_epsg() == 32721
    for part in ("train", "validation", "test"):
        assert set(np.unique(archive.batch(archive.part(part))["mask"])) == {0, 1, 2, 3, 255}
    water = archive.table()["block"].isin([f"polygon {i}" for i in (15, 16, 17, 18)]).to_numpy()
    got = archive.batch(np.flatnonzero(water))
    near_infrared = archive.layout.views[0].to_physical(got["data_10m"])[:, 3][got["mask"] == 3]
    assert 0 < np.median(near_infrared) < 0.1
    for line in (train, second, mapped):
        assert do(line, work, real_data) == 0
    assert cog_validate(str(work / "map2" / "map.tif"), strict=True)[0]
    with rasterio.open(work / "map2" / "map.tif") as file:
        assert file.shape == (1068, 1068) and file.crs.to_epsg() == 32648
        assert set(np.unique(file.read(1))) <= {0, 1, 2, 3, 4}


def test_clouds_in_arrays(work: Path, real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    catalog, patch, train, mapped, refused = commands("Clouds in arrays")
    for line in (catalog, patch, train, mapped):
        assert do(line, work, real_data) == 0, line
    archive = open_archive(work / "masks")
    assert archive.manifest["splits"] == {"train": 34, "validation": 9, "test": 7}
    assert archive.layout.views[0].dtype == np.float32
    image = np.load(real_data / "csmask_cloud" / "landsat7.npz")["img"]
    row = archive.table().iloc[0]
    assert row["scene"] == "landsat7"
    top, left = round(-row["top"] / 30), round(row["left"] / 30)
    part = image[top : top + 96, left : left + 96].transpose(2, 0, 1)
    np.testing.assert_array_equal(archive.batch([0])["data_30m"][0], part)
    with rasterio.open(work / "map3" / "map.tif") as file:
        assert file.shape == (512, 512)
    catalog = commands("25 polygons in the Amazon, mapped in another place")[3]
    assert do(catalog, work, real_data) == 0
    capsys.readouterr()
    assert do(refused, work, real_data) == 1
    said = capsys.readouterr().err
    assert "sentinel-2-l2a" in said and "toa-6" in said
    assert "given: " in said and "expected: " in said and "to do: " in said
    assert not (work / "refused" / "map.tif").exists()
