"""Packaged economic data: the article's inputs, published throughputs, owned nodes."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def load_published_inputs() -> dict[str, Any]:
    """Return the content of ``data/economics.yaml``. It is cached: treat it as read-only."""
    text = files("gapbench.analysis.economics.data").joinpath("economics.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def throughput_entry(name: str) -> dict[str, Any]:
    """Return one published throughput by its id.

    Raises:
        KeyError: There is no throughput with that id.
    """
    known: dict[str, dict[str, Any]] = {row["id"]: row for row in load_published_inputs()["throughputs"]}
    return known[name]
