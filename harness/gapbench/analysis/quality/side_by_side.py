"""Which models were asked while others were: their times may include delays of each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gapbench.analysis.frames import Runs


def models_beside(runs: Runs) -> dict[str, list[str]]:
    """Return, by model id, the other models that were asked at the same time; a model that was asked alone has []."""
    model_of = {(run_id, cell.cell_id): cell.model_id for run_id, cell in runs.cells}
    found: dict[str, set[str]] = {}
    for run_id, cell in runs.cells:
        others = found.setdefault(cell.model_id, set())
        others |= {model_of.get((run_id, other), cell.model_id) for other in cell.beside} - {cell.model_id}
    return {model_id: sorted(others) for model_id, others in found.items()}


def different_company(one: str, other: str, beside: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield a sentence if one of two models was asked beside others and the other was asked alone."""
    if bool(beside.get(one)) != bool(beside.get(other)):
        together, alone = (one, other) if beside.get(one) else (other, one)
        yield f"{together} was asked while other models were, {alone} alone: compare their times with care."


def describe_company(conditions: Sequence[Mapping[str, Any]]) -> str | None:
    """Return which compared models were asked side by side, in a sentence. None: none was.

    Args:
        conditions: As :func:`gapbench.analysis.quality.fairness.request_conditions` returns them.
    """
    together = [str(row["model"]) for row in conditions if row["beside"]]
    if not together:
        return None
    return (
        f"Asked side by side: {', '.join(together)}. Their times may include delays of each other; "
        "`timed: true` at the load asks one after another."
    )
