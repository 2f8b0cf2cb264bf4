"""Whether the weights of an open model fit into the memory of its GPUs, as far as both sizes are known."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gapbench.analysis.economics.published_inputs import load_published_inputs

_GPU_GB = re.compile(r"(\d+)\s*GB\b", re.IGNORECASE)
_BILLIONS = re.compile(r"(?<![\w.])(?:(\d+)x)?(\d+(?:\.\d+)?)B(?![a-z0-9])", re.IGNORECASE)
_EIGHT_BITS = re.compile(r"fp8|int8|w8a8|8bit", re.IGNORECASE)
_FOUR_BITS = re.compile(r"awq|gptq|int4|fp4|4bit|w4a16|q4_", re.IGNORECASE)
LEAST_BYTES = 0.5
"""Bytes per parameter of weights with 4 bits, the fewest in common use."""


@dataclass(frozen=True, slots=True)
class MemoryFit:
    """How the weights of a model compare with the memory of its GPUs.

    Attributes:
        fits: Whether the weights can fit at all: with 4 bits per parameter they are no larger than the memory.
        words: The finding as a sentence; "" if the weights fit as they are.
    """

    fits: bool
    words: str


def memory_fit(weights: str | None, gpu: str | None, gpus: float | None) -> MemoryFit | None:
    """Return whether a model's weights fit its GPUs. None if a size is not known.

    Only the weights are counted; the cache of a running server needs more.

    Args:
        weights: The model on Hugging Face, or its name.
        gpu: Name of the GPU with its memory, such as ``H100-80GB``.
        gpus: Number of GPUs.
    """
    size = _weights_gb(weights) if weights else None
    memory = _GPU_GB.search(gpu) if gpu else None
    if size is None or memory is None or not gpus:
        return None
    native_gb, least_gb = size
    there_gb = float(memory.group(1)) * gpus
    place = f"{gpus:g} x {gpu} have {there_gb:,.0f} GB"
    if least_gb > there_gb:
        return MemoryFit(
            False,
            f"{weights} does not fit: {place}, and its weights need {least_gb:,.0f} GB even at 4 bits ({native_gb:,.0f} GB as published)",
        )
    if native_gb > there_gb:
        return MemoryFit(
            True,
            f"{weights} fits only quantized: {place}, and its weights need {native_gb:,.0f} GB as published, {least_gb:,.0f} GB at 4 bits",
        )
    return MemoryFit(True, "")


def _weights_gb(weights: str) -> tuple[float, float] | None:
    """Return the size of weights as published and at 4 bits, in GB. None if the number of parameters is not known."""
    for row in load_published_inputs()["parameters"]:
        if str(row["weights"]).lower() == weights.lower():
            return float(row["native_gb"]), float(row["billions"]) * LEAST_BYTES
    named = _BILLIONS.search(weights.rsplit("/", 1)[-1].replace("_", "-"))
    if named is None:
        return None
    billions = float(named.group(2)) * float(named.group(1) or 1)
    size = 2.0
    if _FOUR_BITS.search(weights):
        size = LEAST_BYTES
    elif _EIGHT_BITS.search(weights):
        size = 1.0
    # The parts of a mixture share layers: 8x7B has 47 billion parameters, not 56.
    least = billions * LEAST_BYTES * (0.8 if named.group(1) else 1.0)
    return billions * size, min(least, billions * size)
