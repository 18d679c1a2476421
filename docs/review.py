"""Write docs/verbs/review.png, the page on the true changes of a simulated world, as Chromium shows it.

landweave simulate series-mild-2 -o W/ && landweave catalog W/scenes -o W/catalog.parquet
landweave series select W/catalog.parquet -o W/series.json --per-year 0 --no-pairs && python docs/review.py W/
"""

from __future__ import annotations

import datetime as dt
import io
import shutil
import sys
import tempfile
import threading
from pathlib import Path

import numpy as np
import shapely
from PIL import Image
from playwright.sync_api import sync_playwright

from landweave.raster.classes import read_legend
from landweave.raster.outlines import outline
from landweave.raster.read import grid_of, read_numbers
from landweave.review.events import NAME, Event, Header, write_events
from landweave.review.serve import make_server
from landweave.tiling import Window

_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
_LEAST_PX = 15


def events_of(world: Path) -> tuple[Header, list[Event]]:
    """The true changes of a world as events."""
    path = world / "truth" / "change.tif"
    grid = grid_of(str(path))
    before, after, days = read_numbers(str(path), Window.of((grid.shape[0], grid.shape[1])), (1, 2, 3)).astype(int)
    kinds = np.unique(np.stack([before, after, days])[:, days > 0], axis=1).T.tolist()
    made = []
    for number, (old, new, day) in enumerate(kinds):
        here = ((before == old) & (after == new) & (days == day)).astype(np.uint8)
        for piece in (one for one in outline(here, [1])[1] if one.num_px >= _LEAST_PX):
            left, top, right, bottom = (int(edge) for edge in piece.outline.bounds)
            shape = shapely.transform(piece.outline, lambda x, y: grid.affine @ (x, y), interleaved=False)
            date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
            sure = 0.55 + 0.4 * (number * 7 % 10) / 10
            window = Window(top, left, bottom - top, right - left)
            area = piece.num_px * abs(grid.affine.determinant) / 10_000
            name = f"change-{len(made) + 1:04d}"
            made.append(Event(name, shape, date, date.year, old, new, sure, piece.num_px, area, window))
    legend = read_legend(world / "truth" / "2020.tif")
    assert legend is not None
    assert grid.crs is not None
    return Header("f" * 64, legend, "../series.json", "..", grid.crs.proj), made


def main(world: Path) -> None:
    """Make a job of the world's changes, serve it, and take the picture."""
    with tempfile.TemporaryDirectory(dir=world) as folder:
        place = Path(folder)
        write_events(place / NAME, *events_of(world))
        (place / "annual").mkdir()
        for path in (world / "truth").glob("20*.tif*"):
            shutil.copy(path, place / "annual")
        server = make_server(place, port=0)
        threading.Thread(target=server.run, daemon=True).start()
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
            tab = browser.new_page(viewport={"width": 1400, "height": 880})
            tab.goto(server.address)
            tab.fill("#name", "Ada")
            tab.keyboard.press("Enter")
            tab.select_option("#order", "size")
            tab.wait_for_selector("#chart polyline", state="attached")
            tab.wait_for_load_state("networkidle")
            shown = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
            browser.close()
    shown.quantize(255, dither=Image.Dither.NONE).save(Path(__file__).parent / "verbs" / "review.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
