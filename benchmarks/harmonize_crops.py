"""Crops of a simulated season from scenes made by three methods, for benchmarks/harmonize.py. Not a benchmark itself.

Every series has Sentinel-2's scenes of the season, made like Landsat 8's by one method: five days that Landsat 8 saw
too, and where six are said also the day in July that it did not see. The generator learnt from pairs of another place.
A support vector machine with five-fold search of C and gamma learns on half of the blocks of land and is judged on the
other half, as Table V of Sedona et al. (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harmonize_methods import GAN, PHYSICAL, RAW, drain, held_out_alone
from landweave.config import check
from landweave.evaluation.result import read_evaluation
from landweave.harmonize.apply import ApplyJob
from landweave.harmonize.apply import run as apply
from landweave.harmonize.crops import CropsJob
from landweave.harmonize.crops import run as classify
from landweave.jobs.pool import Pool
from landweave.raster.catalog import read_catalog, write_catalog
from landweave.raster.collect import CatalogJob, collect
from landweave.simulate.world import World
from landweave.simulate.write import write

SERIES = {
    "five dates raw": (RAW, False),
    "five dates physical": (PHYSICAL, False),
    "five dates GAN": (GAN, False),
    "six dates raw": (RAW, True),
    "six dates physical": (PHYSICAL, True),
    "six dates GAN": (GAN, True),
}


def seasons(world: World, card: Path, folder: Path, workers: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Accuracies of every series of a season, by the name of the series."""
    drain(write(world, folder / "scenes", Pool(workers)))
    catalog = folder / "catalog.parquet"
    if not catalog.is_file():
        collect(CatalogJob(sources=[str(folder / "scenes" / "scenes")]), catalog)
    made = {method: _made(catalog, method, card, folder / method) for method in (RAW, PHYSICAL, GAN)}
    alone, truth = held_out_alone(world), next((folder / "scenes" / "truth").glob("crops-*.tif"))
    found = {}
    for name, (method, with_sixth) in SERIES.items():
        chosen = [one for one in read_catalog(made[method]) if with_sixth or one.datetime.date() not in alone]
        series, out = folder / f"{name.replace(' ', '-')}.parquet", folder / name.replace(" ", "-")
        write_catalog(chosen, series)
        job = {"catalog": series, "truth": truth, "legend": "simulated-crops", "name": name, **settings}
        drain(classify(check(CropsJob, job, name), out))
        found[name] = read_evaluation(out) | {"num_dates": len(chosen)}
    return found


def _made(catalog: Path, method: str, card: Path, out: Path) -> Path:
    """The catalog of the season's scenes, made by a method."""
    how: dict[str, Any] = {"cards": (card,)} if method == GAN else {"physical": {RAW: "raw", PHYSICAL: "hls"}[method]}
    drain(apply(check(ApplyJob, {"scenes": catalog, **how}, method), out))
    made = out.with_suffix(".parquet")
    if not made.is_file():
        collect(CatalogJob(sources=[str(out / "scenes")]), made)
    return made
