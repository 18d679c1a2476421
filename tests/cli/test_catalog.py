"""The verb catalog."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.raster import serving
from tests.raster.making import LANDSAT, PRODUCT, SIDECAR, grid, numbers, write_landsat, write_safe, write_sidecar_tif
from tests.raster.test_api import item

from landweave.cli.main import run
from landweave.raster.catalog import read_catalog
from landweave.raster.write import write_tile


def test_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_safe(tmp_path / "a")
    write_landsat(tmp_path / "b")
    out = tmp_path / "catalog.parquet"
    assert run(["catalog", str(tmp_path / "a"), str(tmp_path / "b"), "-o", str(out)]) == 0
    shown = capsys.readouterr().out
    assert f"2024-07-01 10:15  sentinel-2-l2a  4 bands  12 % clouds  {PRODUCT}" in shown
    assert f"2024-07-01 10:05  landsat-8-c2l2  3 bands  3 % clouds  {LANDSAT}" in shown
    assert f"2 scenes in {out}, 0 inputs not read" in shown
    assert len(read_catalog(out)) == 2


def test_a_stray_raster_is_named_and_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_safe(tmp_path)
    write_tile(tmp_path / "stray.tif", numbers(grid()), grid())
    assert run(["catalog", str(tmp_path), "-o", str(tmp_path / "catalog.parquet")]) == 0
    shown = capsys.readouterr()
    assert "stray.tif" in shown.err
    assert "1 inputs not read" in shown.out


def test_a_damaged_product_is_named_and_set_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_safe(tmp_path)
    write_landsat(tmp_path)
    (tmp_path / LANDSAT / f"{LANDSAT}_SR_B4.TIF").write_bytes(b"")
    assert run(["catalog", str(tmp_path), "-o", str(tmp_path / "catalog.parquet")]) == 3
    assert "SR_B4.TIF" in capsys.readouterr().err
    assert len(read_catalog(tmp_path / "catalog.parquet")) == 1


def test_a_baseline_that_does_not_tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sidecar_tif(tmp_path, SIDECAR.replace("05.10", "N9999"))
    out = tmp_path / "catalog.parquet"
    assert run(["catalog", str(tmp_path), "-o", str(out)]) == 1
    shown = capsys.readouterr().err
    assert "given: no scene" in shown
    assert "N9999" in shown
    assert "expected: a baseline that tells" in shown
    assert "to do: say it with --offset" in shown
    assert not out.exists()
    assert run(["catalog", str(tmp_path), "--offset", "0", "-o", str(out)]) == 0
    assert read_catalog(out)[0].files["B02"].offset == 0


def test_a_stac_api(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "catalog.parquet"
    with serving.api([item(1), item(8)]) as traffic:
        words = ["--collection", "sentinel-2-l2a", "--bbox", "10,45,11,46", "--period", "2024-07-01/2024-07-31"]
        assert run(["catalog", traffic.url, *words, "--max-cloud-cover", "10", "-o", str(out)]) == 0
    assert "1 scenes in" in capsys.readouterr().out
    assert read_catalog(out)[0].datetime.day == 1


@pytest.mark.parametrize(("words", "code"), [
    (["nowhere", "-o", "catalog.parquet"], 1),
    (["nowhere"], 2),
    (["nowhere", "-o", "catalog.parquet", "--bbox", "1,2"], 2),
    (["nowhere", "-o", "catalog.parquet", "--bbox", "1,2,3,nan"], 2),
    (["nowhere", "-o", "catalog.parquet", "--period", "yesterday"], 1),
    (["", "-o", "catalog.parquet"], 1),
    (["nowhere", "-o", "catalog.parquet", "--offset", "much"], 2),
])  # fmt: skip
def test_wrong_usage_and_refusals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["catalog", *words]) == code
    assert capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_many_scenes_are_counted_not_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving.api([item(day) for day in range(1, 31)]) as traffic:
        assert run(["catalog", traffic.url, "-o", str(tmp_path / "catalog.parquet")]) == 0
    shown = capsys.readouterr().out
    assert "... and 10 more" in shown
    assert "30 scenes in" in shown
