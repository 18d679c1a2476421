"""Open files: once a process, shared by threads, closed when there are too many."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.raster.making import grid, numbers, scene

from landweave.errors import SceneError
from landweave.raster import files
from landweave.raster.read import read, read_numbers
from landweave.raster.write import write_tile
from landweave.tiling import Window


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were opened, in order."""
    files.close_files()
    names: list[str] = []
    honest = rasterio.open

    def noting(path: str, *arguments: object, **words: object) -> object:
        names.append(Path(path).name)
        return honest(path, *arguments, **words)

    monkeypatch.setattr(files.rasterio, "open", noting)
    return names


def test_each_file_is_opened_once(tmp_path: Path, opened: list[str]) -> None:
    made = scene(tmp_path, {"B02": numbers(grid()), "B05": numbers(grid(30, 20))})
    for row in range(0, 60, 10):
        read(made, ["B02", "B05"], made.grid[row : row + 10])
    assert opened == ["B02.tif", "B05.tif"]
    files.close_files()
    read(made, ["B02"], made.grid)
    assert opened[2:] == ["B02.tif"]


def test_threads_share_a_file(tmp_path: Path, opened: list[str]) -> None:
    made = scene(tmp_path, {"B02": numbers(grid()), "B05": numbers(grid(30, 20))})
    whole, _ = read(made, ["B02", "B05"], made.grid)
    start = threading.Barrier(8)

    def work(row: int) -> bool:
        start.wait()
        return all(
            np.array_equal(read(made, ["B02", "B05"], made.grid[row : row + 8])[0], whole[:, row : row + 8])
            for _ in range(10)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(0, 48, 6)))
    assert sorted(opened) == ["B02.tif", "B05.tif"]


def test_the_oldest_file_is_closed_when_there_are_too_many(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_MAX_OPEN", 3)
    paths = [tmp_path / f"{index}.tif" for index in range(4)]
    for path in paths:
        write_tile(path, numbers(grid()), grid())
    for path in [*paths, paths[3], paths[1], paths[0]]:
        read_numbers(str(path), Window(0, 0, 4, 4))
    assert opened == ["0.tif", "1.tif", "2.tif", "3.tif", "0.tif"]


def test_a_file_that_cannot_be_opened_is_named_and_not_kept(tmp_path: Path, opened: list[str]) -> None:
    path = tmp_path / "late.tif"
    with pytest.raises(SceneError, match=r"late\.tif"):
        files.grid_of(str(path))
    write_tile(path, numbers(grid()), grid())
    assert files.grid_of(str(path)) == grid()


def test_a_path_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "\udcff.tif"
    with pytest.raises(SceneError) as caught:
        files.grid_of(str(path))
    assert "\\udcff" in caught.value.given
    caught.value.given.encode("utf-8")
    assert caught.value.expected == "a path in UTF-8"
    assert "rename" in caught.value.do


def test_remote_and_local_names() -> None:
    assert files.is_remote("https://example.org/B02.tif")
    assert files.is_remote("s3://bucket/B02.tif")
    assert files.is_remote("/vsicurl/https://example.org/B02.tif")
    assert not files.is_remote("/data/B02.tif")


def test_a_file_that_was_replaced_is_opened_anew(tmp_path: Path, opened: list[str]) -> None:
    path = tmp_path / "one.tif"
    for seed in range(3):
        write_tile(path, numbers(grid(), seed), grid())
        for _ in range(2):
            found = read_numbers(str(path), Window(0, 0, 60, 60))
            np.testing.assert_array_equal(found, numbers(grid(), seed))
    assert opened == ["one.tif"] * 3
    path.unlink()
    with pytest.raises(SceneError, match=r"one\.tif"):
        read_numbers(str(path), Window(0, 0, 60, 60))


def test_a_slow_file_does_not_hold_up_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("slow", "quick"):
        write_tile(tmp_path / f"{name}.tif", numbers(grid()), grid())
    honest, asked, free = rasterio.open, threading.Event(), threading.Event()

    def slow(path: str, *arguments: object, **words: object) -> object:
        if path.endswith("slow.tif"):
            asked.set()
            assert free.wait(30)
        return honest(path, *arguments, **words)

    files.close_files()
    monkeypatch.setattr(files.rasterio, "open", slow)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(files.grid_of, str(tmp_path / "slow.tif"))
        assert asked.wait(30)
        assert files.grid_of(str(tmp_path / "quick.tif")) == grid()
        assert not waiting.done()
        free.set()
        assert waiting.result() == grid()


def test_bands_of_a_file_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "named.tif"
    write_tile(path, np.ones((3, 4, 4), np.uint8), grid(4, 10))
    assert files.layer_names(str(path)) == ("", "", "")
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("B01", "", "B8A")
    files.close_files()
    assert files.layer_names(str(path)) == ("B01", "", "B8A")
    with pytest.raises(SceneError):
        files.layer_names(str(tmp_path / "none.tif"))
