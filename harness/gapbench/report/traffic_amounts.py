"""Amounts a month as text: the estimate, and its 95 % interval."""

from __future__ import annotations

from collections.abc import Callable

from gapbench.analysis.traffic.figures import MonthlyVolume
from gapbench.formatting import NOTHING, format_short_usd, format_volume


def volume_text(volume: MonthlyVolume | None) -> str:
    """Return requests or tokens a month."""
    return NOTHING if volume is None else format_volume(volume.value) + _range(volume, format_volume)


def usd_text(volume: MonthlyVolume) -> str:
    """Return dollars a month."""
    return format_short_usd(volume.value) + _range(volume, format_short_usd)


def usd_lines(volume: MonthlyVolume) -> str:
    """Return dollars a month with the interval on a line of its own, for a cell of a table."""
    if volume.low is None or volume.high is None or volume.low == volume.high:
        return format_short_usd(volume.value)
    return (
        f"{format_short_usd(volume.value)}\n{format_short_usd(volume.low)} to {format_short_usd(volume.high)}"
    )


def _range(volume: MonthlyVolume, show: Callable[[float], str]) -> str:
    if volume.low is None or volume.high is None or volume.low == volume.high:
        return ""
    return f" (95 % {show(volume.low)} to {show(volume.high)})"
