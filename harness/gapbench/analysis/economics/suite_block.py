"""The ``tco:`` block of a suite or, if it has none, what the costs of its models say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gapbench.runner import runner_info_or_default
from gapbench.suite.documents import read_document, validate_document
from gapbench.suite.tco_fields import LegDocument, TcoDocument

_GPU_KEYS = ("gpu", "gpus", "usd_per_gpu_hour")


def read_tco_block(suite: Path, *, has_run: bool = False) -> TcoDocument:
    """Return the ``tco:`` block of a file, which need not be a complete suite.

    A suite without the block gives the prices of its first closed and its first open model. With a run, whose models
    :func:`gapbench.analysis.cost.price_changes.change_prices` has priced by the suite, it gives nothing more.

    Raises:
        DocumentError: The file is missing or wrong, or has neither the block nor models.
    """
    document = read_document(suite)
    value = document.value
    if isinstance(value.get("tco"), dict):
        return validate_document(document, TcoDocument, value["tco"], ("tco",))
    models = value.get("models")
    if "tco" in value or not isinstance(models, list) or not all(isinstance(model, dict) for model in models):
        raise document.error(
            (), "there is no tco: block and no models:; docs/explanation/economics.md shows a block"
        )
    if has_run:
        return TcoDocument()
    found: dict[str, Any] = {}
    closed = next((model for model in models if model.get("weights") == "closed"), None)
    leg = None if closed is None else _closed_leg(closed)
    if leg is not None:
        found["closed"] = leg
    opened = next((model for model in models if model.get("weights") == "open"), None)
    cost = _cost(opened)
    if cost.get("usd_per_gpu_hour") is not None or cost.get("gpu") is not None:
        found |= {key: cost[key] for key in _GPU_KEYS if cost.get(key) is not None}
    named = cost.get("weights") or (opened or {}).get("model")
    if named is not None:
        found["weights"] = str(named)
    return validate_document(document, TcoDocument, found, ("models",))


def _cost(model: Mapping[str, Any] | None) -> Mapping[str, Any]:
    cost = (model or {}).get("cost")
    return cost if isinstance(cost, Mapping) else {}


def _closed_leg(model: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the closed leg of a model's own token prices or of its list price. None: neither is known."""
    cost = _cost(model)
    own = {
        key: cost[key] for key in LegDocument.model_fields if key.endswith("_usd_per_mtok") and key in cost
    }
    if own:
        return {"model": model.get("id"), **own}
    provider = cost.get("provider") or runner_info_or_default(str(model.get("runner"))).price_provider
    if provider is None or (model.get("base_url") is not None and "provider" not in cost):
        return None
    return {"provider": provider, "model": cost.get("model") or model.get("model") or model.get("id")}
