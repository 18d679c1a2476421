"""bf16 where the machine has it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from landweave.errors import ConfigError
from landweave.train.precision import choose, computing, device_of

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("able", "chosen"),
    [({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({"avx512_f": True}, "fp32"), ({}, "fp32")],
)
def test_auto_asks_the_processor(able: dict[str, bool], chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert choose("auto", CPU) == chosen


@pytest.mark.parametrize("wanted", ["fp32", "bf16"])
def test_what_is_said_is_taken(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert choose(wanted, CPU) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize("able", [True, False])
def test_auto_asks_the_gpu(able: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: able)
    assert choose("auto", torch.device("cuda")) == ("bf16" if able else "fp32")


def test_networks_compute_in_what_was_chosen() -> None:
    network, x = nn.Conv2d(1, 1, 1), torch.ones(1, 1, 2, 2)
    for precision, wanted in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with computing(precision, CPU):  # type: ignore[arg-type]
            assert network(x).dtype == wanted
    assert network.weight.dtype == torch.float32


@pytest.mark.parametrize(("wanted", "there", "found"), [("auto", True, "cuda"), ("auto", False, "cpu"),
                         ("cpu", True, "cpu"), ("cuda", True, "cuda")])  # fmt: skip
def test_a_gpu_is_taken_where_there_is_one(
    wanted: str, there: bool, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert device_of(wanted) == found


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError) as caught:
        device_of("cuda")
    assert (caught.value.given, caught.value.expected) == ("device = cuda", "a CUDA device that torch sees")
    assert "device = auto" in caught.value.do
