"""data_super: archives that hold the coarser bands on the finest pixels too, made by a sharpener."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from tests.patches import making, scenes
from torch import nn

from landweave.datasets.archive import ArchiveDataset
from landweave.errors import CardError
from landweave.jobs.pool import Pool
from landweave.models.pair.sharpener import Sharpener, View, load_sharpener, save_sharpener, sharpen
from landweave.patches.layout import Layout, Super
from landweave.patches.super import add_super, with_super

torch.set_num_threads(1)
VIEWS = (
    View(10.0, ("B02", "B03"), (0.25, 0.25), (0.1, 0.1)),
    View(20.0, ("B05",), (0.25,), (0.1,)),
    View(60.0, ("B09",), (0.25,), (0.1,)),
)


def card(folder: Path, seed: int = 0, **changed: object) -> Path:
    """A sharpener with small random weights."""
    made = dataclasses.replace(Sharpener("sentinel-2-l2a", "reflectance", VIEWS, 4, 1), **changed)  # type: ignore[arg-type]
    torch.manual_seed(seed)
    networks = made.networks()
    for network in networks.values():
        nn.init.normal_(network.tail.weight, 0, 0.02)  # type: ignore[union-attr, arg-type]
    save_sharpener(folder, made, networks)
    return folder


def layout() -> Layout:
    return making.make(12, ("B02", "B03", "B05", "B09"))


def test_a_layout_without_a_sharpener_is_as_it_was() -> None:
    plain = layout()
    assert with_super(plain, None) is plain
    assert "super" not in plain.to_json()
    assert "data_super" not in plain.shapes()
    arrays = making.arrays(plain, 2)
    assert add_super(plain, arrays) == (arrays, 0)


def test_a_layout_with_one_holds_every_coarser_band_on_the_finest_pixels(tmp_path: Path) -> None:
    made = with_super(layout(), card(tmp_path / "card"))
    assert made.super is not None
    assert [(band.name, band.pixel_size_m) for band in made.super.bands] == [("B05", 10), ("B09", 10)]
    assert made.shapes()["data_super"] == ((2, 12, 12), np.dtype(np.uint16))
    # The bands of the archive stay what they were.
    assert made.bands == ("B02", "B03", "B05", "B09")
    assert list(made.shapes()) == ["data_10m", "data_20m", "data_60m", "data_super", "mask", "valid"]


def test_a_layout_comes_back_from_json_without_the_place_of_the_card(tmp_path: Path) -> None:
    made = with_super(layout(), card(tmp_path / "card"))
    text = json.dumps(made.to_json())
    assert str(tmp_path) not in text
    again = Layout.from_json(json.loads(text))
    assert again == made
    assert isinstance(again.super, Super)
    assert again.super.card is None
    assert again.super.sharpener == load_sharpener(tmp_path / "card")[0].identity


def test_numbers_are_those_of_the_networks(tmp_path: Path) -> None:
    made = with_super(layout(), card(tmp_path / "card"))
    assert made.super is not None
    arrays = making.arrays(layout(), 20)
    found, num_cut = add_super(made, arrays)
    sharpener, networks = load_sharpener(tmp_path / "card")
    values = {view.pixel_size_m: torch.from_numpy(view.to_physical(arrays[view.key])) for view in made.views}
    wanted = sharpen(sharpener, networks, values).numpy()
    # 0 and below mean "no data" or cannot be stored.
    close = np.clip(np.rint((wanted + 0.1) / 1e-4), 1, 65535)
    assert np.abs(found["data_super"].astype(int) - close).max() <= 1
    assert found["data_super"].dtype == np.uint16
    assert num_cut == (np.rint((wanted + 0.1) / 1e-4) < 1).sum()
    assert set(found) == {*arrays, "data_super"}


def test_what_is_not_valid_is_no_data(tmp_path: Path) -> None:
    made = with_super(layout(), card(tmp_path / "card"))
    arrays = making.arrays(layout(), 3)
    arrays["valid"][1, :6] = False
    found, _ = add_super(made, arrays)
    assert (found["data_super"][1, :, :6] == 0).all()
    assert (found["data_super"][1, :, 6:] > 0).all()


def test_a_patch_does_not_depend_on_its_neighbours_in_the_shard(tmp_path: Path) -> None:
    made = with_super(layout(), card(tmp_path / "card"))
    arrays = making.arrays(layout(), 18)
    whole, _ = add_super(made, arrays)
    one, _ = add_super(made, {key: array[17:] for key, array in arrays.items()})
    assert np.abs(whole["data_super"][17:].astype(int) - one["data_super"]).max() <= 1


def test_archives_are_cut_with_it(tmp_path: Path) -> None:
    scene = scenes.write_scene(tmp_path)
    labels = scenes.write_labels(tmp_path / "labels.tif")
    job = scenes.job(tmp_path, [scene], labels, sharpener=card(tmp_path / "card"))
    archive, _ = scenes.cut(job, tmp_path / "archive")
    plain, _ = scenes.cut(scenes.job(tmp_path, [scene], labels), tmp_path / "plain")
    assert len(archive) == len(plain) > 0
    own, other = (each.batch(np.arange(len(archive))) for each in (archive, plain))
    assert set(own) - set(other) == {"data_super"}
    assert all(np.array_equal(own[key], other[key]) for key in other)
    wanted, _ = add_super(with_super(plain.layout, tmp_path / "card"), other)
    assert np.abs(wanted["data_super"].astype(int) - own["data_super"]).max() <= 1
    # Statistics are of the bands as they were taken.
    assert archive.mean_and_std() == plain.mean_and_std()
    with h5py.File(tmp_path / "archive" / "archive.h5") as file:
        assert file["data_super"].shape == (len(archive), 2, 12, 12)


def test_serial_and_pool_give_the_same_archive(tmp_path: Path) -> None:
    scene = scenes.write_scene(tmp_path)
    labels = scenes.write_labels(tmp_path / "labels.tif")
    job = scenes.job(tmp_path, [scene], labels, sharpener=card(tmp_path / "card"))
    scenes.cut(job, tmp_path / "serial")
    # One worker: it starts as two do, and tests/same_answer holds what two do to the order of shards.
    scenes.cut(job, tmp_path / "pool", Pool(1))
    one, other = scenes.hashes(tmp_path / "serial"), scenes.hashes(tmp_path / "pool")
    assert one == other
    assert any(name.endswith(".h5") for name in one)


def test_samples_have_it(tmp_path: Path) -> None:
    made = with_super(layout(), card(tmp_path / "card"))
    arrays, _ = add_super(made, making.arrays(layout(), 2))
    from landweave.patches import archive

    archive.write_shard(tmp_path / "archive", "a", made, arrays, making.rows(2, splits=["train"]))
    archive.finish(tmp_path / "archive", made, {})
    sample = ArchiveDataset(tmp_path / "archive", "train")[1]
    assert sample.views["data_super"].shape == (2, 12, 12)
    np.testing.assert_allclose(sample.views["data_super"], arrays["data_super"][1] * 1e-4 - 0.1, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "given"),
    [
        ({"sensor": "sentinel-2-l1c"}, "sentinel-2-l1c"),
        ({"unit": "digital_number"}, "digital_number"),
        ({"views": VIEWS[:2]}, "B05 at 20 m"),
    ],
)
def test_a_sharpener_of_something_else_is_refused(tmp_path: Path, changed: dict[str, object], given: str) -> None:
    with pytest.raises(CardError) as told:
        with_super(layout(), card(tmp_path / "card", **changed))
    assert given in told.value.given
    assert "B09 at 60 m" in told.value.expected
    assert "--bands" in told.value.do


def test_a_sharpener_that_was_exchanged_is_refused(tmp_path: Path) -> None:
    made = with_super(layout(), card(tmp_path / "card"))
    assert made.super is not None
    other = dataclasses.replace(made, super=dataclasses.replace(made.super, card=card(tmp_path / "other", 1)))
    with pytest.raises(CardError) as told:
        add_super(other, making.arrays(layout(), 1))
    assert "other" in told.value.given
    assert made.super.sharpener[:12] in told.value.expected
    assert "another folder" in told.value.do


def test_a_folder_that_is_no_sharpener_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CardError) as told:
        with_super(layout(), tmp_path)
    assert "sharpener.json" in told.value.given
    assert "sharpen" in told.value.do
