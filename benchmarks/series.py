"""Sliding spans against the same network on every span anew; rules of change against loops; memory of whole jobs.

(a) A Transformer of the published size maps every span of the same pixels, sharing what spans have in common, and
anew: same weights, dtype, batch and threads, in turns. The multiply-adds saved are counted; 0.9 of their share is to be
gained in time. bf16 and torch.compile are told apart, with the share of labels that they flip.
(b) The rules of change against a loop over pixels in Python, and against loops over dates in NumPy; equal results.
(c) The most memory of jobs that map a series and find change, on a scene and on one four times as large.
(d) The sixteen yearly maps of Mato Grosso, where they lie beside the checkout: agreement before and after.

Without arguments small sizes, a few minutes; --full those that docs/numbers.md quotes. Finished parts lie in
benchmarks/results/series and are not measured again; --again forgets them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from landweave.jobs.worker import num_cores, one_heap

# As `landweave series map` does, before torch is imported.
one_heap()

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

from tests.series.plain import find_by_dates, find_by_pixels

from landweave.legend import LandClass, Legend
from landweave.models.series.transformer import Layer, Transformer
from landweave.raster.read import read_map
from landweave.series.change import Rules, find_by_rules
from landweave.series.changes import ChangeJob, find_changes
from landweave.series.events import read_events
from landweave.series.maps import write_maps, yearly_maps
from landweave.series.predict import BATCH_PX
from landweave.series.slide import TOGETHER, slide
from landweave.series.timeline import of_spans
from parts import measured
from scenes import figure, print_result

NUM_DATES, SPAN, NUM_BANDS, NUM_CLASSES = 45, 15, 10, 9
PRODUCT_PX = 120_560_400
DATES = [dt.date(year, 1, 1) + dt.timedelta(days=24 * n) for year in (2018, 2019, 2020) for n in range(15)]
SPANS = [slice(start, start + SPAN) for start in range(NUM_DATES - SPAN + 1)]


def network() -> Transformer:
    """Of the published size, with random weights that tell classes apart."""
    torch.manual_seed(0)
    made = Transformer(NUM_BANDS, NUM_CLASSES).eval()
    with torch.no_grad():
        for name, weights in made.named_parameters():
            if weights.ndim == 2:
                weights.copy_(torch.randn_like(weights) * (2.0 / weights.shape[1]) ** 0.5)
            elif name.endswith("bias"):
                weights.copy_(0.1 * torch.randn_like(weights))
    return made


def multiply_adds(made: Transformer, num_spans: int) -> tuple[int, int]:
    """Of one pixel: all spans anew, and what sharing saves: the input layer and the first layer's projections."""
    width, hidden = made.input.out_features, int(made.get_parameter("layers.0.widen.bias").numel())
    date = width * NUM_BANDS
    attention = 2 * SPAN * width
    layer = 4 * width**2 + 2 * width * hidden + attention
    # The last layer asks for one date, and each head answers from the dates as they are.
    layer_0: Layer = made.layers[0]  # type: ignore[assignment]
    last = 4 * width**2 + 2 * width * hidden + layer_0.heads * attention
    whole = SPAN * (date + (len(made.layers) - 1) * layer) + last + width * NUM_CLASSES
    num_dates = num_spans - 1 + SPAN
    # Spans whose first attention is computed together look at each other's dates too, in vain.
    groups = [min(TOGETHER, num_spans - start) for start in range(0, num_spans, TOGETHER)]
    vain = sum(2 * width * num * SPAN * (num - 1) for num in groups)
    return num_spans * whole, (num_spans * SPAN - num_dates) * (date + 3 * width**2) - vain


def series_of(num: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(num, NUM_DATES, NUM_BANDS, generator=generator)
    valid = torch.rand(num, NUM_DATES, generator=generator) < 0.8
    return values.to(dtype), valid, torch.zeros(num, NUM_DATES)


def labels_of(scores: Sequence[torch.Tensor]) -> torch.Tensor:
    return torch.stack(list(scores)).argmax(-1)


def anew(made: Callable[..., torch.Tensor], inputs: Sequence[torch.Tensor], spans: Sequence[slice]) -> torch.Tensor:
    values, valid, days = inputs
    return labels_of([made(values[:, span], valid[:, span], days[:, span]) for span in spans])


def shared(made: Transformer, inputs: Sequence[torch.Tensor], spans: Sequence[slice]) -> torch.Tensor:
    return labels_of(list(slide(made, inputs[0], inputs[1], inputs[2], spans)))


def seconds_of(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


@torch.inference_mode()
def sliding(full: bool) -> dict[str, Any]:
    """Part (a), fp32."""
    num_pairs, num_px, spans = (31, BATCH_PX, SPANS) if full else (15, 128, SPANS)
    made, inputs = network(), series_of(num_px, torch.float32)
    one, other = shared(made, inputs, spans), anew(made, inputs, spans)
    shares, paces = [], []
    for turn in range(num_pairs):
        # In turns, and which comes first in turns too: what the machine does meanwhile meets both.
        if turn % 2:
            alone = seconds_of(lambda: anew(made, inputs, spans))
            together = seconds_of(lambda: shared(made, inputs, spans))
        else:
            together = seconds_of(lambda: shared(made, inputs, spans))
            alone = seconds_of(lambda: anew(made, inputs, spans))
        shares.append(1 - together / alone)
        paces.append(num_px / together)
    whole, saved = multiply_adds(made, len(spans))
    low, middle, high = np.percentile(shares, [25, 50, 75])
    return {
        "pairs": num_pairs,
        "batch_px": num_px,
        "spans": len(spans),
        "saved_share": saved / whole,
        "gained_share": float(middle),
        "quartiles": [float(low), float(high)],
        "shares": shares,
        "flipped_share": float((one != other).float().mean()),
        "px_per_s": statistics.median(paces),
        "multiply_adds_px": whole,
    }


@torch.inference_mode()
def formats(full: bool) -> dict[str, Any]:
    """bf16 and torch.compile against fp32, all of them sharing."""
    num_turns, num_px = (9, BATCH_PX) if full else (3, 128)
    made, inputs = network(), series_of(num_px, torch.float32)
    exact = shared(made, inputs, SPANS)
    rough_network, rough_inputs = network().to(torch.bfloat16), series_of(num_px, torch.bfloat16)
    rough = shared(rough_network, rough_inputs, SPANS)
    times: dict[str, list[float]] = {"fp32": [], "bf16": []}
    for _ in range(num_turns):
        times["fp32"].append(seconds_of(lambda: shared(made, inputs, SPANS)))
        times["bf16"].append(seconds_of(lambda: shared(rough_network, rough_inputs, SPANS)))
    told: dict[str, Any] = {
        "bf16_speedup": statistics.median(times["fp32"]) / statistics.median(times["bf16"]),
        "bf16_flipped_share": float((exact != rough).float().mean()),
        "bf16_px_per_s": num_px / statistics.median(times["bf16"]),
    }
    return told | compiled(made, inputs, num_turns)


def compiled(made: Transformer, inputs: Sequence[torch.Tensor], num_turns: int) -> dict[str, Any]:
    """torch.compile of the whole network on each span, against the plain one on each span."""
    quick = torch.compile(made)
    spans = SPANS[:4]
    began = time.perf_counter()
    found = anew(quick, inputs, spans)
    compiling = time.perf_counter() - began
    times: dict[str, list[float]] = {"plain": [], "compiled": []}
    for _ in range(num_turns):
        times["plain"].append(seconds_of(lambda: anew(made, inputs, spans)))
        times["compiled"].append(seconds_of(lambda: anew(quick, inputs, spans)))
    return {
        "compile_s": compiling,
        "compile_speedup": statistics.median(times["plain"]) / statistics.median(times["compiled"]),
        "compile_flipped_share": float((anew(made, inputs, spans) != found).float().mean()),
    }


def sequences(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which seven of ten are the same on all maps, two have noise, and one changes for good, with noise."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(generator.integers(0, NUM_CLASSES, num).astype(np.uint8)[None], len(SPANS), 0)
    kind = generator.random(num)
    where, new = generator.integers(0, len(SPANS), num), generator.integers(0, NUM_CLASSES, num).astype(np.uint8)
    changes = (kind > 0.9) & (np.arange(len(SPANS))[:, None] >= where)
    labels = np.where(changes, new, labels)
    noise = (generator.random(labels.shape, np.float32) < 0.1) & (kind > 0.7)
    labels[noise] = generator.integers(0, NUM_CLASSES, int(noise.sum()))
    return labels, generator.integers(100, 256, labels.shape).astype(np.uint8)


def rules(full: bool) -> dict[str, Any]:
    """Part (b): pace in pixels/s of the rules, of a loop over dates and of one over pixels; equal results first."""
    num, few, num_turns = (1_000_000, 20_000, 5) if full else (200_000, 3_000, 3)
    line = of_spans(DATES, SPAN, 1)
    labels, top = sequences(num)
    some, its_top = np.ascontiguousarray(labels[:, :few]), np.ascontiguousarray(top[:, :few])
    ours = find_by_rules(some, its_top, line, Rules(), NUM_CLASSES)
    mine = (ours.base.tolist(), [tuple(map(int, row)) for row in zip(ours.changes.pixel, ours.changes.place,
            ours.changes.old, ours.changes.new, strict=True)])  # fmt: skip
    by_dates = find_by_dates(some, its_top, line, NUM_CLASSES)
    pixels_s = seconds_of(lambda: find_by_pixels(some, its_top, line))
    is_equal = mine == find_by_pixels(some, its_top, line) == (by_dates[0].tolist(), by_dates[1])
    paces: dict[str, list[float]] = {"rules": [], "dates": []}
    for _ in range(num_turns):
        paces["rules"].append(num / seconds_of(lambda: find_by_rules(labels, top, line, Rules(), NUM_CLASSES)))
        paces["dates"].append(num / seconds_of(lambda: find_by_dates(labels, top, line, NUM_CLASSES)))
    pace = statistics.median(paces["rules"])
    return {
        "px": num,
        "changes": len(mine[1]),
        "equal": is_equal,
        "px_per_s": pace,
        "times_pixels": pace / (few / pixels_s),
        "times_dates": pace / statistics.median(paces["dates"]),
    }


_JOB = """
import re, sys
from pathlib import Path
# Not by getrusage, which begins with the parent's.
most = lambda: re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]
from landweave.jobs.worker import Setup, one_heap
one_heap()
from landweave.jobs.serial import Serial
from landweave.series.changes import ChangeJob, find_changes
from landweave.series.job import IN_FLIGHT, SeriesMapJob, run
folder = Path(sys.argv[1])
job = SeriesMapJob(series=folder / "series.json", card=folder / "card", kind="spans", span=5, core_px=128)
for record in run(job, folder / "spans", Serial(Setup(2, 64), IN_FLIGHT)):
    assert not record.failed, record.failed
print(most())
for record in find_changes(ChangeJob(maps=(folder / "spans",), core_px=256), folder / "change", Serial(Setup(2, 64))):
    assert not record.failed, record.failed
print(most())
"""


def memory(full: bool) -> dict[str, Any]:
    """Part (c): the most memory of a process that maps a series and finds change, by edge of the scene."""
    edges = (512, 1024, 2048) if full else (256, 512)
    return {str(edge): _memory_of(edge) for edge in edges}


def _memory_of(edge: int) -> list[float]:
    """MiB after mapping, and after finding change."""
    from tests.series.making import make_series
    from tests.series.networks import make_series_card

    from landweave.series.plan import write_series

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dates = [f"{year}-{month:02d}-10" for year in (2019, 2020) for month in (2, 4, 6, 8, 10)]
        series, _ = make_series(folder, dates, (edge, edge))
        write_series(series, folder / "series.json")
        make_series_card(folder / "card")
        told = subprocess.run([sys.executable, "-c", _JOB, name], check=True, capture_output=True, text=True).stdout
        return [int(line) / 1024 for line in told.split()]


def real(full: bool) -> dict[str, Any]:
    """The sixteen yearly maps of Mato Grosso beside the checkout, by both methods; empty where they are not there."""
    del full
    folder = Path(os.environ.get("LANDWEAVE_REAL_DATA", ROOT.parent / "shared" / "data")) / "sits_mt_annual_maps"
    paths = sorted(folder.glob("MT_*.tif"))
    return {method: _mato_grosso(paths, method) for method in ("rules", "hmm") if paths}


def _mato_grosso(paths: list[Path], method: str) -> dict[str, Any]:
    legend = Legend("mt-15", "INPE", tuple(LandClass(n, f"Class {n}", f"#0000{n:02x}") for n in range(1, 16)))
    with tempfile.TemporaryDirectory() as name:
        maps = replace(yearly_maps(paths, legend), folder=Path(name))
        write_maps(maps)
        options: dict[str, Any] = {"method": method, "filter_length": 3, "stable_maps": 2, "start_maps": 1}
        job = ChangeJob(maps=(Path(name),), rules=Rules(**options, change_chance=0.02), min_area_px=5)
        list(find_changes(job, Path(name) / "out"))
        events = read_events(Path(name) / "out" / "events.parquet").rows
        before = [read_map(path)[0] for path in paths]
        after = [read_map(Path(name) / "out" / "annual" / f"{one.key}.tif")[0] for one in maps.maps]
    return {
        "pixels": before[0].size,
        "agreement_published": agreement(before),
        "agreement_after": agreement(after),
        "same_as_published": float(np.mean([(a == b).mean() for a, b in zip(before, after, strict=True)])),
        "events": len(events),
        "area_ha": sum(event.area_ha for event in events),
    }


def agreement(maps: list[np.ndarray]) -> float:
    """Mean share of pixels alike in a year and the next."""
    return float(np.mean([(one == two).mean() for one, two in itertools.pairwise(maps)]))


PARTS: dict[str, Callable[[bool], dict[str, Any]]] = {
    "sliding": sliding,
    "formats": formats,
    "rules": rules,
    "memory": memory,
    "real": real,
}


def figures(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What is to be shown, with the goals."""
    a, formats_, b, c, d = (found[name] for name in PARTS)
    ratio = a["gained_share"] / a["saved_share"]
    spread = a["quartiles"][1] - a["quartiles"][0]
    exceeds = ", which exceeds the saving" if spread > a["saved_share"] else ""
    flips = a["flipped_share"]
    edges = sorted((edge for edge in c if edge.isdigit()), key=int)
    growth = c[edges[-1]][1] / c[edges[-2]][1]
    return [
        figure("multiply-adds saved by sliding", a["saved_share"], "share"),
        figure("time gained by sliding", a["gained_share"], f"share, median of {a['pairs']} pairs"),
        figure(f"spread of it (quartiles){exceeds}", spread, "share"),
        figure("time gained of multiply-adds saved", ratio, "ratio", ">= 0.9", ratio >= 0.9),
        figure("labels that differ, sliding and anew", flips, "share", "0 but for ties", flips < 1e-3),
        figure("pace of 31 spans, fp32", a["px_per_s"], "pixels/s"),
        figure("a product of 120.6 million pixels, extrapolated", PRODUCT_PX / a["px_per_s"] / 3600, "hours"),
        figure("bf16 against fp32, both sliding", formats_["bf16_speedup"], "times"),
        figure("labels that bf16 flips", formats_["bf16_flipped_share"], "share"),
        figure("the product in bf16, extrapolated", PRODUCT_PX / formats_["bf16_px_per_s"] / 3600, "hours"),
        figure("torch.compile against plain", formats_["compile_speedup"], "times"),
        figure("labels that torch.compile flips", formats_["compile_flipped_share"], "share"),
        figure("rules against a loop over pixels", b["times_pixels"], "times", ">= 100", b["times_pixels"] >= 100),
        figure("rules against loops over dates", b["times_dates"], "times", ">= 3", b["times_dates"] >= 3),
        figure("equal changes by all three", float(b["equal"]), "1 is yes", "1", bool(b["equal"])),
        figure("pace of the rules", b["px_per_s"] / 1e6, "million pixels/s of 31 maps"),
        figure(f"most memory, edges of {edges[-1]} and {edges[-2]}", growth, "times", "<= 1.1", growth <= 1.1),
        *(
            figure(f"Mato Grosso, 16 maps of {told['pixels']} pixels, {method}: {name}", told[key], unit)
            for method, told in d.items()
            if method != "commit"
            for name, key, unit in (
                ("agreement as published", "agreement_published", "share"),
                ("agreement after", "agreement_after", "share"),
                ("events", "events", "events"),
                ("area of events", "area_ha", "ha"),
            )
        ),
    ]


def main() -> None:
    """Measure what is not there yet and print everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--threads", type=int, default=num_cores())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    size = "full" if options.full else "short"
    found = {
        name: measured("series", f"{name}-{size}", functools.partial(part, options.full), again=options.again)
        for name, part in PARTS.items()
    }
    print_result(figures(found), threads=options.threads, full=options.full, parts=found)


if __name__ == "__main__":
    main()
