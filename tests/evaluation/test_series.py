"""A card of series judged on points: the counts are those of its own answers, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.recipe.series_making import LEGEND, make_points, recipe

from landweave.config import check
from landweave.datasets.points import Points, write_points
from landweave.errors import ArchiveError, ConfigError, LandweaveError
from landweave.evaluation import series
from landweave.evaluation.job import EvaluateJob, run
from landweave.evaluation.result import Evaluation, read_evaluation
from landweave.jobs.run import Progress
from landweave.legend import LandClass, Legend
from landweave.parallel.world import World
from landweave.recipe import series as recipes
from landweave.train.answer import Answer


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear model of series and a small LSTM of dates."""
    folder = tmp_path_factory.mktemp("cards")
    write_points(make_points(), folder / "samples.h5")
    asked = {"series": {"network": "linear"}, "date": {"per": "date", "epochs": 2}}
    for name, changes in asked.items():
        list(recipes.run(recipe(folder / "samples.h5", **changes), folder / name, World()))
    return folder


def judged(going: Generator[Progress, None, Evaluation]) -> Evaluation:
    while True:
        try:
            next(going)
        except StopIteration as ended:
            return ended.value  # type: ignore[no-any-return]


def test_it_counts_the_cards_own_answers(cards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "_AT_ONCE", 5)
    label = make_points().label.copy()
    label[50] = -1
    points = make_points(label=label)
    found = judged(series.judge(cards / "series/card", points, "test", "line"))
    test = points.take(points.of_part("test"))
    told = Answer(cards / "series/card").scores(test.values, test.valid, test.days).argmax(1).numpy()
    assert found.confusion is not None
    expected = np.zeros((3, 3), int)
    np.add.at(expected, (told[test.label >= 0], test.label[test.label >= 0]), 1)
    np.testing.assert_array_equal(found.confusion.counts, expected)
    assert (found.counts["points"], found.counts["points_without_label"]) == (23, 1)
    assert found.task == "series"
    assert "probability sample" in found.why_no_interval
    assert "23 series of 23 points of the part test, of 2019 to 2020" in found.note
    assert found.calibration is not None


def test_every_date_counts_where_dates_are_told(cards: Path) -> None:
    labels = np.full((120, 9), -1, np.int16)
    labels[:, 2:] = make_points().label[:, None]
    points = make_points(labels_by_date=labels)
    test = points.take(points.of_part("test"))
    found = judged(series.judge(cards / "date/card", points, "test", "dates"))
    assert found.confusion is not None
    assert found.confusion.counts.sum() == test.valid[:, 2:].sum() == found.counts["labels"]
    whole = judged(series.judge(cards / "date/card", make_points(), "test", "dates"))
    assert whole.counts["labels"] == test.valid.sum()


def test_bands_may_stand_in_another_order(cards: Path) -> None:
    plain = make_points()
    turned = make_points(values=plain.values[..., ::-1].copy(), bands=("B08", "B04"))
    one, other = (judged(series.judge(cards / "series/card", points, "test", "x")) for points in (plain, turned))
    assert one.confusion is not None
    assert other.confusion is not None
    np.testing.assert_array_equal(one.confusion.counts, other.confusion.counts)


OTHER = Legend("other", "there", (*LEGEND.classes[:2], LandClass(31, "round", "#ff0000")))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"sensor": "landsat-8-l2"}, "landsat-8-l2"),
        ({"pixel_size_m": 30.0}, "30 m"),
        ({"bands": ("B04", "B03")}, "B08"),
        ({"legend": OTHER}, "other"),
        ({"label": np.full(120, -1, np.int16)}, "none with a label"),
        ({"part": np.zeros(120, np.uint8)}, "none with a label"),
    ],
)
def test_what_does_not_fit_is_refused(cards: Path, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(LandweaveError) as caught:
        judged(series.judge(cards / "series/card", make_points(**changes), "test", "x"))
    assert all((caught.value.given, caught.value.expected, caught.value.do))
    assert word in str(caught.value)


def test_the_job_writes_an_evaluation(cards: Path, tmp_path: Path) -> None:
    job = check(EvaluateJob, {"card": cards / "series/card", "data": cards / "samples.h5", "part": "validation"}, "x")
    records = list(run(job, tmp_path / "out"))
    assert records[-1].done == records[-1].total == 24
    content = read_evaluation(tmp_path / "out")
    assert content["task"] == "series"
    assert content["name"] == "linear"


@pytest.mark.parametrize("told", [{"card": "c"}, {"card": "c", "data": "d", "archive": "a"}, {"map": "m", "data": "d"}])
def test_cards_of_series_are_judged_on_samples_alone(told: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        check(EvaluateJob, told, "options")


def test_samples_must_be_samples(cards: Path, tmp_path: Path) -> None:
    job = check(EvaluateJob, {"card": cards / "series/card", "data": tmp_path / "none.h5"}, "x")
    with pytest.raises(LandweaveError) as caught:
        list(run(job, tmp_path / "out"))
    assert "none.h5" in caught.value.given
    assert not isinstance(caught.value, ArchiveError)


def test_points_stay_as_they_were(cards: Path) -> None:
    points: Points = make_points()
    before = points.identity
    judged(series.judge(cards / "series/card", points, "test", "x"))
    assert make_points().identity == before == Points(**_arrays(points)).identity


def _arrays(points: Points) -> dict[str, Any]:
    return {name: value for name, value in vars(points).items() if name != "identity"}
