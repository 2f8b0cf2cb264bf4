"""``run.json``: what was run, by what, on what. Holds no key and no prompt."""

from __future__ import annotations

import contextlib
import os
import platform
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("gapbench", "httpx2", "uvloop", "genai-prices")
"""What takes part in every measurement; runners add their own."""


def new_run_id(suite: str, at: datetime) -> str:
    """Return a run id that sorts by time: suite, UTC second, four random hex digits."""
    return f"{suite}-{at.astimezone(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def package_versions(runner_packages: Iterable[str] = ()) -> dict[str, str]:
    """Return the installed versions of Python, of :data:`PACKAGES` and of what the runners use.

    Args:
        runner_packages: See :class:`gapbench.runner.RunnerInfo`.
    """
    found = {"python": platform.python_version()}
    for package in dict.fromkeys([*PACKAGES, *runner_packages]):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def machine_info() -> dict[str, Any]:
    """Return this machine's hardware as far as it tells."""
    return {
        "platform": platform.platform(),
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    }


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def format_utc(at: datetime) -> str:
    """Return a UTC instant as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
