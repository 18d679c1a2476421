"""A city on disk: a picture and a cube as scenes with sidecars, and the map of its classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from landweave.atomic import locked, write_text
from landweave.jobs.run import Progress
from landweave.provenance import write_record
from landweave.raster.write import write_map, write_tile
from landweave.sensors import sensor
from landweave.simulate.city import HSI_M, RGB_M, City, Strip, make_strip
from landweave.simulate.write import TAGS

_STRIP_PX = 120


def write_city(city: City, folder: Path) -> Iterator[Progress]:
    """Write a city to `folder`: scenes/rgb.tif and scenes/hsi.tif with their sidecars, truth/classes.tif, world.json.

    The same call again writes the same bytes.

    Raises:
        OutputError: The folder is in use, full or cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        starts = range(0, city.edge_m, _STRIP_PX)
        strips: list[Strip] = []
        for start in starts:
            yield Progress("simulate", len(strips), len(starts), "strips")
            strips.append(make_strip(city, start, min(_STRIP_PX, city.edge_m - start)))
        yield Progress("simulate", len(strips), len(starts), "strips")
        # The cube is joined once: a city of a kilometre takes 100 MB.
        rgb, hsi = (np.concatenate([getattr(strip, name) for strip in strips], 1) for name in ("rgb", "hsi"))
        write_tile(folder / "scenes" / "rgb.tif", rgb, city.grid(RGB_M), nodata=0, tags=TAGS)
        write_tile(folder / "scenes" / "hsi.tif", hsi, city.grid(HSI_M), nodata=0, tags=TAGS)
        for name, told in (("rgb", city.rgb), ("hsi", city.hsi)):
            write_text(folder / "scenes" / f"{name}.toml", _sidecar(city, told))
        truth = np.concatenate([strip.truth for strip in strips])
        write_map(folder / "truth" / "classes.tif", truth, city.grid(RGB_M), city.legend, tags=TAGS)
        write_record(folder / "world.json", "simulated city", city.model_dump(mode="json"))


def _sidecar(city: City, told: str) -> str:
    bands = ", ".join(f'"{name}"' for name in sensor(told).band_names)
    return f'sensor = "{told}"\nbands = [{bands}]\ndatetime = {city.date}T10:30:00Z\n'
