"""The one way to a judgement: what is asked for is done, what makes no sense is refused at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.evaluation.making import LEGEND, cut, files, land, parts, write
from tests.evaluation.test_patches import CARD
from tests.evaluation.test_units import drawn

from landweave.atomic import locked
from landweave.config import check
from landweave.errors import ConfigError, LegendError, OutputError
from landweave.evaluation.job import EvaluateJob, run
from landweave.evaluation.origin import name_of, scenes_of
from landweave.evaluation.result import read_evaluation
from landweave.evaluation.truth import Layer
from landweave.evaluation.units import judge_by_truth
from landweave.models.card import save_card
from landweave.models.table import build


def judged(out: Path, **values: Any) -> dict[str, Any]:
    records = list(run(check(EvaluateJob, values, "options"), out))
    assert all(record.done <= record.total for record in records)
    return read_evaluation(out)


def test_every_way_to_a_judgement(tmp_path: Path) -> None:
    map_path, truth_path = files(tmp_path)
    archive = tmp_path / "archive"
    cut(archive)
    save_card(tmp_path / "card", CARD, build("pixel", 3, 3, width=4))
    units = drawn(map_path, tmp_path / "units")
    judge_by_truth(units, Layer(write(tmp_path / "all.tif", land()[1] % 3), LEGEND), map_path)
    whole = judged(tmp_path / "a", map=map_path, truth=truth_path)
    part = judged(tmp_path / "b", map=map_path, truth=truth_path, archive=archive)
    masks = judged(tmp_path / "c", map=map_path, archive=archive)
    card = judged(tmp_path / "d", card=tmp_path / "card", archive=archive)
    sampled = judged(tmp_path / "e", map=map_path, units=units)
    assert whole["num_judged"] > part["num_judged"] == masks["num_judged"]
    assert part["overall"]["low"] == masks["overall"]["low"] > 0
    assert card["name"] == "pixel"
    assert sampled["num_judged"] == 300
    assert sampled["areas"][0]["value"] > 0


def test_the_name_is_that_of_the_network_that_made_the_map(tmp_path: Path) -> None:
    map_path, truth_path = files(tmp_path)
    assert (name_of(map_path), scenes_of(map_path)) == ("map", frozenset())
    for text in ("", "[]", '{"properties": 3}'):
        map_path.with_suffix(".json").write_text(text)
        assert name_of(map_path) == "map"
    map_path.with_suffix(".json").write_text(json.dumps({"properties": {"landweave:network": "unet"}}))
    assert judged(tmp_path / "a", map=map_path, truth=truth_path)["name"] == "unet"
    assert judged(tmp_path / "b", map=map_path, truth=truth_path, name="ours")["name"] == "ours"


def test_legends_of_ones_own(tmp_path: Path) -> None:
    map_path, truth_path = files(tmp_path)
    for path in (map_path, truth_path):
        path.with_name(f"{path.name}.aux.xml").unlink()
    classes = ", ".join(f'{{ id = {c.id}, name = "{c.name}", color = "{c.color}" }}' for c in LEGEND.classes)
    (tmp_path / "legends.toml").write_text(f'[legends.mine]\nsource = "me"\nclasses = [{classes}]\n')
    found = judged(tmp_path / "a", map=map_path, truth=truth_path, legend="mine", legends=tmp_path / "legends.toml")
    assert found["legend"]["name"] == "mine"
    with pytest.raises(LegendError, match="mine"):
        judged(tmp_path / "b", map=map_path, truth=truth_path, legend="mine")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"map": "m"},
        {"map": "m", "card": "c", "archive": "a"},
        {"card": "c"},
        {"card": "c", "archive": "a", "truth": "t"},
        {"map": "m", "units": "u", "truth": "t"},
        {"map": "m", "truth": "t", "part": "tset"},
        {"map": "m", "trooth": "t"},
        {"map": "m", "truth": "t.geojson", "archive": "a"},
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        check(EvaluateJob, values, "options")
    parts(caught.value)


def test_a_folder_of_another_kind_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "map.tif").write_text("a map")
    with pytest.raises(OutputError, match="map"):
        judged(tmp_path / "out", map=tmp_path / "nothing.tif", truth=tmp_path / "nothing.tif")


def test_two_judgements_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    map_path, truth_path = files(tmp_path)
    with locked(tmp_path / "out"), pytest.raises(OutputError):
        judged(tmp_path / "out", map=map_path, truth=truth_path)


def test_a_judgement_is_replaced_by_a_new_one(tmp_path: Path) -> None:
    map_path, truth_path = files(tmp_path)
    first = judged(tmp_path / "out", map=map_path, truth=truth_path)
    again = judged(tmp_path / "out", map=map_path, truth=map_path)
    assert first["overall"]["value"] < again["overall"]["value"] == 1
