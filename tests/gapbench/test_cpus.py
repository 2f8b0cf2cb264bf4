"""How many CPUs a process may keep busy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gapbench.cpus import usable_cpus


@pytest.fixture
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which this process may run on eight CPUs."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.usefixtures("eight_cpus")
@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("20000 100000\n", 1),
        ("1600000 100000\n", 8),
        ("", 8),
    ],
)
def test_a_containers_quota_counts(tmp_path: Path, quota: str, count: int) -> None:
    """Two CPUs of time in each period keep two of eight CPUs busy, one and a half do so too, a fifth keeps one."""
    file = tmp_path / "cpu.max"
    file.write_text(quota, encoding="ascii")

    assert count == usable_cpus(file)


@pytest.mark.usefixtures("eight_cpus")
def test_without_a_control_group_the_affinity_counts(tmp_path: Path) -> None:
    assert 8 == usable_cpus(tmp_path / "cpu.max")
