"""Writing rasters while the disk fills or the process is killed: the old file, the new file or nothing."""

from __future__ import annotations

import signal
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.faults.landweave import Started, python
from tests.raster.making import grid

from landweave.atomic import sweep
from landweave.raster.write import write_tile
from landweave.tiling import Tiling

EDGE = 1000
START = """
import resource, sys
import numpy as np
from pathlib import Path
from landweave.errors import OutputError
from landweave.legend import legend
from landweave.raster.write import write_cog, write_map, write_tile
from tests.faults.landweave import Started, python
from tests.raster.making import grid

folder, tiles = Path(sys.argv[1]), sorted(Path(sys.argv[2]).iterdir())
"""


def program(text: str, folder: Path, tiles: Path) -> Started:
    return python(START + textwrap.dedent(text), folder, tiles)


# A limit on the size of files: to the program, a disk that is full after so many bytes.
WRITES = {
    "tile": "write_tile(folder / 'out.tif', ids[None], grid(1000))",
    "map": "write_map(folder / 'out.tif', ids, grid(1000), legend('simulated-8'))",
    "cog": "write_cog(folder / 'out.tif', tiles, grid(1000), nodata=0)",
}


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiles")
    ids = np.random.default_rng(0).integers(1, 9, (1, EDGE, EDGE), np.uint8)
    for tile in Tiling((EDGE, EDGE), 250, 0):
        write_tile(folder / f"{tile.key}.tif", ids[:, *tile.core.slices], tile.core.on(grid(EDGE)))
    return folder


@pytest.mark.parametrize("limit", [1000, 300_000])
@pytest.mark.parametrize("what", WRITES)
def test_a_full_disk_is_said_and_leaves_nothing_half(tmp_path: Path, tiles: Path, what: str, limit: int) -> None:
    process = program(
        f"""
        ids = np.random.default_rng(0).integers(1, 9, (1000, 1000), np.uint8)
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        try:
            {WRITES[what]}
        except OutputError as error:
            assert "out.tif" in error.given, error
            assert "space" in error.expected, error
            assert "again" in error.do, error
            print("said")
        """,
        tmp_path,
        tiles,
    )
    said, wrong = process.communicate(timeout=120)
    assert said == "said\n", wrong
    assert {path.name for path in tmp_path.iterdir()} <= {"out.tif.aux.xml"}


def test_killed_while_putting_tiles_together(tmp_path: Path, tiles: Path) -> None:
    text = """
    while True:
        print("begin", flush=True)
        write_cog(folder / "out.tif", tiles, grid(1000), nodata=0)
    """
    for wait_s in (0.0, 0.15, 0.4):
        process = program(text, tmp_path, tiles)
        assert process.stdout.readline() == "begin\n"
        time.sleep(wait_s)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        if (tmp_path / "out.tif").exists():
            with rasterio.open(tmp_path / "out.tif") as file:
                assert file.read(1).min() >= 1, "a file under its final name is whole"
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"out.tif"}
