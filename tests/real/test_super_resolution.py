"""A small sharpener learns on one half of a real cube and beats bicubic in every 20 m band of the other half."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytestmark = pytest.mark.real


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("super_resolution", BENCHMARKS / "super_resolution.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "super_resolution", module)
    spec.loader.exec_module(module)
    return module


def test_the_cube_is_what_it_should_be(benchmark: ModuleType, real_data: Path) -> None:
    cube = benchmark.read_cube(real_data)
    assert {size: view.shape for size, view in cube.items()} == {
        10.0: (4, 600, 600),
        20.0: (6, 300, 300),
        60.0: (2, 100, 100),
    }
    # Plants: near infrared far above red, and the sky's blue above red.
    red, _, blue, infrared = (float(band.mean()) for band in cube[10.0])
    assert 0 < red < blue < infrared < 1


def test_it_beats_bicubic_in_each_band_of_20_m(benchmark: ModuleType, real_data: Path, tmp_path: Path) -> None:
    torch.set_num_threads(2)
    left, right = benchmark.halves(benchmark.read_cube(real_data))
    assert left.valid.shape == (600, 300)
    assert right.valid.shape == (600, 264)
    form = {"width": 24, "depth": 3, "epochs": 16, "batch_global": 8, "optimiser": {"name": "adam", "rate": 2e-3}}
    card = benchmark.learn(left, benchmark.recipe(form, 1), tmp_path)
    found = benchmark.judge(card, right, 20.0)
    for kernel in ("bicubic -0.75", "bicubic -0.5"):
        assert (found["network"].rmse < found[kernel].rmse).all(), kernel
        assert found["network"].sam < found[kernel].sam
    assert found["network"].count == 300 * 132
