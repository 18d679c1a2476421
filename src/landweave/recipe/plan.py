"""On which ranks the layers of a recipe's network stand best: its layers are profiled here, placements reckoned."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from landweave.atomic import locked, write_text
from landweave.config import Config, load
from landweave.errors import ArchiveError, ConfigError
from landweave.jobs.run import Progress
from landweave.models.card import CLASSICAL
from landweave.parallel import planner, profile
from landweave.parallel.cluster import Ranks
from landweave.parallel.placement import Placement, num_replicas, resolve
from landweave.parallel.planner import Ask, Estimate
from landweave.parallel.profile import Profile
from landweave.parallel.program import Plan
from landweave.parallel.schedule import Schedule
from landweave.parallel.timeline import play
from landweave.parallel.world import World
from landweave.patches.archive import open_archive
from landweave.provenance import fingerprint, record
from landweave.recipe import material as materials
from landweave.recipe import measure, placing
from landweave.recipe.material import Material
from landweave.recipe.placing import How
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.run import make_feed, make_step
from landweave.report.timeline import Bar, draw
from landweave.train import precision

FORMAT = 1
PROFILE, RESULT, TABLE, FIGURE = "profile.json", "plan.json", "plan.txt", "timeline.svg"


class PlanJob(Config):
    """What `landweave plan` does."""

    recipe: Path
    """The recipe whose network is planned."""
    sets: tuple[str, ...] = ()
    """Overrides of its keys."""
    cluster: Path
    """The TOML of the ranks to plan for."""
    micro_batches: tuple[int, ...] = ()
    """Numbers of micro-batches to choose from; left away, the recipe's accumulate."""
    schedule: Schedule | None = None
    """In which order micro-batches are computed: gpipe, or 1f1b, which holds fewer at once; left away, the recipe's."""
    inference: bool = False
    """Whether forward passes alone are planned."""
    repeats: int = Field(default=3, ge=1)
    """Passes of each kind that the profile takes; medians count."""
    device: str = "auto"
    """auto, cpu or cuda."""


@dataclass(frozen=True)
class Planned:
    """What was found.

    Attributes:
        profile: What layers cost here.
        rows: Plans by the seconds of their step, those that fit first.
        ranks: What they were planned for.
    """

    profile: Profile
    rows: tuple[Estimate, ...]
    ranks: Ranks


def run(job: PlanJob, out: Path) -> Generator[Progress]:
    """Profile the network of `job.recipe`, unless `out` holds its profile, and write plan.json, plan.txt, timeline.svg.

    Raises:
        ConfigError: The network cannot be split, or no placement fits the memory.
    """
    recipe = load(TrainRecipe, job.recipe, job.sets)
    ranks = load(Ranks, job.cluster)
    refuse_classical(recipe)
    material = materials.find(recipe, open_archive(recipe.archive))
    ask = Ask(
        recipe.samples_per_step(ranks.ranks),
        job.micro_batches or (recipe.accumulate,),
        job.schedule or recipe.pipeline,
        training=not job.inference,
    )
    with locked(out):
        yield Progress("profile", 0, 1, "networks")
        found = _profiled(recipe, material, placing.sizes_of(ask, ranks.ranks), job, out)
        yield Progress("profile", 1, 1, "networks")
        rows = planner.table(found, ranks, ask, _asked(recipe, found, ranks))
        write(out, Planned(found, tuple(rows), ranks), job)
    planner.refuse_full(rows, ranks)
    yield Progress("plan", len(rows), len(rows), "plans")


def _asked(recipe: TrainRecipe, found: Profile, ranks: Ranks) -> list[Placement]:
    """The placement that the recipe itself says, if it does."""
    if recipe.placement is None or recipe.placement == placing.AUTO:
        return []
    asked = resolve(recipe.placement, found.names)
    num_replicas(asked, ranks.ranks)
    return [asked]


def refuse_classical(recipe: TrainRecipe) -> None:
    """Return where the recipe's model can be split.

    Raises:
        ConfigError: It is a classical one.
    """
    if recipe.network in CLASSICAL:
        raise ConfigError(
            f"network {recipe.network}, whose fit cannot be shared",
            "a network that can be split, such as two_branch",
            "give another recipe",
        )


def _profiled(recipe: TrainRecipe, material: Material, sizes: tuple[int, int], job: PlanJob, out: Path) -> Profile:
    """The profile in `out` where it is that of this recipe, archive and machine's threads; else a new one."""
    world = World(device=torch.device("cuda" if _has_gpu(job.device) else "cpu"))
    told = {"sizes": sizes, "threads": torch.get_num_threads(), "device": world.device.type, "repeats": job.repeats}
    # Layers cost the same wherever they stand.
    anywhere = recipe.model_copy(update={"placement": None, "pipeline": "1f1b", "cluster": None})
    identity = fingerprint({**told, "recipe": measure.identify(anywhere, material.identity)})
    path = out / PROFILE
    if path.is_file() and (kept := _kept(path, identity)):
        return kept
    if not len(material.train):
        raise ArchiveError(
            f"no training patch in {recipe.archive}", "at least one, to try the layers on", "give another archive"
        )
    chosen = precision.choose(recipe.precision, world.device)
    network = make_step(recipe, material, world, chosen).networks["main"]
    batch = next(iter(make_feed(recipe, material, world).epoch(0, 0)))
    how = How(recipe.scaled_optimiser(world.size), chosen, world.device)
    found = placing.take(network, batch, sizes, job.repeats, how)
    write_text(path, json.dumps({**told, "format": FORMAT, "identity": identity, **found.told()}, indent=1) + "\n")
    return found


def _has_gpu(device: str) -> bool:
    return device == "cuda" or (device == "auto" and torch.cuda.is_available())


def _kept(path: Path, identity: str) -> Profile | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return profile.heard(told) if told["identity"] == identity else None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: {error}", "a profile that landweave plan wrote", "remove it and plan again"
        ) from error


def write(out: Path, planned: Planned, job: PlanJob) -> None:
    """Write `out`/plan.json, what it says as text, and `out`/timeline.svg."""
    told = {**record("plan", job.model_dump(mode="json")), "plans": [_told(row) for row in planned.rows]}
    write_text(out / RESULT, json.dumps(told, indent=1, sort_keys=True) + "\n")
    write_text(out / TABLE, "\n".join(lines(planned)) + "\n")
    write_text(out / FIGURE, picture(planned))


def _told(row: Estimate) -> dict[str, Any]:
    plan = row.plan
    return {
        **{name: value for name, value in asdict(row).items() if name != "plan"},
        "name": plan.placement.name,
        "placement": plan.placement.lines,
        "replicas": plan.replicas,
        "micro_batches": plan.num_micro,
        "schedule": plan.schedule,
        "batch": plan.batch,
    }


def picture(planned: Planned) -> str:
    """The best plan's step as SVG."""
    best = planned.rows[0]
    played = play(best.plan, planned.profile, planned.ranks)
    bars = [Bar(span.rank, span.doing, span.micro, span.begin_s, span.end_s) for span in played.spans]
    name = best.plan.placement.name or "the cheapest placement"
    title = f"{name} on {planned.ranks.name}: {_seconds(best.step_s)} a step, predicted"
    return draw(bars, [holding(best.plan, rank) for rank in range(best.plan.num_ranks)], title)


def holding(plan: Plan, rank: int) -> str:
    """What a rank has, in words."""
    runs = plan.placement.of_rank(rank % plan.placement.num_ranks)
    return ", ".join(dict.fromkeys(run.chain for run in runs))


def lines(planned: Planned) -> list[str]:
    """What was found as lines of text: layers, plans, and how the best one is written in a recipe."""
    text = [f"{'layer':<16} {'forward':>9} {'backward':>9} {'gives':>9} {'keeps':>9} {'weights':>9}"]
    for chain, layers in planned.profile.chains.items():
        for name, cost in layers.items():
            times = f"{_seconds(cost.passed_s(1)):>9} {_seconds(cost.returned_s(1)):>9}"
            sizes = " ".join(f"{_bytes(size):>9}" for size in (cost.out_bytes, cost.kept_bytes, cost.weight_bytes))
            text.append(f"{chain + '.' + name:<16} {times} {sizes}")
    text += ["(seconds and bytes of one sample; weights of all)", "", f"predicted for {planned.ranks.name}"]
    rows = [_cells(row) for row in planned.rows]
    heads = ("step", "waiting", "micro", "sends, MB a rank", "memory, GB a rank")
    wide = [max(map(len, column)) for column in zip(heads, *(row[:-1] for row in rows), strict=True)]
    for *cells, name in [(*heads, "plan"), *rows]:
        text.append("  ".join(f"{cell:>{width}}" for cell, width in zip(cells, wide, strict=True)) + f"  {name}")
    return [*text, "", *recipe_lines(planned.rows[0].plan)]


def _cells(row: Estimate) -> tuple[str, ...]:
    """A plan's row; replicas send and hold what the first of them does."""
    first = slice(row.plan.placement.num_ranks)
    sent = " ".join(f"{size / 1e6:.3g}" for size in row.sent_bytes[first])
    memory = " ".join(f"{size / 1e9:.2f}" for size in row.memory_bytes[first])
    full = "" if row.fits else "  (does not fit the memory)"
    waiting = f"{100 * row.bubble:.0f}%"
    return _seconds(row.step_s), waiting, str(row.plan.num_micro), sent, memory, row.plan.name + full


def recipe_lines(plan: Plan) -> Sequence[str]:
    """How a recipe says the plan."""
    if plan.placement.num_ranks == 1:
        return ["best: leave placement away; each rank holds the whole network, and they share the batch"]
    told = [f"accumulate = {plan.num_micro}"] if plan.num_micro > 1 else []
    table = [f'{chain} = "{line}"' for chain, line in plan.placement.lines.items()]
    return ["best, as a recipe says it:", *told, "[placement]", *table]


def _seconds(value: float) -> str:
    return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"


def _bytes(value: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B"
