"""Other prices for runs that have ended: of the command line, of a suite, or of a file of prices.

The rows of a run are facts; what they cost depends on the ``cost`` of each model in ``run.json``. :func:`change_prices`
replaces that in memory, so every table made of the returned runs has the new price. In order of precedence: single values,
the files of :func:`gapbench.pricing.price_files`, the suite named, the run's own suite, your ``prices.yaml``, the packaged
price book.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gapbench.analysis.frames import Runs
from gapbench.errors import InputError
from gapbench.pricing import named_price_files, read_price_file
from gapbench.store.manifest import ModelEntry, RunManifest
from gapbench.suite.cost_fields import BookCost, GpuCost, TokenCost
from gapbench.suite.documents import read_document

_GPU = ("gpu", "gpus", "usd_per_gpu_hour", "usd_per_gpu_hour_low", "usd_per_gpu_hour_high", "as_of")
_TOKENS = ("input_usd_per_mtok", "output_usd_per_mtok", "cached_input_usd_per_mtok")
_LISTED = ("provider", "model")
PRICE_KEYS = (*_GPU, *_TOKENS, *_LISTED, "weights")
"""The keys of a ``cost:`` block that can be given on the command line."""
_TEXTS = frozenset(("gpu", "as_of", "provider", "model", "weights"))
_COST: TypeAdapter[GpuCost | TokenCost | BookCost] = TypeAdapter(GpuCost | TokenCost | BookCost)
Cost = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PriceSetting:
    """One value for the ``cost`` of a model, as ``MODEL.key=value`` or an entry of a Python dictionary gives it.

    Attributes:
        model_id: The model's id in the run.
        key: One of :data:`PRICE_KEYS`.
        value: The value; a number for prices and counts.
        written: The setting as the user wrote it, for error messages.
    """

    model_id: str
    key: str
    value: float | str
    written: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> PriceSetting:
        """Return the setting of a text such as ``llama-70b.usd_per_gpu_hour=2.35``.

        Raises:
            InputError: The text has another form, the key is unknown, or the value is no price.
        """
        name, _, value = text.partition("=")
        form = "write MODEL.key=value, such as llama-70b.usd_per_gpu_hour=2.35"
        return cls._checked(name, value, f"--price {text!r}", form)

    @classmethod
    def from_entry(cls, name: str, value: float | str) -> PriceSetting:
        """Return the setting of an entry such as ``"llama-70b.usd_per_gpu_hour": 2.35``.

        Raises:
            InputError: The name has another form, the key is unknown, or the value is no price.
        """
        form = 'write with_prices({"MODEL.key": value}), such as {"llama-70b.usd_per_gpu_hour": 2.35}'
        return cls._checked(str(name), str(value), f"with_prices({{{name!r}: {value!r}}})", form)

    @classmethod
    def _checked(cls, name: str, value: str, written: str, form: str) -> PriceSetting:
        model_id, _, key = name.strip().rpartition(".")
        if not model_id or not value.strip():
            raise InputError(f"found {written}; {form}")
        if key not in PRICE_KEYS:
            near = difflib.get_close_matches(key, PRICE_KEYS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(PRICE_KEYS)}"
            raise InputError(f"found {written}: no key {key!r}; {hint}")
        if key in _TEXTS:
            return cls(model_id, key, value.strip(), written)
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number < float("inf") or (key == "gpus" and number == 0):
            wanted = "a number above 0" if key == "gpus" else "a number of dollars, 0 or more"
            raise InputError(f"found {written}; {key} is {wanted}")
        return cls(model_id, key, number, written)


def change_prices(runs: Runs, settings: Sequence[PriceSetting] = (), suite: Path | None = None) -> Runs:
    """Return the runs with other prices, and what was changed in :attr:`Runs.notes`.

    Args:
        runs: The runs.
        settings: Single values.
        suite: A suite; the ``cost`` of each of its models replaces that of the run's model with the same id.

    Raises:
        InputError: A setting names no model of the runs, or makes a cost that is no cost.
        DocumentError: The suite cannot be read, or a ``cost`` in it is wrong.
    """
    changes: list[tuple[str, Callable[[ModelEntry], Cost | None]]] = []
    if suite is not None:
        costs = _suite_costs(suite, runs)
        changes.append((f"by {suite.name}", lambda model: costs.get(model.id, model.cost)))
    changes += [(f"by {file.name}", _file_change(file)) for file in named_price_files()]
    for setting in settings:
        _find_model(runs, setting)
        changes.append(("by --price", _setting_change(setting)))
    if not changes:
        return runs
    notes: list[str] = list(runs.notes)
    manifests = tuple(_change_manifest(manifest, changes, notes) for manifest in runs.manifests)
    judgings = tuple(_change_manifest(manifest, changes, notes) for manifest in runs.judgings)
    return replace(runs, manifests=manifests, judgings=judgings, notes=tuple(dict.fromkeys(notes)))


def _find_model(runs: Runs, setting: PriceSetting) -> None:
    known = [model.id for manifest in (*runs.manifests, *runs.judgings) for model in manifest.models]
    if setting.model_id in known:
        return
    near = difflib.get_close_matches(setting.model_id, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(dict.fromkeys(known))}"
    raise InputError(f"{setting.written}: no model {setting.model_id!r} in these runs; {hint}")


def _change_manifest(
    manifest: RunManifest,
    changes: Sequence[tuple[str, Callable[[ModelEntry], Cost | None]]],
    notes: list[str],
) -> RunManifest:
    models = []
    for model in manifest.models:
        for by, change in changes:
            cost = change(model)
            if (cost or None) != (model.cost or None):
                notes.append(_describe_change(model, cost, by))
                model = model.model_copy(update={"cost": cost})  # noqa: PLW2901 - the next change builds on this one
        models.append(model)
    return manifest.model_copy(update={"models": models})


def _describe_change(model: ModelEntry, cost: Cost | None, by: str) -> str:
    before, after = model.cost or {}, cost or {}
    hidden = {"given_by", "source"}
    keys = [
        key
        for key in dict.fromkeys([*before, *after])
        if key not in hidden and before.get(key) != after.get(key)
    ]
    said = ", ".join(f"{key} {_shown(before.get(key))} -> {_shown(after.get(key))}" for key in keys)
    return f"{model.id}: other price than in its run, {by}: {said or 'the same values'}"


def _shown(value: Any) -> str:
    if value is None:
        return "(none)"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _setting_change(setting: PriceSetting) -> Callable[[ModelEntry], Cost | None]:
    def change(model: ModelEntry) -> Cost | None:
        if model.id != setting.model_id:
            return model.cost
        cost = dict(model.cost or {})
        if setting.key in _GPU:
            cost = {key: value for key, value in cost.items() if key not in (*_TOKENS, *_LISTED)}
            if setting.key == "usd_per_gpu_hour":
                # The range and the day are of the price before.
                cost = {
                    key: value
                    for key, value in cost.items()
                    if not key.startswith(("usd_per_gpu_hour_", "as_of"))
                }
        elif setting.key != "weights":
            cost = {key: value for key, value in cost.items() if key not in _GPU}
        if setting.key in _LISTED:
            cost = {key: value for key, value in cost.items() if key not in _TOKENS}
        cost |= {setting.key: setting.value, "given_by": "--price", "source": "--price"}
        _check_cost(cost, setting)
        return cost

    return change


def _check_cost(cost: Cost, setting: PriceSetting) -> None:
    given = {key: value for key, value in cost.items() if key != "given_by"}
    if set(given) & set(_TOKENS):
        # Some of the token prices may be the list price's.
        given = {"input_usd_per_mtok": 0, "output_usd_per_mtok": 0} | {
            key: value for key, value in given.items() if key not in (*_LISTED, "weights")
        }
    elif set(given) & set(_LISTED):
        given = {key: value for key, value in given.items() if key in _LISTED}
    try:
        _COST.validate_python(given)
    except ValidationError as exc:
        problem = exc.errors()[0]["msg"]
        raise InputError(f"{setting.written}: {problem[:1].lower()}{problem[1:]}") from exc


def _file_change(file: Path) -> Callable[[ModelEntry], Cost | None]:
    """Return how a file of prices changes a cost that the suite states: its own price gives way to the file's."""
    rows = read_price_file(file)
    gpus = {row["gpu"] for row in rows["gpus"]}
    listed = {(row["provider"], row["model"]) for row in rows["prices"]}

    def change(model: ModelEntry) -> Cost | None:
        cost = dict(model.cost or {})
        if cost.get("gpu") in gpus:
            return {
                key: value
                for key, value in cost.items()
                if not key.startswith(("usd_per_gpu_hour", "as_of", "source"))
            }
        provider, name = cost.get("provider") or model.known_price_provider, cost.get("model") or model.name
        if set(cost) & set(_TOKENS) and (provider, name) in listed:
            return {"provider": provider, "model": name}
        return model.cost

    return change


def _suite_costs(suite: Path, runs: Runs) -> dict[str, Cost | None]:
    """Return the ``cost`` of each model of a suite by id. The rest of the suite is not read."""
    document = read_document(suite)
    models = document.value.get("models")
    if not isinstance(models, list) or not all(isinstance(model, dict) and "id" in model for model in models):
        raise document.error(
            ("models",) if "models" in document.value else (), "found no models with an id; name a suite"
        )
    costs: dict[str, Cost | None] = {}
    for place, model in enumerate(models):
        cost = model.get("cost")
        if cost is not None:
            try:
                cost = _COST.validate_python(cost).model_dump(exclude_unset=True)
            except ValidationError as exc:
                fault = exc.errors()[-1]
                raise document.error(
                    ("models", place, "cost"), f"{fault['msg']}; `bench schema` has the keys"
                ) from exc
        costs[str(model["id"])] = cost
    if not set(costs) & set(runs.models):
        raise document.error(("models",), f"has no model of these runs; they have: {', '.join(runs.models)}")
    return costs
