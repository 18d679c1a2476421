"""The whole state of a training run on disk: tensors in safetensors, the rest in JSON, never pickle."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from landweave.atomic import aside
from landweave.errors import CheckpointError
from landweave.provenance import file_sha256

FORMAT = 1
_STATE, _TENSORS = "state.json", "state.safetensors"
_PREFIX = "step-"


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on as if it had never stopped.

    Attributes:
        tensors: Copies on the CPU, by name.
        facts: Everything else, as JSON holds it.
    """

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]


def save(folder: Path, step: int, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write `folder`/step-NNNNNNNN aside, rename it, then remove all but the newest `keep`.

    Raises:
        OutputError: The folder cannot be written or the disk is full; older checkpoints are still there.
    """
    # A folder of its own for each step: a folder cannot replace another in one move, a new name appears in one.
    path = folder / f"{_PREFIX}{step:08d}"
    with aside(path) as temporary:
        temporary.mkdir()
        _write_tensors(temporary / _TENSORS, checkpoint.tensors)
        # Floats come back from JSON to the last bit, so that sums and the best figure may stand there.
        facts = {"format": FORMAT, "sha256": file_sha256(temporary / _TENSORS), **checkpoint.facts}
        (temporary / _STATE).write_text(json.dumps(facts, indent=1, sort_keys=True), encoding="utf-8")
    # Only after the new one is there; two, so that a damaged one does not end the run.
    for old in every(folder)[:-keep]:
        shutil.rmtree(old)
    return path


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    except SafetensorError as error:
        # safetensors tells of a full disk in words only.
        if number := re.search(r"os error (\d+)", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error
        raise


def every(folder: Path) -> list[Path]:
    """All checkpoints in `folder`, oldest first."""
    return sorted(folder.glob(f"{_PREFIX}[0-9]*"))


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: It is damaged or of another format.
    """
    try:
        facts = json.loads((path / _STATE).read_text(encoding="utf-8"))
        whole = facts["format"] == FORMAT and facts["sha256"] == file_sha256(path / _TENSORS)
        tensors = load_file(path / _TENSORS) if whole else {}
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise _damaged(path, str(error)) from error
    if not whole:
        raise _damaged(path, "its content is not what was written")
    return Checkpoint(tensors, facts)


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"checkpoint {path}: {why}",
        "a checkpoint as landweave wrote it",
        f"remove {path} and run the same command again: it goes on from the one before, or from the start",
    )


def network_tensors(networks: Mapping[str, nn.Module], prefix: str = "networks") -> dict[str, Tensor]:
    """Copies on the CPU of all weights and buffers, named PREFIX/NETWORK/WEIGHT."""
    return {
        f"{prefix}/{name}/{key}": _copy(tensor)
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }


def put_networks(
    networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor], path: Path, prefix: str = "networks"
) -> None:
    """Write tensors of `network_tensors` back.

    Raises:
        CheckpointError: Names or shapes are those of other networks.
    """
    for name, network in networks.items():
        start = f"{prefix}/{name}/"
        state = {key.removeprefix(start): tensor for key, tensor in tensors.items() if key.startswith(start)}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise CheckpointError(
                f"checkpoint {path} of another network: {str(error).splitlines()[-1].strip()}",
                f"the weights of this recipe's network {name}",
                "choose another output folder with -o, or the recipe that this run was begun with",
            ) from error


def optimiser_tensors(optimisers: Mapping[str, Optimizer]) -> dict[str, Tensor]:
    """Copies on the CPU of what optimisers remember, named optimisers/OPTIMISER/WEIGHT NUMBER/KEY."""
    return {
        f"optimisers/{name}/{number}/{key}": _copy(tensor)
        for name, optimiser in optimisers.items()
        for number, state in optimiser.state_dict()["state"].items()
        for key, tensor in state.items()
        # Without momentum SGD remembers a None.
        if tensor is not None
    }


def put_optimisers(optimisers: Mapping[str, Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Write tensors of `optimiser_tensors` back.

    Rates, decays and momenta come from the recipe, which is the same; so only tensors are kept.
    """
    for name, optimiser in optimisers.items():
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for full, tensor in tensors.items():
            kind, owner, *rest = full.split("/")
            if (kind, owner) == ("optimisers", name):
                number, key = int(rest[0]), rest[1]
                state.setdefault(number, {})[key] = _like(tensor, weights[number])
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def digest(network: nn.Module) -> str:
    """One text for one set of weights and buffers, names included."""
    told = hashlib.sha256()
    for name, values in network.state_dict().items():
        told.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        told.update(values.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return told.hexdigest()


def _like(tensor: Tensor, weight: Tensor) -> Tensor:
    """The tensor laid out in memory as the weight is: fused updates walk over both side by side."""
    if tensor.shape != weight.shape:
        return tensor
    return torch.empty_like(weight, dtype=tensor.dtype).copy_(tensor)


def _copy(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", copy=True)


class Saver:
    """Writes checkpoints in a thread, one at a time, while training goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # One thread: checkpoints must appear in the order of their steps.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[Path] | None = None

    def save(self, step: int, checkpoint: Checkpoint, at_once: bool = False) -> None:
        """Begin to write, or write `at_once`; waits for the one before, and raises what went wrong with it."""
        self.wait()
        if at_once:
            save(self.folder, step, checkpoint)
        else:
            self._writing = self._pool.submit(save, self.folder, step, checkpoint)

    def wait(self) -> None:
        """Return when all is written.

        Raises:
            OutputError: It could not be.
        """
        writing, self._writing = self._writing, None
        if writing:
            writing.result()

    def close(self) -> None:
        """End the thread when all is written, without raising."""
        self._pool.shutdown(wait=True)
