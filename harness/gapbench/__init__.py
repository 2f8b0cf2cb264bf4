"""Compare open and closed language models: quality, speed and cost, with intervals.

::

    import gapbench as gb

    results = gb.run("suite.yaml", max_usd=5)  # or: gb.read("results/RUN")
    print(results.gap().headline())
    results.plot_gap().save("gap.pdf")

The names below are the Python API. They are imported on first use, so that ``import gapbench`` costs nothing. They are
stable: see https://semver.org and the reference page "Python API". Other modules are internal, except the extension points
:mod:`gapbench.runner`, :mod:`gapbench.values`, :mod:`gapbench.errors` and :mod:`gapbench.transport`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gapbench.analysis.cost.cost import CostTable
    from gapbench.analysis.quality.gap import GapTable
    from gapbench.analysis.quality.summary import Summary
    from gapbench.api import read, run
    from gapbench.report.chart_files import Chart
    from gapbench.results import Results

__all__ = ["Chart", "CostTable", "GapTable", "Results", "Summary", "read", "run"]

_MODULES = {
    "Chart": "gapbench.report.chart_files",
    "CostTable": "gapbench.analysis.cost.cost",
    "GapTable": "gapbench.analysis.quality.gap",
    "Results": "gapbench.results",
    "Summary": "gapbench.analysis.quality.summary",
    "read": "gapbench.api",
    "run": "gapbench.api",
}


def __getattr__(name: str) -> Any:
    """Import a name of the API when it is first used."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
