"""Recipes of series: every network learns, what does not fit is refused, and the card says how dates are taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.recipe.series_making import cut, make_points, recipe

from landweave.datasets.points import write_points
from landweave.errors import ConfigError, LandweaveError, OutputError
from landweave.models.card import load_parts
from landweave.models.series.input import SeriesInput
from landweave.parallel.world import World
from landweave.recipe.kinds import load_recipe
from landweave.recipe.kinds import run as run_any
from landweave.recipe.series import SeriesRecipe, run
from landweave.train.answer import Answer
from landweave.train.log import EpochRecord


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut(tmp_path_factory.mktemp("samples"))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def trained(asked: SeriesRecipe, out: Path) -> list[Any]:
    return list(run(asked, out, World()))


def held_out(out: Path, **changes: Any) -> float:
    """Share of test points that the card in `out` tells rightly."""
    points = make_points(**changes)
    test = points.take(points.of_part("test"))
    told = Answer(out / "card").scores(test.values, test.valid, test.days).argmax(-1)
    return float((told.numpy() == test.label).mean())


REGULAR = {"dates": {"per_year": 9, "limit_days": 90}}


@pytest.mark.parametrize(
    ("network", "changes"),
    [
        ("lstm", {}),
        ("transformer", {"optimiser": {"rate": 0.003}, "arguments": {"width": 16, "depth": 1, "encoding": "days"}}),
        ("tempcnn", {"smoothing": 0.1}),
        ("tempcnn", REGULAR),
        ("ltae", {"class_weights": "balanced"}),
        ("forest", {}),
        ("forest", REGULAR),
        ("linear", {}),
    ],
)
def test_every_model_learns(samples: Path, tmp_path: Path, network: str, changes: dict[str, Any]) -> None:
    records = trained(recipe(samples, network, **changes), tmp_path / "run")
    assert isinstance(records[-1], EpochRecord)
    assert records[-1].figures["overall_accuracy"] > 0.8
    assert held_out(tmp_path / "run") > 0.8


def test_labels_of_dates(tmp_path: Path) -> None:
    points = make_points()
    labels = np.where(points.valid, points.label[:, None], -1).astype(np.int16)
    samples = cut(tmp_path, labels_by_date=labels)
    arguments = {"width": 16, "depth": 1, "hidden": 32, "encoding": "days"}
    asked = recipe(samples, "transformer", per="date", arguments=arguments, epochs=15, optimiser={"rate": 0.01})
    trained(asked, tmp_path / "run")
    card, _ = load_parts(tmp_path / "run/card")
    assert card.series == SeriesInput(9, "date")
    found = Answer(tmp_path / "run/card").scores(points.values, points.valid, points.days)
    assert found.shape == (120, 9, 3)
    assert (found.argmax(-1).numpy() == labels)[points.valid].mean() > 0.7


def test_the_label_of_a_series_is_that_of_its_dates_where_nobody_tells_more(samples: Path, tmp_path: Path) -> None:
    trained(recipe(samples, per="date", epochs=2), tmp_path / "run")
    assert load_parts(tmp_path / "run/card")[0].arguments["per"] == "date"


def test_the_card_tells_what_it_was_learnt_from(samples: Path, tmp_path: Path) -> None:
    asked = recipe(samples, years=[2020], per_class=7, epochs=1, **REGULAR)
    trained(asked, tmp_path / "run")
    card, _ = load_parts(tmp_path / "run/card")
    assert card.task == "series"
    assert card.training["years"] == [2020]
    assert card.training["classes"] == {"early": 7, "late": 7, "flat": 7}
    assert (card.training["num_train"], card.bands, card.sensor) == (21, ("B04", "B08"), "sentinel-2-l2a")
    assert card.series is not None
    assert card.series.days_of_year is not None
    # Nine days evenly between the first and the last valid date of the training part.
    assert np.diff(card.series.days_of_year).tolist() == pytest.approx([310 / 9] * 8, abs=1)
    assert (card.series.how, card.series.limit_days, card.sight.reach_px) == ("linear", 90, 0)
    assert json.loads((tmp_path / "run/recipe.json").read_text())["configuration"]["network"] == "lstm"


def test_bands_are_taken_in_the_order_of_the_recipe(samples: Path, tmp_path: Path) -> None:
    trained(recipe(samples, "linear", bands=["B08", "B04"]), tmp_path / "turned")
    trained(recipe(samples, "linear"), tmp_path / "plain")
    turned, plain = (load_parts(tmp_path / name / "card")[0] for name in ("turned", "plain"))
    assert turned.mean == pytest.approx(plain.mean[::-1])
    points = make_points()
    answers = [
        Answer(tmp_path / name / "card").scores(values, points.valid, points.days)
        for name, values in (("turned", points.values[..., ::-1].copy()), ("plain", points.values))
    ]
    torch.testing.assert_close(*answers, rtol=1e-3, atol=1e-2)


def test_statistics_are_of_valid_dates_of_the_training_part(samples: Path, tmp_path: Path) -> None:
    trained(recipe(samples, "linear"), tmp_path / "run")
    points = make_points()
    learnt = points.take(points.of_part("train"))
    card, _ = load_parts(tmp_path / "run/card")
    assert card.mean == pytest.approx(learnt.values[learnt.valid].mean(0).tolist(), rel=1e-5)
    assert card.std == pytest.approx(learnt.values[learnt.valid].std(0).tolist(), rel=1e-4)


def test_padding_changes_neither_statistics_nor_what_is_learnt(samples: Path, tmp_path: Path) -> None:
    points = make_points()
    grown = {
        "values": np.pad(points.values, ((0, 0), (0, 4), (0, 0))),
        "valid": np.pad(points.valid, ((0, 0), (0, 4))),
        "days": np.pad(points.days, ((0, 0), (0, 4)), "edge"),
    }
    longer = cut(tmp_path, **grown)
    for name, source in (("plain", samples), ("longer", longer)):
        asked = recipe(source, "lstm", epochs=2, arguments={"width": 8, "depth": 1, "dropout": 0.0})
        trained(asked, tmp_path / name)
    plain, found = (load_parts(tmp_path / name / "card")[1] for name in ("plain", "longer"))
    for key, weights in plain.items():
        np.testing.assert_allclose(found[key], weights, rtol=1e-4, atol=1e-5)


def test_a_recipe_file_of_task_series(samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('task = "series"\nsamples = "nowhere.h5"\nnetwork = "linear"\n')
    asked = load_recipe(path, [f"samples={samples}", "seed=3"])
    assert isinstance(asked, SeriesRecipe)
    assert asked.seed == 3
    assert list(run_any(asked, tmp_path / "run", World()))
    assert (tmp_path / "run/card/card.json").is_file()


def test_more_samples_may_be_learnt_from(samples: Path, tmp_path: Path) -> None:
    write_points(make_points(30, seed=3, part=np.zeros(30, np.uint8)), tmp_path / "reviewed.h5")
    trained(recipe(samples, "linear", also=[tmp_path / "reviewed.h5"]), tmp_path / "run")
    trained(recipe(samples, "linear"), tmp_path / "plain")
    more, plain = (load_parts(tmp_path / name / "card")[0].training["num_train"] for name in ("run", "plain"))
    assert more == plain + 30
    write_points(make_points(30, sensor="landsat-8-l2"), tmp_path / "other.h5")
    with pytest.raises(LandweaveError, match="sensor"):
        trained(recipe(samples, "linear", also=[tmp_path / "other.h5"]), tmp_path / "bad")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"network": "unet"}, "network of series"),
    ({"network": "lstmm"}, "lstm"),
    ({"arguments": {"widht": 3}}, "width"),
    ({"network": "forest", "per": "date"}, "one label a series"),
    ({"network": "tempcnn", "per": "date"}, "numbers"),
    ({"per": "date", **REGULAR}, "leave [dates] away"),
    ({"sensor": "landsat-8-l2"}, "landsat-8-l2"),
    ({"legend": "corine-44"}, "corine-44"),
    ({"bands": ["B04", "B09"]}, "B08"),
    ({"years": [1999]}, "2019, 2020"),
    ({"class_weights": {"wet": 2.0}}, "class of the legend"),
    ({"network": "forest", "class_weights": "balanced"}, "per_class"),
    ({"dates": {"per_year": 400}}, "fewer dates"),
    ({"dates": {"days": [9, 3]}}, "rise"),
]


@pytest.mark.parametrize(("changes", "word"), WRONG)
def test_what_does_not_fit_is_refused(samples: Path, tmp_path: Path, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(LandweaveError) as caught:
        trained(recipe(samples, **changes, epochs=1), tmp_path / "run")
    assert all((caught.value.given, caught.value.expected, caught.value.do))
    assert word in str(caught.value)
    assert not (tmp_path / "run/card").exists()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"part": np.full(120, 1, np.uint8)}, "part train"),
        ({"label": np.full(120, -1, np.int16)}, "labelled point"),
        ({"unit": "furlong"}, "reflectance"),
        ({"values": np.ones((120, 9, 2), np.float32)}, "one value"),
        ({"valid": np.zeros((120, 9), np.bool_)}, "one value"),
    ],
)
def test_samples_that_do_not_do_are_refused(tmp_path: Path, changes: dict[str, Any], word: str) -> None:
    with pytest.raises(LandweaveError) as caught:
        trained(recipe(cut(tmp_path, **changes), epochs=1), tmp_path / "run")
    assert all((caught.value.given, caught.value.expected, caught.value.do))
    assert word in str(caught.value)


def test_early_stopping_needs_a_validation_part(tmp_path: Path) -> None:
    samples = cut(tmp_path, part=np.zeros(120, np.uint8))
    with pytest.raises(LandweaveError, match="validation part"):
        trained(recipe(samples, patience_epochs=2), tmp_path / "run")
    trained(recipe(samples, epochs=1), tmp_path / "other")
    assert load_parts(tmp_path / "other/card")[0].training["validation"] == {}


def test_a_folder_belongs_to_one_recipe_and_one_set_of_samples(samples: Path, tmp_path: Path) -> None:
    trained(recipe(samples, "linear"), tmp_path / "run")
    before = (tmp_path / "run/card/card.json").read_bytes()
    trained(recipe(samples, "linear"), tmp_path / "run")
    assert (tmp_path / "run/card/card.json").read_bytes() == before
    points = make_points(seed=5)
    write_points(points, tmp_path / "other.h5")
    for asked in (recipe(samples, "linear", seed=2), recipe(tmp_path / "other.h5", "linear")):
        with pytest.raises(OutputError):
            trained(asked, tmp_path / "run")


def test_classical_models_run_in_one_process(samples: Path, tmp_path: Path) -> None:
    world = World()
    object.__setattr__(world, "size", 2)
    with pytest.raises(ConfigError, match="one process"):
        list(run(recipe(samples, "forest"), tmp_path / "run", world))


@pytest.mark.gpu
@pytest.mark.parametrize("network", ["lstm", "transformer", "tempcnn", "ltae"])
def test_a_gpu_learns_series(samples: Path, tmp_path: Path, network: str) -> None:
    world = World(device=torch.device("cuda", 0))
    records = list(run(recipe(samples, network, precision="auto"), tmp_path / "run", world))
    assert isinstance(records[-1], EpochRecord)
    assert records[-1].figures["overall_accuracy"] > 0.8
    points = make_points()
    on_gpu = Answer(tmp_path / "run/card", device="cuda").scores(points.values, points.valid, points.days)
    on_cpu = Answer(tmp_path / "run/card").scores(points.values, points.valid, points.days)
    torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-2, atol=1e-2)


def test_a_network_that_learnt_changes_shows_the_class_of_most_dates(samples: Path, tmp_path: Path) -> None:
    arguments = {"width": 16, "depth": 2, "hidden": 32, "dropout": 0.0, "encoding": "days"}
    asked = recipe(samples, "transformer", splice=0.8, epochs=30, arguments=arguments, optimiser={"rate": 0.005})
    trained(asked, tmp_path / "run")
    assert held_out(tmp_path / "run") > 0.8
    points = make_points(240, seed=1)
    order = points.label.argsort(kind="stable").reshape(3, -1)
    shown = []
    for num in (2, 7):
        old, new = order[0], order[2]
        values, valid = (np.concatenate([one[old, :-num], one[new, -num:]], 1) for one in (points.values, points.valid))
        scores = Answer(tmp_path / "run/card").scores(values, valid, points.days[old])
        shown.append(float((scores.argmax(-1).numpy() == points.label[new]).mean()))
    # Two new dates of nine are not shown, seven are.
    assert shown[0] < 0.3
    assert shown[1] > 0.7
