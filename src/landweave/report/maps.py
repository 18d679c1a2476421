"""Map jobs as material: throughput, legend, and the pictures of a map with its scene and truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landweave.errors import LandweaveError
from landweave.legend import LandClass, Legend, known_legends
from landweave.raster.arrays import path_of
from landweave.raster.catalog import read_catalog
from landweave.raster.classes import read_legend
from landweave.raster.files import grid_of
from landweave.raster.scene import Scene
from landweave.report import tables
from landweave.report.find import Found
from landweave.report.material import Job
from landweave.report.pictures import Place
from landweave.report.runs import title_of

_MPX = 1e6
# What landweave simulate leaves in every product, so that no page shows it as an observation.
_SIMULATED = "SIMULATED.txt"
_UP = 6


def jobs(found: Found) -> tuple[Job, ...]:
    """How every map job went."""
    every = ((path, found.json(path)) for path in found.of("summary"))
    return tuple(_job(path, content) for path, content in every if content.get("kind") == "map")


def _job(path: Path, content: Mapping[str, Any]) -> Job:
    facts = {
        "Mapped": f"{content['written_px'] / _MPX:.2f} Mpx ({content['km2_per_s'] * content['seconds']:,.0f} km²)",
        "Speed": f"{content['mpx_per_s']:.2f} Mpx/s ({content['km2_per_s']:,.0f} km²/s)",
        "Time": f"{tables.duration(content['seconds'])} with {_several(content['workers'], 'worker')}",
        "Tiles": f"{content['tiles']} of {content['core_px']} pixels with margins of {content['margin_px']}",
        "Pixels seen for one written": f"{content['seen_per_written']:.2f}",
        "Computed": f"{100 * content['compute_share']:.0f} % of the work was the network itself",
        **_throughput(content),
    }
    if bf16 := content.get("bf16"):
        facts["Precision"] = (
            f"bf16, which changed {bf16['changed_share']:.2%} of the labels that were compared with fp32"
        )
    elif "precision" in content:
        facts["Precision"] = str(content["precision"])
    if missing := content.get("tiles_missing"):
        facts["Set aside"] = ", ".join(map(str, missing))
    if lost := content.get("scenes_lost"):
        facts["Not mapped everywhere"] = "; ".join(f"{name}: {why}" for name, why in lost.items())
    if route := content.get("route"):
        drifted = ", the imagery has drifted" if route["has_drifted"] else ""
        facts["Far from every bucket"] = f"{route['tiles_far']} tiles ({route['far_share']:.1%}){drifted}"
    # Waiting for one's turn is no work.
    phases = {name: float(seconds) for name, seconds in content.get("phases_s", {}).items() if name != "wait"}
    return Job(f"{title_of(str(content['network']))} ({path.parent.name}/)", facts, phases, path)


def _throughput(content: Mapping[str, Any]) -> dict[str, str]:
    """What jobs of earlier versions did not tell is left away."""
    if "tiles_per_s" not in content:
        return {}
    return {
        "Throughput": f"{content['tiles_per_s']:.2f} tiles/s, read {content['read_gb_per_s']:.3f} GB/s, "
        f"written {content['written_gb_per_s']:.3f} GB/s",
        "Device": f"busy {100 * content['device_busy_share']:.0f} % of the time",
    }


def maps(found: Found) -> list[Path]:
    """Every map: one file, or the small one that shows the sheets of a larger map."""
    return sorted([*found.of("map"), *found.of("sheets")])


def _several(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def place(found: Found, path: Path, truth: Path | None, truth_legend: str | None = None) -> Place | None:
    """What there is to see of the map at `path`, or None where nothing says its legend.

    Args:
        found: What the folders hold; what is not shown is told there.
        path: The map.
        truth: What it was judged by, where that is a raster of class ids.
        truth_legend: Name of its legend where the evaluation was told one.
    """
    item = found.json(path.with_suffix(".json"))
    legend = _legend(item)
    if legend is None:
        found.unread.append(f"{path}: no {path.stem}.json beside it says its legend")
        return None
    if truth is not None and (why := _why_hidden(truth, legend, truth_legend)):
        found.unread.append(f"{truth}: the truth {why}")
        truth = None
    return Place(path, legend, truth, *_scene(found, item))


def _why_hidden(truth: Path, legend: Legend, named: str | None) -> str:
    """Why a truth is not shown beside a map of `legend`, or ""."""
    if not path_of(str(truth)).is_file():
        return "is not there, seen from this folder"
    try:
        grid_of(str(truth))
        own = known_legends().get(named) if named else read_legend(truth)
    except LandweaveError:
        return "is no raster of class ids"
    # In the map's colours the ids of another legend would be other classes.
    is_same = (own.ids, own.names) == (legend.ids, legend.names) if own else named in (None, legend.name)
    return "" if is_same else "has another legend than the map"


def _legend(item: Mapping[str, Any]) -> Legend | None:
    entries = item.get("assets", {}).get("map", {}).get("classification:classes", [])
    # The number for no data stands among the classes of an item; which it is, the legend leaves open.
    nodata = {0, 255} - {entry["value"] for entry in entries if not entry.get("nodata")}
    classes = [
        LandClass(entry["value"], entry["title"], f"#{entry['color_hint'].lower()}")
        for entry in entries
        if not entry.get("nodata") and entry["value"] not in nodata
    ]
    return Legend(item["properties"].get("landweave:legend", ""), "", tuple(classes)) if classes else None


def _scene(found: Found, item: Mapping[str, Any]) -> tuple[Scene | None, bool]:
    """The first scene of the map that a catalog among the folders holds, and whether it is simulated."""
    wanted = item.get("properties", {}).get("landweave:scenes", [])
    for path in found.of("catalog"):
        try:
            scenes = read_catalog(path)
        except LandweaveError as error:
            found.unread.append(f"{path}: {error.given}")
            continue
        for scene in scenes:
            if scene.id in wanted:
                return scene, _is_simulated(scene)
    return None, False


def _is_simulated(scene: Scene) -> bool:
    folders = list(Path(next(iter(scene.files.values())).href).parents)[:_UP]
    return any((folder / _SIMULATED).is_file() for folder in folders)
