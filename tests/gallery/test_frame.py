"""Rows of images: where each patch comes from, as far as names, catalogs and the archive's index tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.gallery.making import cut_kinds
from tests.patches import scenes

from landweave.gallery.frame import entry, frame_of, joined
from landweave.jobs.serial import Serial
from landweave.patches import job
from landweave.patches.archive import open_archive

CENTROIDS = np.array([0b00, 0b11], np.uint64)


def rows(archive: object, codes: list[int] | None = None) -> object:
    num = len(archive)  # type: ignore[arg-type]
    held = np.array(codes or [0b01] * num, np.uint64)
    return frame_of(archive, "i" * 64, held, CENTROIDS, np.zeros((num, 2), np.float32))  # type: ignore[arg-type]


def test_every_column_is_told(tmp_path: Path) -> None:
    archive = cut_kinds(tmp_path / "archive", 18)
    frame = rows(archive, [0b00, 0b01, 0b11] * 6)
    assert frame["bucket"].tolist() == [0, 0, 1] * 6
    assert frame["distance"].tolist() == [0, 1, 0] * 6
    assert frame["code"].dtype == np.uint64
    assert frame["number"].tolist() == list(range(18))
    assert set(frame["part"]) == {"train", "validation", "test"}
    assert frame["row"].tolist() == [32 * i for i in range(18)]
    assert set(frame["col"]) == {0}
    assert set(frame["px"]) == {32}
    assert set(frame["datetime"]) == {"2023-07-12T10:00:00+00:00"}
    # Nobody tells which file these came from.
    assert set(frame["source"]) == {""}
    assert frame["left"].tolist() == archive.table()["left"].tolist()
    assert entry(archive, "i")["images"] == 18


def test_the_file_of_a_scene_is_told_by_the_catalog(tmp_path: Path) -> None:
    wanted = scenes.job(tmp_path, [scenes.write_scene(tmp_path)], scenes.write_labels(tmp_path / "labels.tif"))
    list(job.run_catalog(wanted, tmp_path / "archive", executor=Serial()))
    archive = open_archive(tmp_path / "archive")
    frame = rows(archive)
    assert len(frame) > 2
    sources = set(frame["source"])
    assert len(sources) == 1
    assert Path(sources.pop()).exists()
    # Windows lie on the scene's own pixels: what they cover is what the footprint says.
    first = frame.iloc[0]
    left, top = frame["left"].min(), frame["top"].max()
    size = archive.layout.pixel_size_m
    origin = (first["left"] - size * first["col"], first["top"] + size * first["row"])
    for one in frame.itertuples():
        assert (one.left - size * one.col, one.top + size * one.row) == pytest.approx(origin)
    assert origin[0] <= left
    assert origin[1] >= top


def test_a_catalog_that_is_gone_leaves_files_untold(tmp_path: Path) -> None:
    wanted = scenes.job(tmp_path, [scenes.write_scene(tmp_path)], scenes.write_labels(tmp_path / "labels.tif"))
    list(job.run_catalog(wanted, tmp_path / "archive", executor=Serial()))
    wanted.scenes.write_bytes(b"no catalog")
    assert set(rows(open_archive(tmp_path / "archive"))["source"]) == {""}
    wanted.scenes.unlink()
    assert set(rows(open_archive(tmp_path / "archive"))["source"]) == {""}


def test_two_archives_in_one_zone_keep_its_metres(tmp_path: Path) -> None:
    both = [rows(cut_kinds(tmp_path / str(place), 18, place=place)) for place in (0, 1)]
    found = joined(*both)
    assert len(found) == 36
    assert found.crs.to_epsg() == 32633
    assert found.index.tolist() == list(range(36))


def test_two_zones_meet_in_degrees(tmp_path: Path) -> None:
    one = rows(cut_kinds(tmp_path / "a", 18))
    other = rows(cut_kinds(tmp_path / "b", 18, place=1, crs="EPSG:32634"))
    found = joined(one, other)
    assert found.crs.to_epsg() == 4326
    west, south, east, north = found.total_bounds
    assert 10 < west < east < 25
    assert 40 < south < north < 50


def test_a_place_beside_no_place_is_no_place(tmp_path: Path) -> None:
    one = rows(cut_kinds(tmp_path / "a", 18))
    other = rows(cut_kinds(tmp_path / "b", 18, place=1, crs=""))
    assert joined(one, other).crs is None
