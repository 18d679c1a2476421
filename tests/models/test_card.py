"""Cards: what is written is read; what is missing, damaged, foreign or changed is refused in three parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch

from landweave.errors import CardError, OutputError
from landweave.legend import LandClass, Legend, legend
from landweave.models.card import Card, load_card, load_parts, save_card
from landweave.models.series.input import SeriesInput
from landweave.models.sight import Sight
from landweave.models.table import build
from landweave.provenance import file_sha256

TWO = Legend("two", "here", (LandClass(10, "Land", "#00ff00"), LandClass(20, "Wässer", "#0000ff")))
CARD = Card(
    network="unet",
    arguments={"width": 4, "depth": 2},
    sensor="sentinel-2-l2a",
    bands=("B02", "B03", "B8A"),
    pixel_size_m=10.0,
    unit="reflectance",
    mean=(0.0, 0.2, 0.3),
    std=(0.1, 0.1, 2.0),
    legend=TWO,
    task="pixels",
    sight=Sight(4, 22),
    training={"epochs": np.int64(3), "loss": np.float32(0.5), "archive": "archive/", "never": float("nan")},
)


@pytest.fixture
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build("unet", 3, 2, width=4, depth=2).eval()


@pytest.fixture
def folder(tmp_path: Path, network: torch.nn.Module) -> Path:
    save_card(tmp_path / "card", CARD, network)
    return tmp_path / "card"


def refused(folder: Path, word: str) -> CardError:
    with pytest.raises(CardError) as caught:
        load_card(folder)
    assert all((caught.value.given, caught.value.expected, caught.value.do))
    assert word in str(caught.value)
    return caught.value


def test_what_is_read_is_what_was_written(tmp_path: Path, network: torch.nn.Module) -> None:
    written = save_card(tmp_path / "card", CARD, network)
    card, again = load_card(tmp_path / "card")
    assert card.identity == written.identity
    assert replace(card, training={}) == replace(written, training={})
    assert (card.mean, card.legend.names[1], card.training["epochs"]) == ((0, 0.2, 0.3), "Wässer", 3)
    values = torch.randn(1, 3, 16, 16)
    assert torch.equal(network(values), again(values))
    assert not again.training


@pytest.mark.parametrize("name", ["corine-44", "worldcover"])
def test_known_legends_stay_what_they_are(tmp_path: Path, name: str) -> None:
    save_card(tmp_path / "card", replace(CARD, network="linear", legend=legend(name)), {"a": np.zeros(1)})
    assert load_parts(tmp_path / "card")[0].legend == legend(name)


def test_equal_cards_have_equal_bytes_whatever_the_layout_in_memory(tmp_path: Path, network: torch.nn.Module) -> None:
    save_card(tmp_path / "a", CARD, network)
    save_card(tmp_path / "b", CARD, network.to(memory_format=torch.channels_last))
    for name in ("card.json", "weights.safetensors"):
        assert file_sha256(tmp_path / "a" / name) == file_sha256(tmp_path / "b" / name)


def test_loading_leaves_torchs_generator_as_it_is(folder: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load_card(folder)
    assert torch.equal(torch.rand(4), expected)


def test_a_loaded_network_can_be_trained_on(folder: Path) -> None:
    _, network = load_card(folder)
    network.train()(torch.randn(2, 3, 8, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_card_replaces_an_older_one_as_a_whole(folder: Path, network: torch.nn.Module) -> None:
    (folder / "stale.txt").write_text("left over")
    save_card(folder, replace(CARD, task="patches"), network)
    assert load_card(folder)[0].task == "patches"
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "weights.safetensors"]


def test_classical_cards_hold_arrays(tmp_path: Path) -> None:
    arrays = {"coefficients": np.arange(6.0).reshape(3, 2), "classes": np.array([0, 1], np.uint8)}
    save_card(tmp_path / "card", replace(CARD, network="linear", arguments={}), arrays)
    card, found = load_parts(tmp_path / "card")
    assert card.is_classical
    assert {name: array.dtype for name, array in found.items()} == {name: array.dtype for name, array in arrays.items()}
    np.testing.assert_array_equal(found["coefficients"], arrays["coefficients"])
    refused(tmp_path / "card", "linear")


def test_networks_give_their_parts_too(folder: Path, network: torch.nn.Module) -> None:
    card, arrays = load_parts(folder)
    assert not card.is_classical
    assert set(arrays) == set(network.state_dict())


def change(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    path = folder / "card.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    edit(values)
    path.write_text(json.dumps(values), encoding="utf-8")


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors"])
def test_missing_files(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert "landweave train" in refused(folder, name).do


def test_a_missing_folder(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere")


@pytest.mark.parametrize("name", ["card.json", "weights.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_files(folder: Path, name: str, share: float) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(share * len(content))])
    refused(folder, name)


def test_one_flipped_bit_of_the_weights(folder: Path) -> None:
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    refused(folder, "SHA-256")


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "card.json").write_bytes(b"\xff\xfe\x00")
    refused(folder, "UTF-8")


@pytest.mark.parametrize(
    ("edit", "word"),
    [
        (lambda values: values.update(bands=["B03", "B02", "B8A"]), "changed after it was written"),
        (lambda values: values["mean"].__setitem__(0, 0.5), "changed after it was written"),
        (lambda values: values["legend"]["classes"].reverse(), "changed after it was written"),
        (lambda values: values["training"].update(epochs=300), "changed after it was written"),
        (lambda values: values["sight"].update(reach_px=0), "changed after it was written"),
        (lambda values: values.update(format=2), "format"),
        (lambda values: values.update(unit="furlong"), "unit"),
        (lambda values: values.update(extra=1), "extra"),
        (lambda values: values.pop("sensor"), "sensor"),
        (lambda values: values.update(std=[0.1, 0.1, 0]), "above 0"),
        (lambda values: values.update(mean=[0.1]), "one mean"),
        (lambda values: values["sight"].update(stride=0), "stride"),
        (lambda values: values["legend"]["classes"][0].update(color="green"), "#rrggbb"),
    ],
)
def test_a_card_that_was_changed(folder: Path, edit: Callable[[dict[str, Any]], Any], word: str) -> None:
    change(folder, edit)
    refused(folder, word)


@pytest.mark.parametrize("text", ['{"model_type": "bert"}', "[1, 2]", "null", '"card"'])
def test_json_of_another_program(folder: Path, text: str) -> None:
    (folder / "card.json").write_text(text)
    refused(folder, "card of landweave")


@pytest.mark.parametrize(
    ("card", "word"),
    [
        (replace(CARD, network="megaunet"), "unet"),
        (replace(CARD, arguments={"width": 4, "colour": 2}), "colour"),
        (replace(CARD, arguments={"width": 8, "depth": 2}), "width"),
        (replace(CARD, bands=("B02", "B03"), mean=(0.0, 0.0), std=(1.0, 1.0)), "unet"),
    ],
)
def test_weights_that_do_not_fit_the_network(tmp_path: Path, network: torch.nn.Module, card: Card, word: str) -> None:
    save_card(tmp_path / "card", card, network)
    refused(tmp_path / "card", word)


def test_weights_that_are_no_safetensors_although_the_sum_is_right(folder: Path, tmp_path: Path) -> None:
    save_card(tmp_path / "other", CARD, {"a": np.zeros(3)})
    content = b"this is a pickle, perhaps"
    (folder / "weights.safetensors").write_bytes(content)
    card, _ = load_parts(tmp_path / "other")
    card = replace(card, weights_sha256=hashlib.sha256(content).hexdigest())
    change(folder, lambda values: values.update(weights_sha256=card.weights_sha256, identity=card.identity))
    refused(folder, "safetensors")


@pytest.mark.parametrize(
    "changes",
    [
        {"bands": ()},
        {"bands": ("B02", "B02", "B8A")},
        {"mean": (0.0, float("nan"), 0.0)},
        {"std": (1.0, 1.0, float("inf"))},
        {"pixel_size_m": 0.0},
        {"sight": Sight(4, -1)},
    ],
)
def test_a_card_that_contradicts_itself_is_never_made(changes: dict[str, Any]) -> None:
    with pytest.raises(CardError) as caught:
        replace(CARD, **changes)
    assert all((caught.value.given, caught.value.expected, caught.value.do))


def test_a_place_that_cannot_be_written(tmp_path: Path, network: torch.nn.Module) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        save_card(tmp_path / "file" / "card", CARD, network)


def test_weights_are_plain_safetensors(folder: Path, network: torch.nn.Module) -> None:
    arrays = safetensors.numpy.load_file(folder / "weights.safetensors")
    np.testing.assert_array_equal(arrays["head.weight"], network.state_dict()["head.weight"].numpy())


def test_thresholds_are_kept_and_cards_without_them_say_nothing_of_them(folder: Path, network: torch.nn.Module) -> None:
    assert "thresholds" not in json.loads((folder / "card.json").read_text())
    assert load_card(folder)[0].thresholds == ()
    tuned = replace(CARD, task="multilabel", thresholds=(0.25, 0.5))
    save_card(folder, tuned, network)
    found = load_card(folder)[0]
    assert found.thresholds == (0.25, 0.5)
    assert found.identity != replace(found, thresholds=()).identity


@pytest.mark.parametrize("thresholds", [(0.5,), (0.5, 1.5), (0.5, float("nan"))])
def test_thresholds_that_are_none_are_refused(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(CardError) as caught:
        replace(CARD, thresholds=thresholds)
    assert "2 classes" in caught.value.given
    assert "from 0 to 1" in caught.value.expected
    assert caught.value.do


@pytest.mark.parametrize(
    "dates",
    [SeriesInput(20), SeriesInput(9, "date"), SeriesInput(3, "series", "linear", 60, (15, 180, 400))],
)
def test_cards_of_series_tell_how_dates_are_taken(tmp_path: Path, dates: SeriesInput) -> None:
    card = replace(CARD, network="linear", arguments={}, task="series", sight=Sight(1, 0), series=dates)
    written = save_card(tmp_path / "card", card, {"a": np.zeros(1)})
    found, _ = load_parts(tmp_path / "card")
    assert found.series == dates
    assert found.identity == written.identity


def test_cards_of_other_tasks_do_not_mention_series(folder: Path) -> None:
    assert "series" not in json.loads((folder / "card.json").read_text())


@pytest.mark.parametrize(("task", "dates"), [("series", None), ("pixels", SeriesInput(20))])
def test_dates_belong_to_series_only(task: Any, dates: SeriesInput | None) -> None:
    with pytest.raises(CardError) as caught:
        replace(CARD, task=task, series=dates)
    assert all((caught.value.given, caught.value.expected, caught.value.do))
