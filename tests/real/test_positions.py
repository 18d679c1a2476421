"""A real product and a list of patches: numbers, places and labels of what is cut are those of the product's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from landweave.cli.main import run
from landweave.patches.archive import open_archive

pytestmark = pytest.mark.real

PRODUCT = "S2B_MSIL2A_20200223T032739_N9999_R018_T48QUE"
PLACES = [(0, 0), (7, 0), (0, 7), (7, 7), (3, 4)]


def test_patches_of_a_real_product(tmp_path: Path, real_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{PRODUCT}_{h:02d}_{v:02d},Pastures;Rice fields" for h, v in PLACES]
    (tmp_path / "list.csv").write_text("\n".join(["patch_id,labels", *rows, "S2A_MSIL2A_20170613T101031_1_2,Pastures"]))
    catalog = ["catalog", str(real_data / "majortom_s2l2a"), "--offset", "0", "-o", str(tmp_path / "c.parquet")]
    assert run(catalog) == 0
    wanted = ["--scenes", str(tmp_path / "c.parquet"), "--positions", str(tmp_path / "list.csv")]
    blocks = ["--set", "block_m=1200", "--set", "gap_m=1000", "-o", str(tmp_path / "a")]
    assert run(["patch", *wanted, "--legend", "bigearthnet-19", *blocks]) == 0
    assert "5 patches of 120 px of 10 m, 12 bands of sentinel-2-l2a" in capsys.readouterr().out
    archive = open_archive(tmp_path / "a")
    assert archive.manifest["left"] == {"left: its product is not in the catalog": 1}
    assert all(num > 0 for num in archive.manifest["splits"].values())
    table = archive.table()
    (folder,) = (real_data / "majortom_s2l2a").rglob(f"{PRODUCT}_*")
    got = archive.batch(range(5))
    for index, name in enumerate(archive.ids()):
        col, row = (int(part) for part in name.split("_")[-2:])
        for view in archive.layout.views:
            for channel, band in enumerate(view.bands):
                with rasterio.open(folder / f"{band.name}.tif") as file:
                    window = ((row * view.px, (row + 1) * view.px), (col * view.px, (col + 1) * view.px))
                    # The numbers hold no offset; the archive's encoding does.
                    np.testing.assert_array_equal(got[view.key][index, channel], file.read(1, window=window) + 1000)
                    corner = file.transform * (window[1][0], window[0][0])
                    assert (table["left"][index], table["top"][index]) == pytest.approx(corner)
    names = np.array(archive.layout.legend.names)
    assert set(names[got["classes"][0].astype(bool)]) == {"Arable land", "Pastures"}
    assert got["valid"].all()
