"""Patches of a list cut from whole products: which product, which pixels, labels, parts, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.patches import scenes
from tests.published import bigearthnet as published

from landweave.datasets import positions
from landweave.datasets.labels import Labels
from landweave.datasets.places import Place, read_places
from landweave.datasets.positions import PositionsJob
from landweave.datasets.products import Products
from landweave.errors import CatalogError, GridError, LandweaveError, LegendError, SceneError, SensorError, SplitError
from landweave.jobs.serial import Serial
from landweave.patches.archive import Archive, open_archive
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import Scene

PRODUCT = "S2A_MSIL2A_20230712T103000_N0509_R022_T33UUP_20230712T120000"
PATCH = "S2A_MSIL2A_20230712T103000_N9999_R022_T33UUP"
LABELS = ["Pastures", "Arable land"]


def patch(h: int, v: int) -> str:
    return f"{PATCH}_{h:02d}_{v:02d}"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    valid = np.ones((360, 360), np.uint8)
    valid[:12, :6] = 0
    return scenes.write_scene(tmp_path_factory.mktemp("scene"), PRODUCT, edge_m=3600, valid=valid)


@pytest.fixture
def catalog(scene: Scene, tmp_path: Path) -> Path:
    write_catalog([scene], tmp_path / "catalog.parquet")
    return tmp_path / "catalog.parquet"


PLACES = [(0, 0), (29, 0), (0, 29), (29, 29), (15, 15)]


def write_list(path: Path, header: str, lines: Sequence[str]) -> Path:
    path.write_text("\r\n".join([header, *lines]) + "\r\n")
    return path


def job(catalog: Path, **changed: Any) -> PositionsJob:
    """Patches of 12 pixels, far enough from each other for blocks of 200 m."""
    listed = catalog.parent / "list.csv"
    if not listed.exists():
        lines = [f'{patch(h, v)},"{";".join(LABELS)}"' for h, v in PLACES]
        write_list(listed, "patch_id,labels", lines)
    known = {"scenes": catalog, "positions": listed, "legend": "bigearthnet-19", "patch_px": 12}
    return PositionsJob.model_validate({**known, "block_m": 200, "gap_m": 50, **changed})


def cut(wanted: PositionsJob, out: Path) -> Archive:
    for _ in positions.run(wanted, out, executor=Serial()):
        pass
    return open_archive(out)


def check(wanted: PositionsJob, out: Path, kind: type[LandweaveError], given: str, expected: str, do: str) -> None:
    with pytest.raises(kind) as caught:
        cut(wanted, out)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do
    assert not list(out.rglob("*.h5"))


def test_patches_hold_the_pixels_that_their_names_say(catalog: Path, tmp_path: Path) -> None:
    archive = cut(job(catalog), tmp_path / "a")
    assert archive.layout.targets == ("classes",)
    assert sorted(archive.ids()) == sorted(patch(h, v) for h, v in PLACES)
    got = archive.batch(range(5))
    whole = {name: scenes.numbers(name, 3600)[0] for name in scenes.SIZES}
    for index, name in enumerate(archive.ids()):
        col, row = (int(part) for part in name.split("_")[-2:])
        for view in archive.layout.views:
            for channel, band in enumerate(view.bands):
                top, left = row * view.px, col * view.px
                wanted = whole[band.name][top : top + view.px, left : left + view.px]
                np.testing.assert_array_equal(got[view.key][index, channel], wanted)
    names = np.array(archive.layout.legend.names)
    assert {tuple(names[row.astype(bool)]) for row in got["classes"]} == {("Arable land", "Pastures")}
    assert all(num > 0 for num in archive.manifest["splits"].values())
    assert got["valid"].all()
    assert set(archive.table()["scene"]) == {PRODUCT}


def test_the_mask_of_the_product_counts_when_it_is_asked_for(catalog: Path, tmp_path: Path) -> None:
    archive = cut(job(catalog, cloud_mask=True), tmp_path / "a")
    valid = archive.batch([archive.ids().index(patch(0, 0))])["valid"][0]
    assert not valid[:, :6].any() and valid[:, 6:].all()
    strict = cut(job(catalog, cloud_mask=True, min_valid=0.6), tmp_path / "b")
    assert len(strict) == 4 and strict.manifest["left"] == {"left: too few valid pixels": 1}


def test_rows_columns_or_coordinates_instead_of_names(catalog: Path, tmp_path: Path) -> None:
    left, top = scenes.CORNER
    by_pixel = [f"p{i},Pastures,{PRODUCT},{v * 12},{h * 12}" for i, (h, v) in enumerate(PLACES)]
    by_point = [f"p{i},Pastures,{PRODUCT}.SAFE,{left + h * 120},{top - v * 120}" for i, (h, v) in enumerate(PLACES)]
    made = []
    for name, header, lines in (("a", "row,col", by_pixel), ("b", "left,top", by_point)):
        listed = write_list(tmp_path / f"{name}.csv", f"patch_id,labels,scene,{header}", lines)
        made.append(cut(job(catalog, positions=listed), tmp_path / name))
    np.testing.assert_array_equal(made[0].batch(range(5))["data_10m"], made[1].batch(range(5))["data_10m"])
    named = cut(job(catalog), tmp_path / "c")
    np.testing.assert_array_equal(made[0].batch(range(5))["data_10m"], named.batch(range(5))["data_10m"])


def test_labels_of_43_classes_are_brought_to_19(catalog: Path, tmp_path: Path) -> None:
    lines = [f"{patch(h, v)},Rice fields; Airports;Pastures" for h, v in PLACES[:4]]
    listed = write_list(tmp_path / "l.csv", "patch_id,labels", [*lines, f"{patch(15, 15)},Airports"])
    archive = cut(job(catalog, positions=listed), tmp_path / "a")
    names = np.array(archive.layout.legend.names)
    assert set(names[archive.batch([0])["classes"][0].astype(bool)]) == {"Arable land", "Pastures"}
    assert archive.manifest["left"] == {"left: no label of this legend": 1}
    whole = cut(job(catalog, positions=listed, legend="bigearthnet-43"), tmp_path / "b")
    assert whole.batch([0])["classes"].sum() == 3


def test_the_published_table_and_lists_of_snow_and_clouds(catalog: Path, tmp_path: Path) -> None:
    table = tmp_path / "metadata.parquet"
    splits = ("train", "validation", "test", "train", "train")
    published.write_metadata(table, [(patch(h, v), LABELS, s) for (h, v), s in zip(PLACES, splits, strict=True)])
    snow = tmp_path / "snow.csv"
    # As a spreadsheet writes it.
    snow.write_text("\ufeff" + patch(29, 29) + "\r\n")
    archive = cut(job(catalog, positions=table, split="published", exclude=(snow,)), tmp_path / "a")
    assert archive.manifest["splits"] == {"train": 2, "validation": 1, "test": 1}
    assert archive.manifest["left"] == {"left: in a list to leave away": 1}


def test_patches_of_products_that_are_not_there_are_counted(catalog: Path, tmp_path: Path) -> None:
    job(catalog)
    lines = (catalog.parent / "list.csv").read_text().splitlines()
    listed = write_list(tmp_path / "l.csv", lines[0], [*lines[1:], "S2B_MSIL2A_20180101T101010_1_1,Pastures"])
    archive = cut(job(catalog, positions=listed), tmp_path / "a")
    assert archive.manifest["left"] == {"left: its product is not in the catalog": 1}
    none = write_list(tmp_path / "n.csv", lines[0], ["S2B_MSIL2A_20180101T101010_1_1,Pastures"])
    check(job(catalog, positions=none), tmp_path / "b", SceneError, "none of a product", "S2B_MSIL2A", "catalog the")


def test_names_of_version_1_tell_their_product(scene: Scene) -> None:
    products = Products([scene])
    assert products.of(Place("S2A_MSIL2A_20230712T103000_3_4", ())) is scene
    early = dataclasses.replace(scene, id="S2A_MSIL2A_20180510T094033_N0208_R036_T35WPN_20180510T114116")
    # As published: the time of this patch lacks its first digit.
    assert Products([early]).of(Place("S2A_MSIL2A_20180510T94033_19_86", ())) is early
    assert products.of(Place("S2B_MSIL2A_20230712T103000_3_4", ())) is None
    assert products.of(Place("anything", ())) is None
    assert products.of(Place("S2A_MSIL2A_20230712T103000_N9999_R022_T33UUQ_03_04", ())) is None


def test_several_products_that_fit_are_not_guessed(scene: Scene, tmp_path: Path) -> None:
    other = dataclasses.replace(scene, id=PRODUCT.replace("T33UUP", "T33UUQ"))
    write_catalog([scene, other], tmp_path / "catalog.parquet")
    listed = write_list(tmp_path / "l.csv", "patch_id,labels", ["S2A_MSIL2A_20230712T103000_3_4,Pastures"])
    wanted = job(tmp_path / "catalog.parquet", positions=listed)
    check(wanted, tmp_path / "a", CatalogError, "2 products fit", "one product", "column scene")
    square = Products([scene, other]).of(Place(patch(3, 4), ()))
    assert square is scene


@pytest.mark.parametrize(
    ("header", "line", "kind", "given", "expected", "do"),
    [
        ("patch_id,labels", f"{PATCH}_30_00,Pastures", GridError, "column 360", "within (360, 360)", "patch_px"),
        ("patch_id,labels,row,col", f"{PATCH}_0_0,Pastures,3,0", GridError, "row 3", "multiple of 6", "list"),
        ("patch_id,labels,left,top", f"{PATCH}_0_0,Pastures,399965,5300040", GridError, "column 0.5", "6", "list"),
        ("patch_id,labels", f"{PATCH}_00_00,Pasture", LegendError, "Pasture", "Pastures", "--legend"),
        ("patch_id,labels", f"{PRODUCT},Pastures", SceneError, "without a place", "_COLUMN_ROW", "row and col"),
        ("patch_id,labels,row,col", f"{PATCH}_0_0,Pastures,nan,0", SceneError, "row nan", "two numbers", "mend"),
        ("patch_id,labels,row,col", f"{PATCH}_0_0,Pastures,1,", SceneError, "col ", "two numbers", "mend"),
        ("patch_id,labels,split", f"{PATCH}_0_0,Pastures,dev", SplitError, "dev", "val", "split"),
        ("name,labels", "x,Pastures", SceneError, "name, labels", "patch_id and labels", "published table"),
        ("patch_id", f"{PATCH}_00_00", SceneError, "patch_id", "patch_id and labels", "add"),
    ],
)
def test_lists_that_cannot_be_right_are_refused(
    catalog: Path,
    tmp_path: Path,
    header: str,
    line: str,
    kind: type[LandweaveError],
    given: str,
    expected: str,
    do: str,
) -> None:
    listed = write_list(tmp_path / "l.csv", header, [line])
    check(job(catalog, positions=listed), tmp_path / "a", kind, given, expected, do)


def test_products_that_lack_a_band_or_are_of_several_sensors_are_refused(scene: Scene, tmp_path: Path) -> None:
    write_catalog([scene], tmp_path / "catalog.parquet")
    wanted = job(tmp_path / "catalog.parquet", bands=("B02", "B08"))
    check(wanted, tmp_path / "a", SensorError, "B08", "B02, B03", "band")
    files = {name: scene.files[name] for name in ("B02", "B05")}
    other = dataclasses.replace(scene, id=PRODUCT.replace("103000", "103005"), files=files)
    write_catalog([scene, other], tmp_path / "catalog.parquet")
    name = patch(2, 2).replace("103000", "103005")
    listed = write_list(tmp_path / "l.csv", "patch_id,labels", [f"{patch(0, 0)},Pastures", f"{name},Pastures"])
    both = job(tmp_path / "catalog.parquet", positions=listed, bands=("B03",))
    check(both, tmp_path / "b", SensorError, "B03", "B02, B05", "band")


def test_lists_that_cannot_be_read_are_refused(catalog: Path, tmp_path: Path) -> None:
    twice = write_list(tmp_path / "l.csv", "patch_id,labels", [f"{patch(0, 0)},Pastures"] * 2)
    check(job(catalog, positions=twice), tmp_path / "a", SceneError, "twice", "each patch once", "double")
    for name, content in (("e.csv", b""), ("p.parquet", b"PAR1"), ("b.csv.bz2", b"no bzip2"), ("u.csv", b"\xff\xfe")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SceneError) as caught:
            read_places(tmp_path / name)
        assert name in caught.value.given and caught.value.expected and caught.value.do
    with pytest.raises(SceneError):
        read_places(tmp_path / "none.csv")
    check(job(catalog, legend=None), tmp_path / "a", LegendError, "without a legend", "legend to store", "--legend")
    check(job(catalog, split="published"), tmp_path / "a", SplitError, "without a part", "column split", "published")


def test_a_legend_is_found_by_its_names() -> None:
    assert Labels.of(["Pastures"], "bigearthnet-19", "x").published.name == "bigearthnet-19"
    assert Labels.of(["Pastures", "Rice fields"], "bigearthnet-19", "x").published.name == "bigearthnet-43"
    assert Labels.of(["Pastures", "Rice fields"], "bigearthnet-43", "x").published.name == "bigearthnet-43"
