"""Images side by side: bands by colour, one stretch for all, grey where nothing is valid, the same bytes again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from landweave.report.images import Image, colours, save
from landweave.sensors import sensor

BANDS = sensor("landsat-8-like").bands


def test_a_stretch_is_shared_and_what_is_not_valid_is_grey() -> None:
    values = np.stack([np.linspace(0, 1, 16).reshape(4, 4)] * 3).astype(np.float32)
    valid = np.ones((4, 4), bool)
    valid[0, 0] = False
    found = colours(values, valid, [(0.2, 0.6), (0, 1), (0, 2)])
    assert found.shape == (4, 4, 3) and (found[0, 0] == 0.5).all()
    np.testing.assert_allclose(found[3, 3], [1, 1, 0.5])
    np.testing.assert_allclose(found[1, 2], [(0.4 - 0.2) / 0.4, 0.4, 0.2], rtol=1e-5)


def test_true_and_false_colour_stand_below_each_other(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    images = [Image(name, generator.uniform(0, 0.4, (6, 24, 24)).astype(np.float32)) for name in ("measured", "made")]
    valid = np.ones((24, 24), bool)
    save(tmp_path / "two.png", images, valid, BANDS)
    save(tmp_path / "again.png", images, valid, BANDS)
    assert (tmp_path / "two.png").read_bytes() == (tmp_path / "again.png").read_bytes()
    both = Pillow.open(tmp_path / "two.png").size
    # Three bands have no false colour, one band has none at all.
    save(tmp_path / "three.png", [Image("rgb", images[0].values[:3])], valid, BANDS[:3])
    save(tmp_path / "one.png", [Image("one", images[0].values[:1])], ~valid, BANDS[:1])
    three, one = (Pillow.open(tmp_path / f"{name}.png").size for name in ("three", "one"))
    assert three[1] == one[1] == both[1] // 2 and both[0] == 2 * three[0]
