"""The commands of docs/methods/models.md on real buildings, from pictures to a judged map; colour and panchromatic."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import rasterio

from landweave.cli.main import run
from landweave.gallery.images import open_gallery
from landweave.gallery.models import check_cards, open_models
from landweave.patches.archive import open_archive
from landweave.raster.files import close_files

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "methods" / "models.md").read_text(encoding="utf-8")


def commands(heading: str) -> list[str]:
    section = next(part for part in TEXT.split("\n### ") if part.startswith(heading))
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    lines = "".join(block for kind, block in blocks if not kind).splitlines()
    assert len(lines) >= 6
    return lines


@pytest.fixture
def work(tmp_path: Path, real_data: Path) -> Path:
    close_files()
    for name, content in re.findall(r"```toml\n# (\S+)\n(.*?)```", TEXT, re.DOTALL):
        (tmp_path / name).write_text(content)
    chips = real_data / "inria_chips_austin"
    link(tmp_path / "austin", sorted((chips / "images").glob("*.tif")), tmp_path / "austin.toml")
    link(tmp_path / "strip", [chips / "strips" / "austin1_strip_00_18_rgb.tif"], tmp_path / "austin.toml")
    link(tmp_path / "atlanta", [real_data / "spacenet_atlanta_pan" / "sample_geotiff.tif"], tmp_path / "atlanta.toml")
    return tmp_path


def link(folder: Path, files: list[Path], sidecar: Path) -> None:
    folder.mkdir()
    for path in files:
        (folder / path.name).symlink_to(path)
        (folder / path.with_suffix(".toml").name).write_text(sidecar.read_text())


def filled(text: str, work: Path, real_data: Path) -> str:
    text = re.sub(r"\bDATA(?=/)", str(real_data), text)
    return re.sub(r"\bW(?=/)", str(work), text)


def do(lines: list[str], work: Path, real_data: Path) -> None:
    for line in lines:
        words = [filled(word, work, real_data) for word in shlex.split(line)[1:]]
        words = [str(ROOT / word) if word.startswith("recipes/") else word for word in words]
        assert run(words) == 0, line


def holds(work: Path, number: int) -> None:
    """A gallery whose every bucket has a card, a map of every pixel, and a judgement."""
    gallery = open_gallery(work / f"gallery{number}")
    models = open_models(gallery)
    check_cards(models)
    assert gallery.num_buckets >= 2
    assert len(models.buckets) == gallery.num_buckets
    assert models.mono["legend"]["classes"] == ["Not building", "Building"]
    archive = open_archive(work / f"patches{number}")
    splits = archive.manifest["splits"]
    assert sum(model.num_train for model in models.buckets) == splits["train"] > 50
    assert sum(model.num_validation for model in models.buckets) == splits["validation"] > 10
    summary = json.loads((work / f"map{number}" / "summary.json").read_text())
    assert summary["tiles_missing"] == []
    assert any((work / f"evaluation{number}").glob("*.json"))


def execute(name: str, work: Path, real_data: Path) -> None:
    (code,) = re.findall(rf"```python\n# {name}\n(.*?)```", TEXT, re.DOTALL)
    exec(filled(code, work, real_data), {})


def test_austin_in_colour(work: Path, real_data: Path) -> None:
    execute("austin.py", work, real_data)
    do(commands("Austin"), work, real_data)
    holds(work, 1)
    archive = open_archive(work / "patches1")
    assert set(archive.table()["crs"]) == {""}
    mask = archive.batch([0])["mask"][0]
    row = archive.table().iloc[0]
    left, bottom, right, top = (round(row[side] / 0.3) for side in ("left", "bottom", "right", "top"))
    with rasterio.open(real_data / "inria_chips_austin" / "gt" / f"{row['scene']}.tif") as file:
        truth = file.read(1)
    rows = slice(*sorted((abs(top), abs(bottom))))
    np.testing.assert_array_equal(mask, (truth[rows, left:right] == 255).astype(np.uint8))
    with rasterio.open(work / "map1" / "map.tif") as file:
        assert file.shape == (4864, 256)
        assert set(np.unique(file.read(1))) <= {1, 2}


def test_atlanta_panchromatic(work: Path, real_data: Path) -> None:
    execute("atlanta.py", work, real_data)
    with rasterio.open(work / "truth.tif") as file:
        assert 0.01 < (file.read(1) == 2).mean() < 0.5
    do(commands("Atlanta"), work, real_data)
    holds(work, 2)
    with rasterio.open(work / "map2" / "map.tif") as file:
        assert file.shape == (900, 900)
        assert file.crs.to_epsg() == 32616
        assert set(np.unique(file.read(1))) <= {1, 2}
