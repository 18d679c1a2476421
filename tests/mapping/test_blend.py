"""Networks that see without end: tapers add up to one, and blended tiles have no seam."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mapping.places import grid_at, make_card, make_catalog, make_scene

from landweave.mapping.blend import SPREAD, taper
from landweave.mapping.job import run
from landweave.mapping.prepare import MapJob
from landweave.models.sight import Sight
from landweave.raster.read import read_map
from landweave.tiling import Tiling, Window


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 100), st.integers(1, 100), st.integers(8, 30), st.data())
def test_weights_of_tiles_add_up_to_one(height: int, width: int, core: int, data: st.DataObject) -> None:
    margin = data.draw(st.integers(1, core // 2))
    whole = Window(0, 0, height, width)
    total = np.zeros((height, width))
    least = np.full((height, width), 9.0)
    for tile in Tiling((height, width), core, 0):
        seen = tile.core.grow(margin).clip(whole)
        weights = taper(seen, tile.core, margin)
        assert weights.shape == seen.shape
        total[seen.slices] += weights
        least[seen.slices] = np.minimum(least[seen.slices], weights)
    assert (total > 0.4).all()
    inner = np.ones((height, width), bool)
    # A last tile narrower than the margin is cut by the grid before its taper ends.
    for axis, size in enumerate((height, width)):
        rest = size % core
        if 0 < rest < margin:
            inner[(slice(None),) * axis + (slice(size - rest - core, None),)] = False
    np.testing.assert_allclose(total[inner], 1, atol=1e-5)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_catalog(
        tmp_path / "c.parquet", make_scene(tmp_path, "s", grid_at(150, 170), holes=[(slice(0, 9), slice(0, 99))])
    )
    return tmp_path


def job(place: Path, **changes: object) -> MapJob:
    return MapJob(card=place / "card", scenes=place / "c.parquet", core_px=64, precision="fp32", **changes)  # type: ignore[arg-type]


def test_a_network_without_context_is_mapped_as_ever(place: Path) -> None:
    """A pixelwise network that is only said to see without end: blending equal predictions changes nothing."""
    make_card(place / "card", "pixel")
    list(run(job(place), place / "finite"))
    make_card(place / "card", "pixel", sight=Sight(1, None))
    phases = [record.phase for record in run(job(place), place / "endless")]
    assert {"predict", "blend", "assemble"} <= set(phases)
    assert "map" not in phases
    finite, blended = (read_map(place / name / "map.tif")[0] for name in ("finite", "endless"))
    assert len(np.unique(finite)) > 2
    assert (finite == blended).mean() > 0.999
    assert ((finite == 0) == (blended == 0)).all()


def test_the_item_says_so_and_nothing_is_left(place: Path) -> None:
    make_card(place / "card", sight=Sight(8, None))
    list(run(job(place, probabilities=True), place / "out"))
    assert "blended by a linear taper" in (place / "out" / "map.json").read_text()
    assert '"blended": true' in (place / "out" / "summary.json").read_text()
    assert not (place / "out" / SPREAD).exists()


def test_finished_jobs_run_again_do_nothing(place: Path) -> None:
    make_card(place / "card", sight=Sight(8, None))
    list(run(job(place), place / "out"))
    before = {path: path.stat().st_mtime_ns for path in (place / "out" / "tiles").rglob("*.tif")}
    again = list(run(job(place), place / "out"))
    assert len(before) == 9
    assert before == {path: path.stat().st_mtime_ns for path in (place / "out" / "tiles").rglob("*.tif")}
    assert not [record for record in again if record.failed]


def test_a_lost_tile_is_blended_again_from_its_neighbours(place: Path) -> None:
    make_card(place / "card", sight=Sight(8, None))
    list(run(job(place), place / "out"))
    tile = place / "out" / "tiles" / "labels" / "r00001c00001.tif"
    before = tile.read_bytes()
    tile.unlink()
    list(run(job(place), place / "out"))
    assert tile.read_bytes() == before


def test_tiles_meet_without_a_jump(place: Path) -> None:
    """Zero padding disturbs a network at every tile's edge; blended, the map along cores is as calm as elsewhere."""
    make_card(place / "card", sight=Sight(16, None), arguments={"width": 8, "depth": 4})
    list(run(job(place), place / "out"))
    ids = read_map(place / "out" / "map.tif")[0][10:]
    jumps = (ids[:, 1:] != ids[:, :-1]).mean(0)
    at_edges, elsewhere = jumps[[63, 127]].mean(), np.delete(jumps, [63, 127]).mean()
    assert elsewhere > 0
    assert at_edges < 2.5 * elsewhere
