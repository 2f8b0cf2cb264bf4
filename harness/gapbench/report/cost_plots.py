"""Plots of cost against volume, price against utilisation, and quality against cost. Only files have them, not the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from gapbench import formatting
from gapbench.analysis.economics.break_even import format_mtok
from gapbench.analysis.economics.scenario import api_usd_per_mtok
from gapbench.analysis.economics.self_hosting_cost import floor_usd_per_mtok
from gapbench.analysis.economics.tco import Tco
from gapbench.errors import ResultsError
from gapbench.formatting import TASKS
from gapbench.report.page_charts import short_number
from gapbench.report.style_sheets import light_colors
from gapbench.report.tables.cost import LEG_NAMES
from gapbench.store.json_records import records

if TYPE_CHECKING:
    from gapbench.analysis.economics.tiers import Tiers

COLOURS: Mapping[str, str] = {
    name: light_colors()[name] for name in ("closed", "open", "even", "soft", "sim")
}
LEG_COLOURS: Mapping[str, str] = {"closed": COLOURS["closed"], "hosted": "#9a5b13", "self": COLOURS["open"]}
STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLOURS["soft"],
    # Ids from a fixed salt: the same run gives the same file.
    "svg.hashsalt": "gapbench",
    "svg.fonttype": "none",
}


def save_cost_plots(tco: Tco, folder: Path, formats: tuple[str, ...] = ("svg", "png")) -> list[Path]:
    """Write the plots of a total cost and return the files.

    Raises:
        ResultsError: Nothing can be written there.
    """
    return write_plots(
        {
            "cost_volume": lambda: plot_cost_volume(tco),
            "price_utilisation": lambda: plot_price_utilisation(tco),
        },
        folder,
        formats,
    )


def write_plots(
    plots: Mapping[str, Callable[[], Figure]], folder: Path, formats: tuple[str, ...] = ("svg", "png")
) -> list[Path]:
    """Write plots by name in every format and return the files.

    Raises:
        ResultsError: Nothing can be written there.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, draw in plots.items():
            with mpl.rc_context(STYLE):
                figure = draw()
                for ending in formats:
                    path = folder / f"{name}.{ending}"
                    figure.savefig(path, dpi=160, metadata={"Date": None} if ending == "svg" else None)
                    written.append(path)
    except OSError as exc:
        raise ResultsError(f"cannot write {folder}: {exc.strerror or exc}; choose another place") from exc
    return written


def plot_cost_volume(tco: Tco) -> Figure:
    """Return USD a month over volume: three legs, the 5 to 95 % band, and every break-even that holds for good."""
    figure, axes = empty_figure(8, 4.8)
    for leg, part in tco.frame.groupby("leg", sort=False):
        rows = part.dropna(subset=["usd"])
        if rows.empty:
            continue
        colour = LEG_COLOURS[str(leg)]
        volumes = rows["volume_mtok"].to_numpy() * 1e6
        axes.plot(
            volumes,
            rows["usd"],
            color=colour,
            linewidth=1.8,
            drawstyle="steps-pre" if leg == "self" else "default",
            label=_leg(tco, str(leg)),
        )
        axes.fill_between(volumes, rows["usd_p05"], rows["usd_p95"], color=colour, alpha=0.14, linewidth=0)
    for found in tco.break_evens.values():
        if found.last_mtok is not None:
            place = found.last_mtok * 1e6
            axes.axvline(place, color=LEG_COLOURS[found.leg], linewidth=1, linestyle=(0, (3, 3)))
            axes.annotate(
                f"{format_mtok(found.last_mtok)}",
                (place, 0.02),
                xycoords=("data", "axes fraction"),
                xytext=(4, 0),
                textcoords="offset points",
                color=LEG_COLOURS[found.leg],
                backgroundcolor="white",
            )
    axes.axvline(tco.volume_mtok * 1e6, color=COLOURS["soft"], linewidth=1)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_mtok(value / 1e6)))
    axes.yaxis.set_major_formatter(FuncFormatter(_format_dollars))
    axes.set_xlabel("tokens a month, input and output")
    axes.set_ylabel("USD a month (band: 5 to 95 %)")
    axes.legend(frameon=False, loc="upper left")
    return add_watermark(figure, simulated=tco.simulated)


def plot_price_utilisation(tco: Tco) -> Figure:
    """Return USD per million tokens over utilisation: one replica's own floor, and what the APIs charge."""
    figure, axes = empty_figure(8, 4.4)
    point = tco.scenario.point_values
    used = np.geomspace(0.005, 1.0, 200)
    rate = point["replica_requests_per_s"] * (point["input_tokens"] + point["output_tokens"])
    own = tco.frame[tco.frame["leg"] == "self"]
    there = own[(own["utilisation"] > 0.0005) & (own["utilisation"] <= 1)]
    if not tco.scenario.owned:
        hourly = point["gpus_per_replica"] * point["usd_per_gpu_hour"]
        floor = floor_usd_per_mtok(hourly, rate, used)
        axes.plot(
            used * 100,
            floor,
            color=LEG_COLOURS["self"],
            linewidth=1.2,
            linestyle=(0, (4, 2)),
            label="GPUs alone",
        )
    axes.plot(
        there["utilisation"] * 100, there["usd_per_mtok"], ".", color=LEG_COLOURS["self"], markersize=4,
        label="everything, at each volume",
    )  # fmt: skip
    for leg in ("closed", "hosted"):
        price = api_usd_per_mtok(leg, point)
        if price is not None:
            axes.axhline(float(price), color=LEG_COLOURS[leg], linewidth=1.4, label=_leg(tco, leg))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.yaxis.set_major_formatter(FuncFormatter(_format_dollars))
    axes.set_xlabel("utilisation of the replicas within the latency limits")
    axes.set_ylabel("USD per million tokens")
    axes.legend(frameon=False)
    return add_watermark(figure, simulated=tco.simulated)


def plot_quality_cost(tiers: Tiers) -> Figure:
    """Return quality over cost per task: both models alone, the random mix between them, and each policy's curve."""
    figure, axes = empty_figure(8, 4.8)
    ends = tiers.frame[tiers.frame["policy"].isin(["all open", "all closed"])].sort_values("usd_per_task")
    axes.plot(
        ends["usd_per_task"] * TASKS, ends["quality"] * 100, color=COLOURS["soft"], linewidth=1.2,
        linestyle=(0, (3, 3)), label="random mix",
    )  # fmt: skip
    for name, part in tiers.curves.groupby("policy", sort=False):
        axes.plot(
            part["usd_per_task"] * TASKS,
            part["quality"] * 100,
            linewidth=1.6,
            marker=".",
            label=escape_label(name),
        )
    for row in records(tiers.frame):
        name = str(row["policy"])
        if name not in {"all open", "all closed", "oracle"} or row["usd_per_task"] is None:
            continue
        side = {"all open": "open", "all closed": "closed"}.get(name, "even")
        place = (float(row["usd_per_task"]) * TASKS, float(row["quality"]) * 100)
        axes.plot(*place, "o", color=COLOURS[side], markersize=8)
        axes.annotate(escape_label(name), place, xytext=(8, -4), textcoords="offset points")
    axes.margins(x=0.15, y=0.15)
    axes.set_xlabel("USD per 1,000 tasks, held out")
    axes.set_ylabel("quality, %")
    axes.legend(frameon=False, loc="lower right")
    return add_watermark(figure, simulated=tiers.simulated)


def _format_dollars(value: float, _: int) -> str:
    """Return a tick of an axis as the tables and the page have dollars a month: ``$10K``."""
    return escape_label(short_number(formatting.format_short_usd(value)))


def _leg(tco: Tco, leg: str) -> str:
    return escape_label(f"{LEG_NAMES[leg]}: {tco.scenario.labels.get(leg, '')}")


def escape_label(text: Any) -> str:
    """Return a name that matplotlib does not take for mathematics."""
    return formatting.strip_controls(text).replace("$", r"\$")


def empty_figure(width: float, height: float) -> tuple[Figure, Any]:
    """Return an empty figure and its axes, sizes in inches."""
    # A Figure without pyplot, which would keep it and choose a window system.
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def add_watermark(figure: Figure, *, simulated: bool) -> Figure:
    """Return the figure, watermarked where a simulated provider answered."""
    if simulated:
        figure.text(
            0.5,
            0.5,
            formatting.SIMULATED,
            fontsize=44,
            color=COLOURS["sim"],
            alpha=0.13,
            rotation=18,
            ha="center",
            va="center",
        )
    return figure
