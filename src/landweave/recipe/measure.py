"""What a step of a recipe takes on the ranks at hand, and of what: compute, communication, input."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from landweave.atomic import write_text
from landweave.errors import ArchiveError, ConfigError
from landweave.jobs.run import Progress
from landweave.models.card import CLASSICAL
from landweave.parallel.norm import num_norms
from landweave.parallel.world import World
from landweave.patches.archive import open_archive
from landweave.provenance import fingerprint
from landweave.recipe import material as materials
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.run import make_feed, make_step
from landweave.train import precision
from landweave.train.prepare import Batch
from landweave.train.step import Supervised

FORMAT = 1
# What a first message, a small one and a bucket of gradients have; the gradients themselves come on top.
_SIZES = (4, 2**20, 25 * 2**20)
# The first steps find memory, choose algorithms, and open connections.
_WARM_UP = 2


@dataclass(frozen=True)
class Measured:
    """A step on `num_ranks` ranks; all times are medians of the first rank.

    Attributes:
        identity: Of recipe and archive.
        num_ranks: That took it together.
        threads: Of each.
        device: Of each.
        precision: What the network computes in.
        samples: That one rank computes in a step.
        num_bytes: Of gradients.
        messages: In how many pieces the ranks send them, with what batch norm over ranks sends.
        step_s: A step as training takes it.
        synchronous_s: A step with the next batch at hand.
        compute_s: A step of every rank for itself, all at the same time.
        input_s: Reading and preparing a batch.
        sums: Bytes, and seconds in which all ranks sum up as many.
    """

    identity: str
    num_ranks: int
    threads: int
    device: str
    precision: str
    samples: int
    num_bytes: int
    messages: int
    step_s: float
    synchronous_s: float
    compute_s: float
    input_s: float
    sums: tuple[tuple[int, float], ...]

    @property
    def samples_per_s(self) -> float:
        """Of all ranks together."""
        return self.num_ranks * self.samples / self.step_s

    @property
    def communication_s(self) -> float:
        """Of a step that compute does not hide."""
        return max(0.0, self.synchronous_s - self.compute_s)

    @property
    def waiting_s(self) -> float:
        """Of a step for samples."""
        return max(0.0, self.step_s - self.synchronous_s)


def measure(recipe: TrainRecipe, out: Path, world: World, steps: int) -> Generator[Progress]:
    """Measure `steps` steps of each kind and write `out`/measured-N.json, N the number of ranks.

    Every rank takes `recipe.batch_per_rank` samples a step, or its share of `recipe.batch_global`. Weights that come
    of it are thrown away.

    Raises:
        ConfigError: A classical model, which trains on one rank.
        ArchiveError: Fewer samples than one step takes.
    """
    if recipe.network in CLASSICAL:
        raise ConfigError(f"network {recipe.network}", "a network that ranks train together", "give another recipe")
    material = materials.find(recipe, open_archive(recipe.archive))
    identity = identify(recipe, material.identity)
    world.agree("recipe or archive", identity)
    if len(material.train) < recipe.samples_per_step(world.size):
        raise ArchiveError(
            f"{len(material.train)} training patches in {recipe.archive}",
            f"at least the {recipe.samples_per_step(world.size)} of one step on {world.size} ranks",
            "give a larger archive or a smaller batch",
        )
    chosen = precision.choose(recipe.precision, world.device)
    feed = make_feed(recipe, material, world)
    clock = _Clock(world, steps)
    yield Progress("measure", 0, 5, "parts")
    input_s = clock.each(feed.epoch, lambda batch: None)
    yield Progress("measure", 1, 5, "parts")
    # First alone: the wrapped network of all ranks would still be in memory.
    compute_s = clock.of_step(make_step(recipe, material, World(device=world.device), chosen), feed.epoch)
    yield Progress("measure", 2, 5, "parts")
    step = make_step(recipe, material, world, chosen)
    synchronous_s = clock.of_step(step, feed.epoch) if world.size > 1 else compute_s
    yield Progress("measure", 3, 5, "parts")
    step_s = clock.each(feed.epoch, lambda batch: step.update(batch, _SLOW))
    yield Progress("measure", 4, 5, "parts")
    num_bytes, messages = _traffic(step)
    sums = tuple((size, clock.of_sum(size)) for size in (*_SIZES, num_bytes)) if world.size > 1 else ()
    found = Measured(
        identity,
        world.size,
        torch.get_num_threads(),
        world.device.type,
        chosen,
        recipe.samples_per_step(world.size) // world.size,
        num_bytes,
        messages,
        step_s,
        synchronous_s,
        compute_s,
        input_s,
        sums,
    )
    if world.is_first:
        save(out, found)
    yield Progress("measure", 5, 5, "parts", {"samples/s": round(found.samples_per_s, 1)})


# A factor of the rate with which weights hardly move, so that no measurement diverges.
_SLOW = 1e-6


def identify(recipe: TrainRecipe, archive: str) -> str:
    """What a measurement belongs to: everything that decides how long a step takes, but not the ranks."""
    told = recipe.model_dump(mode="json", exclude={"archive", "epochs", "seed", "stopping", "schedule"})
    return fingerprint({**told, "archive": archive})


@dataclass(frozen=True)
class _Clock:
    """Medians of so many steps that all ranks take together."""

    world: World
    steps: int

    def each(self, epoch: Callable[[int, int], Iterator[Batch]], work: Callable[[Batch], object]) -> float:
        """From one batch of training to the next, with `work` between them."""
        with closing(_endless(epoch)) as batches:  # type: ignore[type-var]
            return self._median(lambda: work(next(batches)))

    def of_step(self, step: Supervised, epoch: Callable[[int, int], Iterator[Batch]]) -> float:
        """An update with one batch over and over."""
        with closing(epoch(0, 0)) as batches:  # type: ignore[type-var]
            batch = next(batches)
        return self._median(lambda: step.update(batch, _SLOW))

    def of_sum(self, num_bytes: int) -> float:
        """Summing up so many bytes."""
        values = torch.zeros(max(1, num_bytes // 4), device=self.world.device)
        return self._median(lambda: self.world.sum(values))

    def _median(self, work: Callable[[], object]) -> float:
        self.world.wait()
        times = []
        for _ in range(_WARM_UP + self.steps):
            began = time.perf_counter()
            work()
            if self.world.device.type == "cuda":
                torch.cuda.synchronize(self.world.device)
            times.append(time.perf_counter() - began)
        return statistics.median(times[_WARM_UP:])


def _endless(epoch: Callable[[int, int], Iterator[Batch]]) -> Iterator[Batch]:
    """Whole batches of one epoch after the other: a last one that is smaller would look fast."""
    number = 0
    while True:
        with closing(epoch(number, 0)) as batches:  # type: ignore[type-var]
            first: int | None = None
            for batch in batches:
                first = first or len(batch.keys)
                if len(batch.keys) == first:
                    yield batch
        number += 1


def _traffic(step: Supervised) -> tuple[int, int]:
    """Bytes of gradients, and messages of a step: buckets of 25 MiB, and two for each batch norm over ranks."""
    weights = [weight for weight in step.networks["main"].parameters() if weight.requires_grad]
    num_bytes = sum(weight.numel() * weight.element_size() for weight in weights)
    return num_bytes, 1 + num_bytes // _SIZES[-1] + 2 * num_norms(step.networks["main"])


def save(folder: Path, found: Measured) -> None:
    """Write `folder`/measured-N.json."""
    text = json.dumps({"format": FORMAT, "kind": "measured", **asdict(found)}, indent=1, sort_keys=True)
    write_text(folder / f"measured-{found.num_ranks}.json", text + "\n")


def load_all(folder: Path) -> list[Measured]:
    """Every measurement in `folder`, by number of ranks.

    Raises:
        ConfigError: A file is of another format, or two belong to different recipes.
    """
    every = sorted((_load(path) for path in folder.glob("measured-*.json")), key=lambda found: found.num_ranks)
    _check_same(folder, every)
    return every


def _check_same(folder: Path, every: Iterable[Measured]) -> None:
    if len({found.identity for found in every}) > 1:
        raise ConfigError(
            f"{folder} with measurements of different recipes or archives",
            "measurements of one recipe and archive",
            "choose another output with -o, or remove the older measured-*.json",
        )


def _load(path: Path) -> Measured:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told.pop("format") != FORMAT or told.pop("kind") != "measured":
            raise ValueError(f"of another format than {FORMAT}")
        sums = tuple((int(size), float(seconds)) for size, seconds in told.pop("sums"))
        return Measured(**told, sums=sums)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: {error}", "a measurement that landweave scale wrote", "remove it and measure again"
        ) from error
