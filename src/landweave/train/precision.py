"""Where a network computes, and in which number format: bf16 where the machine is faster with it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from landweave.errors import ConfigError

Precision = Literal["fp32", "bf16"]
Wanted = Literal["auto", "fp32", "bf16"]


def device_of(wanted: str) -> str:
    """The device that was asked for; auto is a GPU where there is one.

    Raises:
        ConfigError: It is a GPU, and torch sees none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "device = cuda", "a CUDA device that torch sees", "use device = auto, or install a CUDA torch"
        )
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def choose(wanted: Wanted, device: torch.device) -> Precision:
    """`wanted`, or what "auto" means here: bf16 on GPUs that have it and on CPUs with AVX512-BF16 or AMX, else fp32."""
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        # Emulated bf16 of older GPUs is slower than fp32 too.
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    # Without these instructions bf16 is emulated, several times slower than fp32.
    able = torch.cpu.get_capabilities()
    return "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") else "fp32"


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """A block in which networks compute in `precision`; weights, losses and sums stay in fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
