"""Writing rasters while the disk fills or the process is killed: the old file, the new file or nothing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.raster.making import grid

from landweave.atomic import sweep
from landweave.raster.write import write_tile
from landweave.tiling import Tiling

EDGE = 2000
START = """
import resource, sys
import numpy as np
from pathlib import Path
from landweave.errors import OutputError
from landweave.legend import legend
from landweave.raster.write import write_cog, write_map, write_tile
from tests.raster.making import grid

folder = Path(sys.argv[1])
"""


def program(text: str) -> list[str]:
    return [sys.executable, "-c", START + textwrap.dedent(text)]


def run(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    command = [*program(text), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, timeout=120)


# A limit on the size of files: to the program, a disk that is full after so many bytes.
WRITES = {
    "tile": "write_tile(folder / 'out.tif', ids[None], grid(2000))",
    "map": "write_map(folder / 'out.tif', ids, grid(2000), legend('simulated-8'))",
    "cog": "write_cog(folder / 'out.tif', sorted((folder / 'tiles').iterdir()), grid(2000), nodata=0)",
}


def cut(folder: Path) -> None:
    ids = np.random.default_rng(0).integers(1, 9, (1, EDGE, EDGE), np.uint8)
    for tile in Tiling((EDGE, EDGE), 500, 0):
        write_tile(folder / "tiles" / f"{tile.key}.tif", ids[:, *tile.core.slices], tile.core.on(grid(EDGE)))


@pytest.mark.parametrize("limit", [1000, 1_200_000])
@pytest.mark.parametrize("what", WRITES)
def test_a_full_disk_is_said_and_leaves_nothing_half(tmp_path: Path, what: str, limit: int) -> None:
    cut(tmp_path)
    done = run(
        f"""
        ids = np.random.default_rng(0).integers(1, 9, (2000, 2000), np.uint8)
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
    )
    assert done.stdout == "said\n", done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"tiles", "out.tif.aux.xml"}


def test_killed_while_putting_tiles_together(tmp_path: Path) -> None:
    cut(tmp_path)
    text = """
    while True:
        print("begin", flush=True)
        write_cog(folder / "out.tif", sorted((folder / "tiles").iterdir()), grid(2000), nodata=0)
    """
    root = Path(__file__).parents[2]
    for wait_s in (0.0, 0.15, 0.4):
        command = [*program(text), str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begin\n"
            time.sleep(wait_s)
            process.kill()
        if (tmp_path / "out.tif").exists():
            with rasterio.open(tmp_path / "out.tif") as file:
                assert file.read(1).min() >= 1, "a file under its final name is whole"
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {"tiles", "out.tif"}
