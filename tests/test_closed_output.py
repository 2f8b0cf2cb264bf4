"""Where what `bench` prints goes nowhere: a closed pipe, a full disk."""

from __future__ import annotations

import os
import py_compile
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
REFERENCE = next((ROOT / "results" / "reference").glob("*/run.json")).parent
COMMANDS = [
    ["--help"],
    ["gap", "--help"],
    ["list", "models"],
    ["schema", "suite"],
    ["gap", str(REFERENCE)],
    ["gap", str(REFERENCE), "--json"],
    ["report", str(REFERENCE)],
    ["runs", "list", "--out", str(REFERENCE.parent)],
]


def bench(arguments: list[str], stdout: int) -> tuple[int, str]:
    """Return the exit code and what was said on stderr."""
    ended = subprocess.run(
        [sys.executable, "-m", "gapbench.cli", *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=120,
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_reader_that_left_is_no_error(arguments: list[str]) -> None:
    """As with `bench ... | head -1` under `pipefail`."""
    reads, writes = os.pipe()
    os.close(reads)

    assert (0, "") == bench(arguments, writes)
    os.close(writes)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_under_the_output_is_one_line(arguments: list[str]) -> None:
    """As with `bench ... > FILE`: what, where, what to do."""
    with Path("/dev/full").open("wb") as full:
        code, said = bench(arguments, full.fileno())

    assert (1, "bench: cannot write the output: No space left on device; free up disk space\n") == (
        code,
        said,
    )


def test_a_module_that_a_full_disk_cut_is_named(tmp_path: Path) -> None:
    """Python 3.11 keeps the part of the bytecode that the disk took, and cannot read it later: no interruption."""
    source = ROOT / "harness" / "gapbench" / "commands" / "schema.py"
    compiled = tmp_path / source.relative_to("/").with_name(f"schema.{sys.implementation.cache_tag}.pyc")
    py_compile.compile(str(source), str(compiled))
    compiled.write_bytes(compiled.read_bytes()[:40])
    ended = subprocess.run(
        [sys.executable, "-m", "gapbench.cli", "schema", "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
    )

    assert 1 == ended.returncode
    assert ended.stderr.strip().startswith("bench: a compiled Python module is cut")
    assert 1 == len(ended.stderr.strip().splitlines())
