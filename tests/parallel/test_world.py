"""One process is the case n = 1; ranks add up, agree, and end together."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from tests.parallel import launching

from landweave.errors import ConfigError
from landweave.parallel.launch import here
from landweave.parallel.replicate import bare, replicate
from landweave.parallel.world import World, make_world

RANKS = Path(__file__).with_name("ranks.py")


def test_alone_everything_is_as_it_is() -> None:
    with make_world("cpu") as world:
        value = torch.arange(3.0)
        assert (world.rank, world.size, world.is_first, world.device.type) == (0, 1, True, "cpu")
        assert torch.equal(world.sum(value), value)
        assert world.any(True) and not world.any(False)
        world.agree("recipe", "anything")
        world.spread([value])
        world.wait()
        assert value.tolist() == [0, 1, 2]


def test_alone_a_network_stays_itself() -> None:
    network = torch.nn.Linear(2, 2)
    assert replicate(network, World()) is network
    assert bare(network) is network


@pytest.mark.parametrize("device", ["tpu", "cuda"])
def test_a_device_that_is_not_there_is_refused(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError) as refused, make_world(device):
        pass
    assert device in refused.value.given
    assert "auto, cpu, or cuda" in refused.value.expected
    assert "start fewer ranks" in refused.value.do


def test_ranks_work_together() -> None:
    """Sums, broadcasts, gradients, batch norm, agreement: ranks.py checks; here it counts that all was checked."""
    said = launching.torchrun(2, RANKS)
    for check in ("sum", "any", "spread", "agree", "gradients", "norm", "compression", "buckets"):
        assert said.count(f"{check} holds") == 2, said


@pytest.mark.parametrize(
    ("who", "how", "said"),
    [
        (2, "killed", "rank 2 has ended: it was killed or crashed without a word"),
        (0, "unheard", "rank 0 has ended: ValueError: seven is no batch"),
        (1, "hangs", "rank 1 hangs: it lives, but did not come where the others waited for it"),
        (0, "hangs", "rank 0 hangs: it lives, but did not come where the others waited for it"),
    ],
)
def test_a_rank_that_ends_ends_the_others_with_its_name(
    who: int, how: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Killed, failed while the others wait for something that does not notice, and alive without going on."""
    assert here([sys.executable, str(RANKS), "die", str(who), how], 3, threads=1) not in (0, 130)
    out, err = capfd.readouterr()
    assert f"rank {who} ends" in out
    # A rank that is slow to notice by itself is ended by its lifeline, which speaks elsewhere.
    heard = out + err
    for other in {0, 1, 2} - {who}:
        assert f"rank {other}" in heard
    assert heard.count(said) >= 2
    assert "all ranks to go on together" in heard
    assert "run the same command again" in heard
