"""Run by torchrun: what only several ranks can check. Prints "NAME holds" for each check on each rank."""

from __future__ import annotations

import copy
import os
import signal
import sys
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from landweave.errors import ConfigError, TaskError
from landweave.parallel import lifeline
from landweave.parallel.norm import WorldNorm, count_samples, norm_over_ranks
from landweave.parallel.replicate import bare, compress, replicate
from landweave.parallel.world import World, make_world


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def check_sum(world: World) -> None:
    mine = torch.tensor([1.0, world.rank])
    assert world.sum(mine).tolist() == [2.0, 1.0]
    assert mine.tolist() == [1.0, world.rank]


def check_any(world: World) -> None:
    assert world.any(world.rank == 1)
    assert not world.any(False)


def check_spread(world: World) -> None:
    values = [torch.full((3,), float(world.rank)), torch.tensor(world.rank)]
    world.spread(values)
    assert values[0].tolist() == [0, 0, 0]
    assert values[1] == 0


def check_agree(world: World) -> None:
    world.agree("recipe", "the same")
    try:
        world.agree("recipe", f"of rank {world.rank}")
    except ConfigError as error:
        assert "rank 1 than on rank 0" in error.given
        assert "all 2 ranks" in error.expected
        assert "every rank the same files" in error.do
    else:
        raise AssertionError("ranks disagreed and nobody said so")


def whole_batch() -> torch.Tensor:
    return torch.randn(7, 3, 6, 6, generator=torch.Generator().manual_seed(3))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))


def mine(world: World) -> torch.Tensor:
    return torch.tensor_split(whole_batch(), world.size)[world.rank]


def gradients(made: nn.Module) -> list[torch.Tensor]:
    return [weight.grad.clone() for weight in bare(made).parameters() if weight.grad is not None]


def check_gradients(world: World) -> None:
    """Gradients over unequal parts are those of the whole batch; rank 0's weights are everybody's."""
    torch.manual_seed(world.rank)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 2, 1))
    replica = replicate(plain, world)
    assert bare(replica) is plain
    (replica(mine(world)).square().sum() * (world.size / 7)).backward()
    alone = copy.deepcopy(plain)
    alone.zero_grad()
    (alone(whole_batch()).square().sum() / 7).backward()
    for one, other in zip(gradients(replica), gradients(alone), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-6)


def check_norm(world: World) -> None:
    """Outputs, gradients and running statistics of batch norm over ranks are those of one rank with all samples."""
    alone, shared = network(), norm_over_ranks(network(), world)
    assert sum(isinstance(module, WorldNorm) for module in shared.modules()) == 1
    assert list(shared.state_dict()) == list(alone.state_dict())
    replica = replicate(shared, world)
    # One more sample that only fills up must change nothing.
    filled = torch.cat([mine(world), torch.full((1, 3, 6, 6), 50.0)])
    count_samples(shared, len(mine(world)))
    wanted, made = alone(whole_batch()), replica(filled)[:-1]
    assert torch.allclose(made, torch.tensor_split(wanted, world.size)[world.rank], atol=1e-5)
    (made.square().sum() * (world.size / 7)).backward()
    (wanted.square().sum() / 7).backward()
    for one, other in zip(gradients(replica), gradients(alone), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)
    for one, other in zip(shared.buffers(), alone.buffers(), strict=True):
        assert torch.allclose(one.float(), other.float(), atol=1e-6)
    assert torch.allclose(shared.eval()(whole_batch()), alone.eval()(whole_batch()), atol=1e-5)


def check_compression(world: World) -> None:
    """PowerSGD sends less and still adds up on average; bf16 is refused where gloo would have to add it up."""
    torch.manual_seed(0)
    try:
        replicate(nn.Linear(64, 64), world, "bf16")
    except ConfigError as error:
        assert "bf16 on cpu" in error.given and "gloo" in error.given
        assert "NCCL" in error.expected
        assert '"powersgd"' in error.do
    else:
        raise AssertionError("bf16 was not refused")
    # A gradient of rank 2 is what matrices of rank 2 hold without loss.
    one, other = torch.randn(2, 64), torch.randn(2, 64)
    made = []
    for compression in ("none", "powersgd"):
        plain = nn.Linear(64, 64, bias=False)
        replica = DistributedDataParallel(plain, gradient_as_bucket_view=True)
        compress(replica, world, compression, plain_steps=2)  # type: ignore[arg-type]
        for _ in range(4):
            plain.zero_grad()
            (replica(one) * other * (world.rank + 1)).sum().backward()
        made.append(gradients(replica)[0])
    assert torch.allclose(made[0], 1.5 * other.T @ one, rtol=1e-4, atol=1e-4)
    assert torch.allclose(made[0], made[1], rtol=1e-3, atol=1e-3)
    assert bare(replicate(nn.Linear(2, 2), world, "powersgd")).weight.shape == (2, 2)


def check_buckets(world: World) -> None:
    """Compressed gradients that are sent in several pieces come through, with sums of batch norm between them."""
    torch.manual_seed(0)
    layers = [layer for _ in range(6) for layer in (nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64))]
    made = norm_over_ranks(nn.Sequential(*layers), world)
    replica = DistributedDataParallel(made, gradient_as_bucket_view=True, bucket_cap_mb=0.02)
    compress(replica, world, "powersgd", plain_steps=2)
    torch.manual_seed(world.rank)
    for _ in range(6):
        made.zero_grad()
        replica(torch.randn(5, 64)).square().sum().backward()
        for gradient in gradients(replica):
            assert torch.allclose(world.sum(gradient), world.size * gradient, rtol=1e-5, atol=1e-6)


CHECKS: list[Callable[[World], None]] = [
    check_sum,
    check_any,
    check_spread,
    check_agree,
    check_gradients,
    check_norm,
    check_compression,
    check_buckets,
]


def die(who: int, how: str) -> None:
    """Rank `who` ends or hangs; the others must say whom they waited for."""
    lifeline._GRACE_S = lifeline._SKEW_S = 0.5
    try:
        with make_world("cpu", timeout_s=2) as world:
            world.wait()
            if world.rank == who:
                say(f"rank {who} ends")
                if how == "killed":
                    os.kill(os.getpid(), signal.SIGKILL)
                if how == "hangs":
                    time.sleep(60)
                raise ValueError("seven is no batch")
            # What never comes back, as a collective of NCCL does not, and what does.
            time.sleep(60) if how == "unheard" else world.wait()
    except TaskError as error:
        say(str(error))
        raise


def main() -> None:
    if "die" in sys.argv:
        die(int(sys.argv[2]), sys.argv[3])
    with make_world("cpu") as world:
        for check in CHECKS:
            check(world)
            say(f"{check.__name__.removeprefix('check_')} holds")


if __name__ == "__main__":
    main()
