"""Means, point spread, published lines and angles of the physical baseline."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.harmonize.making import S2, scene

from landweave.errors import ConfigError, RadiometryError, SceneError
from landweave.harmonize.angles import Angles, angles_of, between, read_angles
from landweave.harmonize.apply import lines_of
from landweave.harmonize.physical import adjustment, compared, satellite, spread_px
from landweave.harmonize.views import Sizes

SIZES = Sizes({10: ("B02",), 20: ("B11",)}, 30)


def test_means_count_each_pixel_by_its_area() -> None:
    fine = np.arange(144, dtype=np.float32).reshape(1, 12, 12)
    coarse = np.arange(36, dtype=np.float32).reshape(1, 6, 6)
    found = compared({10: fine, 20: coarse}, np.ones((4, 4), bool), SIZES)
    np.testing.assert_allclose(found[0], fine[0].reshape(4, 3, 4, 3).mean((1, 3)))
    # A pixel of 30 m covers one of 20 m wholly, two by half and one by a quarter.
    assert found[1, 0, 0] == pytest.approx((0 + 0.5 * 1 + 0.5 * 6 + 0.25 * 7) / 2.25)
    assert found[1, 0, 1] == pytest.approx((0.5 * 1 + 2 + 0.25 * 7 + 0.5 * 8) / 2.25)


def test_a_point_spread_keeps_what_is_even_and_does_not_mix_in_clouds() -> None:
    even = {10: np.full((1, 24, 24), 0.3, np.float32), 20: np.full((1, 12, 12), 0.2, np.float32)}
    valid = np.ones((8, 8), bool)
    valid[3, 4] = False
    even[10][0, 9:12, 12:15] = 9
    found = compared(even, valid, SIZES, spread_px())
    np.testing.assert_allclose(found[0][valid], 0.3, rtol=1e-5)
    assert found[0, 3, 4] == 0
    point = {10: np.zeros((1, 24, 24), np.float32), 20: even[20]}
    point[10][0, 12:15, 12:15] = 1
    blurred = compared(point, np.ones((8, 8), bool), SIZES, spread_px())[0]
    assert blurred.sum() == pytest.approx(1, rel=1e-3) and 0.4 < blurred[4, 4] < 1


def test_valid_pixels_of_every_size() -> None:
    valid = np.ones((12, 12), bool)
    valid[5, 5] = False
    assert SIZES.compared(valid, 10).sum() == 15
    coarse = np.ones((6, 6), bool)
    coarse[1, 1] = False
    # It lies under four pixels of 30 m.
    assert SIZES.compared(coarse, 20).sum() == 12
    back = SIZES.back(SIZES.compared(coarse, 20), 20)
    assert back.shape == (6, 6) and not back[:3, :3].any() and back[3:, 3:].all()


@pytest.mark.parametrize(("name", "told"), [("S2A_MSIL2A_2018", "S2A"), ("s2b_x", "S2B")])
def test_a_product_tells_its_satellite(name: str, told: str) -> None:
    assert satellite(name) == told


def test_satellites_without_published_lines_are_refused() -> None:
    with pytest.raises(RadiometryError) as caught:
        satellite("S2C_MSIL2A_2025")
    assert "no band adjustment" in caught.value.given and "fitted on pairs" in caught.value.do
    with pytest.raises(RadiometryError, match="satellite L9"):
        adjustment("L9", ("B02",))


XML = """<?xml version="1.0"?><n1:Level-2A_Tile_ID xmlns:n1="x"><n1:Geometric_Info><Tile_Angles>
<Mean_Sun_Angle><ZENITH_ANGLE>40.5</ZENITH_ANGLE><AZIMUTH_ANGLE>150</AZIMUTH_ANGLE></Mean_Sun_Angle>
<Mean_Viewing_Incidence_Angle_List>
<Mean_Viewing_Incidence_Angle bandId="1"><ZENITH_ANGLE>8</ZENITH_ANGLE><AZIMUTH_ANGLE>290</AZIMUTH_ANGLE></Mean_Viewing_Incidence_Angle>
<Mean_Viewing_Incidence_Angle bandId="2"><ZENITH_ANGLE>9</ZENITH_ANGLE><AZIMUTH_ANGLE>292</AZIMUTH_ANGLE></Mean_Viewing_Incidence_Angle>
</Mean_Viewing_Incidence_Angle_List></Tile_Angles></n1:Geometric_Info></n1:Level-2A_Tile_ID>"""  # noqa: E501


def test_angles_stand_in_the_product_or_in_a_file_of_ones_own(tmp_path: Path) -> None:
    seen = scene(tmp_path, S2)
    assert angles_of(seen) is None
    (tmp_path / seen.id / "MTD_TL.xml").write_text(XML)
    assert angles_of(seen) == Angles(40.5, 8.5, 141)
    (tmp_path / "angles.toml").write_text(
        f'["{seen.id}"]\nsun_zenith = 30\nsun_azimuth = 10\nview_zenith = 5\nview_azimuth = 350\n'
    )
    told = read_angles(tmp_path / "angles.toml")
    assert angles_of(seen, told) == Angles(30, 5, 20)
    (tmp_path / seen.id / "MTD_TL.xml").write_text("<a>")
    with pytest.raises(SceneError, match=r"MTD_TL\.xml"):
        angles_of(seen)
    (tmp_path / "angles.toml").write_text("[x]\nsun_zenith = 95\n")
    with pytest.raises(ConfigError):
        read_angles(tmp_path / "angles.toml")
    assert (between(350, 10), between(0, 180)) == (20, 180)


def test_lines_join_the_nadir_view_and_the_published_ones(tmp_path: Path) -> None:
    seen = scene(tmp_path, S2)
    plain = lines_of(seen, ("B02", "B08"), "hls", {})
    assert plain == ((pytest.approx(0.9778), pytest.approx(-0.004)), (1, 0))
    turned = lines_of(seen, ("B02", "B08"), "hls", {seen.id: Angles(40, 10, 0)})
    assert turned[0][0] < plain[0][0] and turned[0][1] == plain[0][1]
    assert lines_of(dataclasses.replace(seen, id="anything"), ("B02",), "raw", {}) == ((1, 0),)
