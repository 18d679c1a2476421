"""Sixteen years of published maps: one year judged by another, everywhere and by places drawn at random."""

from __future__ import annotations

from pathlib import Path

import pytest

from landweave.config import check
from landweave.errors import LegendError
from landweave.evaluation.job import EvaluateJob, run
from landweave.evaluation.result import read_evaluation
from landweave.evaluation.truth import Layer
from landweave.evaluation.units import draw, estimate, judge_by_truth
from landweave.legend import LandClass, Legend

pytestmark = pytest.mark.real

# The maps tell no names: 15 classes by number, stored as float64 in a projection without a code.
LEGEND = Legend(
    "mt-15", "maps of Mato Grosso", tuple(LandClass(i, f"Class {i}", f"#0000{i:02x}") for i in range(1, 16))
)


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    classes = ", ".join(f'{{ id = {c.id}, name = "{c.name}", color = "{c.color}" }}' for c in LEGEND.classes)
    (tmp_path / "legends.toml").write_text(f'[legends.mt-15]\nsource = "x"\nclasses = [{classes}]\n')
    return tmp_path / "legends.toml"


def test_one_year_against_the_next(real_data: Path, tmp_path: Path, toml: Path) -> None:
    one, next_year = (real_data / "sits_mt_annual_maps" / f"MT_{year}.tif" for year in (2015, 2016))
    values = {"map": one, "truth": next_year, "legend": "mt-15", "legends": toml}
    list(run(check(EvaluateJob, values, "test"), tmp_path / "evaluation"))
    whole = read_evaluation(tmp_path / "evaluation")
    assert whole["num_judged"] == 248 * 435
    assert 0.7 < whole["overall"]["value"] < 1
    assert whole["overall"]["low"] is None

    for _ in draw(one, tmp_path / "units", num=800, seed=7, least=20, map_legend=LEGEND):
        pass
    judge_by_truth(tmp_path / "units", Layer(next_year, LEGEND), one)
    sampled = estimate(tmp_path / "units", one, "2015", LEGEND)
    assert sampled.estimates is not None
    overall = sampled.estimates.overall
    assert abs(overall.value - whole["overall"]["value"]) < 2.6 * overall.standard_error
    assert sampled.estimates.total == pytest.approx(248 * 435 * 231.656**2 / 10_000, rel=1e-6)


def test_maps_that_tell_no_classes_need_a_legend(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "sits_mt_annual_maps" / "MT_2001.tif"
    with pytest.raises(LegendError, match="--legend"):
        list(run(EvaluateJob(map=path, truth=path), tmp_path / "evaluation"))
