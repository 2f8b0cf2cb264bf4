"""Sample GPU power, memory, utilization and clocks with NVML while a cell runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from gapbench import transport

SAMPLE_INTERVAL_S = 0.5


def gpu_names() -> list[str]:
    """Return the GPUs that NVML sees; [] without NVML or without a GPU."""
    nvml = _load_nvml()
    if nvml is None:
        return []
    return [_decode(nvml.nvmlDeviceGetName(handle)) for handle in _handles(nvml)]


class GpuSampler:
    """Context manager that samples every GPU; does nothing without NVML.

    Args:
        on_sample: Receives one row per GPU and sample; called from the sampling thread.
        labels: Added to each row, such as the cell's id.
        cell_start_s: The cell's start on :data:`gapbench.transport.now`; ``at_s`` counts from it.
    """

    def __init__(
        self, on_sample: Callable[[dict[str, Any]], None], labels: dict[str, str], cell_start_s: float
    ) -> None:
        self._on_sample = on_sample
        self._labels = labels
        self._cell_start_s = cell_start_s
        self._nvml = _load_nvml()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="nvml", daemon=True)

    def __enter__(self) -> Self:
        if self._nvml is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _sample(self) -> None:
        nvml = self._nvml
        handles = _handles(nvml)
        due_s = time.monotonic()
        while not self._stop.is_set():
            for index, handle in enumerate(handles):
                memory, use = nvml.nvmlDeviceGetMemoryInfo(handle), nvml.nvmlDeviceGetUtilizationRates(handle)
                self._on_sample(
                    {
                        **self._labels,
                        "at_s": transport.now() - self._cell_start_s,
                        "gpu": index,
                        "power_w": nvml.nvmlDeviceGetPowerUsage(handle) / 1e3,
                        "memory_used_bytes": int(memory.used),
                        "utilization": use.gpu / 100,
                        "sm_clock_mhz": int(nvml.nvmlDeviceGetClockInfo(handle, nvml.NVML_CLOCK_SM)),
                    }
                )
            due_s += SAMPLE_INTERVAL_S
            self._stop.wait(max(0.0, due_s - time.monotonic()))


def _load_nvml() -> Any:
    """Return the initialized NVML module. None: the package, the driver or a GPU is missing."""
    try:
        import pynvml  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml if pynvml.nvmlDeviceGetCount() else None


def _handles(nvml: Any) -> list[Any]:
    return [nvml.nvmlDeviceGetHandleByIndex(index) for index in range(nvml.nvmlDeviceGetCount())]


def _decode(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
