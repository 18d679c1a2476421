"""A card of series says the same to whoever asks: judging and mapping, many pixels at once and few, padded and not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.recipe.series_making import make_points, recipe

from landweave.datasets.points import Points, write_points
from landweave.parallel.world import World
from landweave.recipe.series import run
from landweave.series import predict
from landweave.train import answer
from landweave.train.answer import Answer

CARDS: dict[str, dict[str, Any]] = {
    "lstm": {"network": "lstm"},
    "transformer": {"network": "transformer"},
    "transformer of days": {
        "network": "transformer",
        "arguments": {"width": 16, "depth": 1, "hidden": 16, "encoding": "days"},
    },
    "tempcnn": {"network": "tempcnn", "dates": {"per_year": 6, "limit_days": 80}},
    "ltae": {"network": "ltae"},
    "forest": {"network": "forest"},
    "linear": {"network": "linear", "dates": {"per_year": 5, "how": "nearest"}},
}


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cards")
    write_points(make_points(), folder / "samples.h5")
    for name, changes in CARDS.items():
        for _ in run(recipe(folder / "samples.h5", epochs=1, **changes), folder / name, World()):
            pass
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def spoilt() -> Points:
    """Points with one that was never seen; what is not valid holds numbers that nobody may look at."""
    points = make_points(seed=7)
    points.valid[11] = False
    points.values[~points.valid] = -55.0
    return points


@pytest.mark.parametrize("name", CARDS)
def test_judging_and_mapping_ask_alike(cards: Path, name: str) -> None:
    points = spoilt()
    judged = Answer(cards / name / "card").scores(points.values, points.valid, points.days)
    mapped = predict.load(cards / name / "card").scores(points.values, points.valid, points.days)
    assert judged.shape == mapped.shape == (120, 3)
    assert judged.isfinite().all()
    torch.testing.assert_close(judged, mapped, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CARDS)
def test_many_at_once_and_few(cards: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = spoilt()
    whole = Answer(cards / name / "card").scores(points.values, points.valid, points.days)
    monkeypatch.setattr(answer, "_AT_ONCE", 7)
    pieces = Answer(cards / name / "card").scores(points.values, points.valid, points.days)
    torch.testing.assert_close(whole, pieces, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["lstm", "transformer", "transformer of days", "ltae", "tempcnn", "linear"])
def test_dates_that_only_fill_up_change_nothing(cards: Path, name: str) -> None:
    points = spoilt()
    longer = (
        np.pad(points.values, ((0, 0), (0, 3), (0, 0)), constant_values=9.0),
        np.pad(points.valid, ((0, 0), (0, 3))),
        np.pad(points.days, ((0, 0), (0, 3)), "edge"),
    )
    plain = Answer(cards / name / "card").scores(points.values, points.valid, points.days)
    padded = Answer(cards / name / "card").scores(*longer)
    torch.testing.assert_close(plain, padded, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CARDS)
def test_a_year_earlier_is_the_same_series(cards: Path, name: str) -> None:
    """Days count from the first of January: 2018 and 2019 have the same days, so that whole years may be moved."""
    points = spoilt()
    of_2019 = points.year == 2019
    values, valid, days = points.values[of_2019], points.valid[of_2019], points.days[of_2019]
    told = [Answer(cards / name / "card").scores(values, valid, days - shift) for shift in (0, 365)]
    torch.testing.assert_close(*told, rtol=0, atol=0)
