"""Bytes that ranks send, as landweave counts them and as the kernel does: Aspri et al. 2020, Figures 10 to 17.

Three ranks, each in a network namespace of its own, train the two-branch network by `baseline`, by `optimized` and by
data parallelism: with parameters of their own, which all-reduce keeps the same, and as the paper's system did with a
parameter server in a fourth namespace, which lives in these benchmarks only. For each way and batch: bytes by rank and
kind, the kernel's count of them without headers, MB/s, processor time and waiting. Held: the two counts agree within
5 % for steps of 10 MB or more; bytes a patch of `optimized` over `baseline` are what the layers' shapes say; they do
not depend on the batch unless there is a parameter server.

It needs root or user namespaces (iproute2). Without arguments: a quarter of the network's width, two batches, under
three minutes. --full: its width, batches of 10, 50 and 200. Finished cases are kept in benchmarks/results/traffic.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from landweave.parallel import planner
from landweave.parallel.profile import LayerCost, Profile
from landweave.parallel.stages import stages_of, views_of
from landweave.parallel.traffic import Traffic, heard
from landweave.parallel.world import make_world
from landweave.provenance import fingerprint
from namespaces import content, counted, enter, joined, scratch, tell
from parts import measured
from scenes import figure, print_result
from splitting import BANDS, PX, Case, Server, Trainer

NUM_RANKS, PORT, STEPS = 3, 29600, 3
SHORT, FULL = (0.25, (10, 200)), (1.0, (10, 50, 200))
WAYS = ("baseline", "optimized", "data-parallel")
# Steps below this are mostly headers and acknowledgements.
LARGE_BYTES, AGREE = 10e6, 0.05
MERGING = 2


def cases(width: float, batches: Sequence[int]) -> list[Case]:
    """Every way with and without a parameter server, for every batch; the paper's batches for its Figure 10 alone."""
    plain = [Case(way, way, batch, width) for way in WAYS for batch in batches]
    held = [replace(case, name=f"{case.name}, server", server=f"10.213.0.{NUM_RANKS + 1}:{PORT}") for case in plain]
    return plain + held


def be_a_worker(case: Case, work: Path) -> None:
    """One of the ranks: some steps, each with both counts."""
    with make_world("cpu") as world:
        trainer = Trainer(case, world)
        trainer.step()
        rows = []
        for _ in range(STEPS):
            world.wait()
            before, cpu_s = counted(), time.process_time()
            seconds, traffic = trainer.step()
            row = {"seconds": seconds, "cpu_s": time.process_time() - cpu_s, "traffic": traffic.told()}
            after = counted()
            rows.append({**row, "sent": content(before, after, "tx"), "received": content(before, after, "rx")})
            world.wait()
        tell(work, {"steps": rows})


def be_the_server(case: Case, work: Path) -> None:
    """The parameter server: one more process, no rank of the world."""
    shared = case.placement == "data-parallel"
    before, cpu_s, began_s = counted(), time.process_time(), time.monotonic()
    with socket.create_server(("", PORT)) as listening:
        Server(NUM_RANKS if shared else 1).serve(listening, NUM_RANKS)
    after, steps = counted(), STEPS + 1
    seconds = time.monotonic() - began_s
    # Of all steps together: it does not know when one ends. What workers send it to begin with is not of a step.
    found = {"sent": content(before, after, "tx") / steps, "received": content(before, after, "rx") / steps}
    tell(work, {"steps": [{**found, "cpu_s": (time.process_time() - cpu_s) / steps, "seconds": seconds / steps}]})


def measure(case: Case) -> dict[str, Any]:
    """What every process of a case found, from an earlier run where it is kept."""
    name = f"{case.name.replace(', ', '-')}-{case.batch}-{fingerprint(case.told())[:10]}"
    return measured("traffic", name, lambda: {"case": case.told(), "processes": processes(case)})


def processes(case: Case) -> list[dict[str, Any]]:
    """What every process of a case finds."""
    with scratch() as work, joined(NUM_RANKS + bool(case.server)) as net:
        (work / "case.json").write_text(json.dumps(case.told()))
        return net.run([sys.executable, __file__, "--work", str(work)], work, world_size=NUM_RANKS)


def shapes(case: Case) -> Profile:
    """What each layer gives and how large its weights are, without computing: enough for the planner's bytes."""
    with torch.device("meta"):
        network = case.network()
        views = views_of(network, tuple(torch.empty(2, bands, case.px, case.px) for bands in (3, case.bands)))
    stages = stages_of(network)
    chains: dict[str, dict[str, LayerCost]] = {}
    ends: list[torch.Tensor] = []
    for chain, layers in stages.chains.items():
        values = stages.merge(ends) if chain == "trunk" and stages.merge else views[chain]
        chains[chain] = {}
        for name, module in layers:
            values = module(values)
            size = 4.0 * sum(weight.numel() for weight in module.parameters())
            chains[chain][name] = LayerCost(out_bytes=values[0].numel() * 4, weight_bytes=size, gradient_bytes=size)
        ends.append(values)
    return Profile(chains)


def median(values: Sequence[float]) -> float:
    """Of the steps of one process."""
    return sorted(values)[len(values) // 2]


def by_rank(found: dict[str, Any], name: str) -> list[float]:
    """A number of each process, of the step in the middle."""
    return [median([step[name] for step in process["steps"]]) for process in found["processes"]]


def traffic_of(found: dict[str, Any]) -> list[Traffic]:
    """What each worker counted over its steps."""
    sums = []
    for process in found["processes"][:NUM_RANKS]:
        total = Traffic()
        for step in process["steps"]:
            total += heard(step["traffic"])
        sums.append(total)
    return sums


def sent_of(found: dict[str, Any]) -> float:
    """Bytes a step that all workers sent, by landweave's count."""
    return sum(traffic.num_sent for traffic in traffic_of(found)) / STEPS


def figures_of(case: Case, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The table of one case: bytes, MB/s, processor time and waiting by rank, and how well the counts agree."""
    head = f"{case.name}, batch {case.batch}: "
    seconds = max(by_rank(found, "seconds")[:NUM_RANKS])
    yield figure(f"{head}step", seconds, "s")
    sums = traffic_of(found)
    names = [f"rank {rank}" for rank in range(NUM_RANKS)] + ["server"] * bool(case.server)
    sent, received = by_rank(found, "sent"), by_rank(found, "received")
    for place, name in enumerate(names):
        yield figure(f"{head}{name} sends", sent[place] / seconds / 1e6, "MB/s by the kernel")
        yield figure(f"{head}{name} receives", received[place] / seconds / 1e6, "MB/s by the kernel")
        yield figure(f"{head}{name} computes", by_rank(found, "cpu_s")[place] / seconds, "cores")
    for rank, traffic in enumerate(sums):
        kinds = {kind: size for kind, size in traffic.by_kind().items() if size}
        for kind, size in kinds.items():
            yield figure(f"{head}rank {rank} sends as {kind}", size / STEPS / case.batch / 1e3, "kB a patch")
        idle = 1 - sum(traffic.device_s.values()) / STEPS / seconds
        yield figure(f"{head}rank {rank} does not compute", idle, "of a step")
        for way, kernel, mine in (("sends", sent, traffic.num_sent), ("receives", received, traffic.num_received)):
            if mine / STEPS >= LARGE_BYTES:
                off = kernel[rank] * STEPS / mine - 1
                name = f"{head}what rank {rank} {way}: the kernel over landweave's count"
                yield figure(name, off, "- 1", f"<= {AGREE} either way", abs(off) <= AGREE)


def table(case: Case, found: dict[str, Any]) -> Iterator[str]:
    """The same as rows of Markdown: a process each."""
    seconds = max(by_rank(found, "seconds")[:NUM_RANKS])
    columns = [by_rank(found, name) for name in ("sent", "received", "cpu_s")]
    for place, (sent, received, cpu_s) in enumerate(zip(*columns, strict=True)):
        name = f"rank {place}" if place < NUM_RANKS else "server"
        speeds = f"{sent / seconds / 1e6:.2f} | {received / seconds / 1e6:.2f} | {cpu_s / seconds:.2f}"
        yield f"| {case.name} | {case.batch} | {name} | {sent / 1e6:.2f} | {received / 1e6:.2f} | {speeds} |"


def compared(
    every: dict[tuple[str, int], dict[str, Any]], width: float, batches: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """What holds between cases: `optimized` over `baseline`, and bytes a patch over batches."""
    for batch in batches:
        sizes = {}
        for way in WAYS:
            case = Case(way, way, batch, width)
            sizes[way] = sent_of(every[way, batch]) / batch
            reckoned = sum(planner.traffic_bytes(case.plan(NUM_RANKS), shapes(case))[0]) / batch
            off = sizes[way] / reckoned - 1
            name = f"{way}, batch {batch}: bytes a patch over what the planner reckons"
            yield figure(name, off, "- 1", f"<= {AGREE} either way", abs(off) <= AGREE)
        by_layers = sum(
            planner.traffic_bytes(Case("", "optimized", batch, width).plan(NUM_RANKS), shapes(case))[0]
        ) / sum(planner.traffic_bytes(Case("", "baseline", batch, width).plan(NUM_RANKS), shapes(case))[0])
        ratio = sizes["optimized"] / sizes["baseline"]
        goal = f"{by_layers:.4f} by the layers' shapes, within 5 %"
        yield figure(
            f"optimized over baseline, batch {batch}", ratio, "bytes a patch", goal, abs(ratio / by_layers - 1) <= AGREE
        )
    for way in WAYS[:2]:
        per_patch = [sent_of(every[way, batch]) / batch for batch in batches]
        spread = max(per_patch) / min(per_patch) - 1
        yield figure(f"{way}: bytes a patch, most over least batch", spread, "- 1", f"<= {AGREE}", spread <= AGREE)
        with_server = [sent_of(every[f"{way}, server", batch]) / batch for batch in batches]
        falls = with_server[0] / with_server[-1]
        name = f"{way} with a parameter server: bytes a patch at batch {batches[0]} over those at {batches[-1]}"
        yield figure(name, falls, "times", "> 1: the paper's Figure 10", falls > 1)


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole width, batches of 10, 50 and 200, kept")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.work:
        case = Case(**json.loads((asked.work / "case.json").read_text()))
        is_server = int(os.environ["RANK"]) == NUM_RANKS
        (be_the_server if is_server else be_a_worker)(case, asked.work)
        return
    enter()
    width, batches = FULL if asked.full else SHORT
    every = {}
    figures: list[dict[str, Any]] = []
    for case in cases(width, batches):
        every[case.name, case.batch] = measure(case)
        figures += figures_of(case, every[case.name, case.batch])
        print("\n".join(table(case, every[case.name, case.batch])), flush=True)
    figures += compared(every, width, batches)
    print_result(figures, width=width, px=PX, bands=BANDS, steps=STEPS)


if __name__ == "__main__":
    main()
