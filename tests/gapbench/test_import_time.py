"""What commands import: the modules that take long are imported where they are used, not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "pandas",
    "scipy",
    "matplotlib",
    "jinja2",
    "prometheus_client",
    "openai",
    "anthropic",
    "genai_prices",
}


def imported(code: str) -> set[str]:
    """Return the heavy modules that a fresh interpreter has imported after it ran some code."""
    output = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return HEAVY & set(output.splitlines()[-1].split())


@pytest.mark.parametrize(
    "code",
    [
        "from gapbench.cli import invoke; invoke(['--help'])",
        "from gapbench.cli import invoke; invoke(['run', '--help'])",
        "import gapbench.commands.run, gapbench.execution.run_suite, gapbench.execution.monitoring.live_view",
        "import gapbench.execution.workers.worker",
        "import gapbench.view.app, gapbench.view.server",
        "from gapbench.cli import invoke; invoke(['validate', 'tasks/suites/quickstart.yaml'])",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    """For help, for sending requests, in a worker process, and to check a suite."""
    assert set() == imported(code)


def test_rows_are_written_without_pandas() -> None:
    """By default pyarrow imports it for the first array of a process."""
    code = (
        "from gapbench.store.lazy_pandas import defer_pandas_import; defer_pandas_import()\n"
        "import pyarrow as pa; pa.table({'a': pa.array([1, None])})"
    )

    assert set() == imported(code)


def test_pandas_is_used_as_usual_after_that() -> None:
    """A table becomes a frame, and a series with a gap an array with a null."""
    code = (
        "from gapbench.store.lazy_pandas import defer_pandas_import; defer_pandas_import()\n"
        "import pyarrow as pa; frame = pa.table({'a': pa.array(['x', None])}).to_pandas()\n"
        "assert frame['a'].isna().tolist() == [False, True]\n"
        "import pandas as pd; assert pa.array(pd.Series([1.0, float('nan')])).null_count == 1"
    )

    assert {"pandas"} == imported(code)
