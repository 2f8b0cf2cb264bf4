"""Compare open and closed language models: quality, speed and cost, with intervals.

::

    import gapbench

    run = gapbench.run_suite("suite.yaml", max_usd=5)
    print(gapbench.gap(run).headline())

The names below are the Python API; see :mod:`gapbench.api`. They are imported on first use, so that ``import gapbench``
costs nothing. Other modules are internal, except the extension points :mod:`gapbench.runner`, :mod:`gapbench.values`,
:mod:`gapbench.errors` and :mod:`gapbench.transport`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gapbench.api import Run, RunFolders, cost, gap, load_runs, run_suite, summarize

__all__ = ["Run", "RunFolders", "cost", "gap", "load_runs", "run_suite", "summarize"]


def __getattr__(name: str) -> Any:
    """Import a name of the API when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gapbench import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
