"""Cards on the patches of an archive: the same figures as by hand, and refusals of what does not fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.evaluation.making import LEGEND, RANDOM, cut, parts, value_of

from landweave.classical import store
from landweave.classical.neighbourhood import features, of_patches
from landweave.errors import ArchiveError, CardError, LegendError, SensorError
from landweave.evaluation.patches import judge
from landweave.legend import LandClass, Legend
from landweave.metrics.calibration import Calibration
from landweave.metrics.confusion import Confusion
from landweave.models.card import Card, save_card
from landweave.models.sight import Sight
from landweave.models.table import build
from landweave.patches.archive import Archive

CARD = Card(
    network="pixel",
    arguments={"width": 4},
    sensor="sentinel-2-l2a",
    bands=("B05", "B02", "B03"),
    pixel_size_m=10.0,
    unit="reflectance",
    mean=(0.1, 0.15, 0.15),
    std=(0.05, 0.1, 0.1),
    legend=LEGEND,
    task="pixels",
    sight=Sight(1, 0),
)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return cut(tmp_path / "archive")


def physical(archive: Archive, indices: Any) -> tuple[Any, Any]:
    """Bands in the card's order at 10 m and valid, without the code that is tested."""
    arrays = archive.batch(indices)
    fine = torch.from_numpy(arrays["data_10m"].astype(np.float32)) * 0.0001 - 0.1
    half = torch.from_numpy(arrays["data_20m"].astype(np.float32)) * 0.0001 - 0.1
    half = torch.nn.functional.interpolate(half, (12, 12), mode="bilinear")
    return torch.cat([half, fine], 1), torch.from_numpy(np.array(arrays["valid"]))


def test_a_network_of_pixels(archive: Archive, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build("pixel", 3, 3, width=4)
    save_card(tmp_path / "card", CARD, network)
    found = value_of(judge(tmp_path / "card", archive, "test", "it"))
    indices = archive.part("test")
    values, valid = physical(archive, indices)
    scaled = (values - torch.tensor(CARD.mean)[:, None, None]) / torch.tensor(CARD.std)[:, None, None]
    told = network(torch.where(valid[:, None], scaled, 0.0)).softmax(1).detach().numpy()
    truth = np.where(valid.numpy(), archive.batch(indices)["mask"], 255).astype(np.uint8)
    expected = Confusion.from_labels(told.argmax(1).astype(np.uint8), truth, 3)
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected.counts)
    flat = np.moveaxis(told, 1, -1).reshape(-1, 3)
    assert found.calibration is not None
    error = Calibration.from_probabilities(np.ascontiguousarray(flat), truth.ravel()).expected_error
    assert found.calibration.expected_error == pytest.approx(error, abs=1e-5)
    assert found.estimates is not None
    assert found.estimates.num_drawn == found.counts["blocks"] == 10
    assert found.counts["patches"] == len(indices)


@pytest.mark.parametrize("window_px", [1, 3])
def test_a_forest_of_pixels_learns_what_bands_tell(archive: Archive, tmp_path: Path, window_px: int) -> None:
    train = archive.part("train")
    values, valid = physical(archive, train)
    masks = archive.batch(train)["mask"]
    pairs = zip(values.numpy(), valid.numpy(), strict=True)
    x = np.concatenate([features(one, usable, window_px).reshape(-1, 144).T for one, usable in pairs])
    model = store.fit("forest", np.ascontiguousarray(x), masks.ravel(), 3, num_trees=8)
    card = replace(CARD, network="forest", arguments={"window_px": window_px}, sight=Sight(1, window_px // 2))
    save_card(tmp_path / "card", card, model.to_arrays())
    found = value_of(judge(tmp_path / "card", archive, "test", "forest"))
    assert found.confusion is not None
    assert found.confusion.overall > 0.95
    assert found.calibration is not None
    assert found.calibration.num.sum() == found.confusion.num_pixels


def test_several_labels_a_patch(archive: Archive, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build("resnet18", 3, 3).eval()
    save_card(
        tmp_path / "card",
        replace(CARD, network="resnet18", arguments={}, task="multilabel", sight=Sight(1, None)),
        network,
    )
    found = value_of(judge(tmp_path / "card", archive, "test", "it"))
    assert found.multilabel is not None
    assert found.confusion is None
    indices = archive.part("test")
    np.testing.assert_array_equal(found.multilabel.truth, archive.batch(indices)["classes"])
    values, valid = physical(archive, indices)
    scaled = (values - torch.tensor(CARD.mean)[:, None, None]) / torch.tensor(CARD.std)[:, None, None]
    told = network(torch.where(valid[:, None], scaled, 0.0)).sigmoid().detach().numpy()
    np.testing.assert_allclose(found.multilabel.probabilities, told, atol=1e-5)


@pytest.mark.parametrize("task", ["multilabel", "patches"])
def test_a_linear_model_of_patches(archive: Archive, tmp_path: Path, task: Any) -> None:
    train = archive.part("train")
    values, valid = physical(archive, train)
    x, classes = of_patches(values.numpy(), valid.numpy()), archive.batch(train)["classes"]
    y = classes if task == "multilabel" else classes.argmax(1).astype(np.uint8)
    model = store.fit("linear", x, y, 3)
    card = replace(CARD, network="linear", arguments={}, task=task, sight=Sight(1, None))
    save_card(tmp_path / "card", card, model.to_arrays())
    found = value_of(judge(tmp_path / "card", archive, "test", "it"))
    if task == "multilabel":
        assert found.multilabel is not None
        assert found.multilabel.micro.f1 > 0.7
    else:
        assert found.confusion is not None
        assert found.confusion.num_pixels + found.counts["patches_without_one_label"] == found.counts["patches"]


def test_a_published_split_gives_no_interval(tmp_path: Path) -> None:
    save_card(tmp_path / "card", CARD, build("pixel", 3, 3, width=4))
    archive = cut(tmp_path / "archive", {"made": "for tests"})
    assert "published" in value_of(judge(tmp_path / "card", archive, "test", "it")).why_no_interval
    drawn = cut(tmp_path / "drawn", RANDOM, block="polygon")
    assert "polygons" in value_of(judge(tmp_path / "card", drawn, "test", "it")).why_no_interval


@pytest.mark.parametrize(
    ("changes", "kind", "word"),
    [
        ({"sensor": "sentinel-2-l1c"}, CardError, "sentinel-2-l1c"),
        ({"unit": "digital_number"}, CardError, "digital_number"),
        ({"pixel_size_m": 20.0}, CardError, "20 m"),
        ({"bands": ("B05", "B02", "B04")}, SensorError, "B04"),
        (
            {"legend": Legend("other", "x", (*LEGEND.classes[:2], LandClass(9, "Ice", "#ffffff")))},
            LegendError,
            "other",
        ),
    ],
)
def test_cards_of_other_patches_are_refused(
    archive: Archive, tmp_path: Path, changes: dict[str, Any], kind: type[Exception], word: str
) -> None:
    save_card(tmp_path / "card", replace(CARD, **changes), build("pixel", 3, 3, width=4))
    with pytest.raises(kind) as caught:
        value_of(judge(tmp_path / "card", archive, "test", "it"))
    assert word in "".join(parts(caught.value))


@pytest.mark.parametrize(("task", "targets"), [("pixels", ("classes",)), ("multilabel", ("mask",))])
def test_archives_without_the_labels_are_refused(tmp_path: Path, task: Any, targets: Any) -> None:
    save_card(tmp_path / "card", replace(CARD, task=task), build("pixel", 3, 3, width=4))
    with pytest.raises(ArchiveError) as caught:
        value_of(judge(tmp_path / "card", cut(tmp_path / "archive", targets=targets), "test", "it"))
    parts(caught.value)
