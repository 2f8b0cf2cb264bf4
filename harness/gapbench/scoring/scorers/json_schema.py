"""The scorer ``json_schema``: JSON that a JSON Schema allows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gapbench.errors import InputError
from gapbench.scoring.answer_extraction import reply_tail, shorten
from gapbench.scoring.code_blocks import code_blocks
from gapbench.scoring.scorer import EMPTY_REPLY, make_unscored
from gapbench.scoring.scorers.json import Json, json_equal
from gapbench.scoring.scorers.regex import has_risky_pattern
from gapbench.values import Sample, Score

MAX_PARSE_ATTEMPTS = 200


@dataclass(frozen=True)
class JsonSchema:
    """Accepts JSON that a JSON Schema allows and that equals the target, if there is one.

    The JSON is the last object or array of the reply, in a fence or not. Drafts 4 to 2020-12 are
    supported, as ``$schema`` states (default: 2020-12). References stay within the schema; nothing is fetched.

    Attributes:
        schema: The schema, or the name of the column that has it. Default: the column ``schema``.
        only: The whole reply must be the JSON, optionally in a fence.
        compare: False checks only the schema, whatever the target.
        ignore_case: Compare text with the target without case.
        ignore_order: Compare lists with the target's lists without regard to order.
    """

    name: ClassVar[str] = "json_schema"
    description: ClassVar[str] = "JSON that a JSON Schema allows, and equal to the target where there is one"
    is_slow: ClassVar[bool] = True

    schema: str | dict = "schema"  # type: ignore[type-arg] # the type is checked at run time, and isinstance takes no arguments
    only: bool = False
    compare: bool = True
    ignore_case: bool = False
    ignore_order: bool = False
    _validators: dict[str, Any] = field(init=False, default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check a schema that is given as an option."""
        if isinstance(self.schema, Mapping):
            try:
                self._validator(self.schema)
            except ValueError as exc:
                raise InputError(f"scorer 'json_schema': {exc}") from exc

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the schema is missing or invalid, or that the target is not JSON, or None."""
        try:
            self._validator_and_target(sample)
        except ValueError as exc:
            return shorten(str(exc), 200)
        return None

    def _validator_and_target(self, sample: Sample) -> tuple[Any, Any]:
        """Return the validator of a sample's schema and the target's value, or raise ``ValueError``."""
        is_given = isinstance(self.schema, Mapping)
        schema = self.schema if is_given else _parse_json(sample.columns.get(str(self.schema)), "the schema")
        if not isinstance(schema, Mapping):
            raise ValueError(f"the sample has no schema in column {self.schema!r}")  # noqa: TRY004 - one way out
        target = _parse_json(sample.target, "the target") if self.compare else None
        return self._validator(schema), target

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1 or 0; the answer is the JSON."""
        try:
            validator, wanted = self._validator_and_target(sample)
        except ValueError as exc:
            return make_unscored(shorten(str(exc), 200))
        has_target = self.compare and sample.target is not None
        if not reply.strip():
            return EMPTY_REPLY
        found = find_json_value(reply_tail(reply), only=self.only)
        if found is None:
            return Score(0.0, "unparsed", reason="is not only JSON" if self.only else "contains no JSON")
        try:
            answer = shorten(json.dumps(found, ensure_ascii=False), 500)
            fault = next(iter(validator.iter_errors(found)), None)
        except RecursionError:
            return Score(0.0, "unparsed", reason="the JSON is nested too deeply")
        if fault is not None:
            return Score(0.0, "wrong", answer, f"at {fault.json_path}: {shorten(fault.message, 160)}")
        if has_target:
            options = {"ignore_case": self.ignore_case, "ignore_order": self.ignore_order}
            if not json_equal(found, wanted, Json.rel_tol, **options):
                return Score(0.0, "wrong", answer, "fits the schema; differs from the target")
        return Score(1.0, "correct", answer, "fits the schema" + (" and is the target" if has_target else ""))

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        key = json.dumps(schema, sort_keys=True, default=str)
        if key not in self._validators:
            import jsonschema  # noqa: PLC0415 - takes a fifth of a second
            import referencing  # noqa: PLC0415

            if has_risky_pattern(schema):
                raise ValueError("a `pattern` of the schema has repeats within repeats, which may never end")
            kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
            try:
                kind.check_schema(schema)
            except jsonschema.SchemaError as exc:
                raise ValueError(f"the schema is wrong at {exc.json_path}: {exc.message}") from exc
            self._validators[key] = kind(schema, registry=referencing.Registry())
        return self._validators[key]


def _parse_json(given: Any, what: str) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError) as exc:
        raise ValueError(f"{what} {shorten(given)!r} is not JSON") from exc


def find_json_value(text: str, *, only: bool) -> Any:
    """Return the JSON object or array of a reply, or None if it has none.

    Args:
        text: The reply.
        only: The JSON must be the whole reply, in a fence or not.
    """
    blocks = code_blocks(text)
    if only:
        whole = blocks[0].text if len(blocks) == 1 and text.strip().startswith(("```", "~~~")) else text
        if len(blocks) == 1 and whole is not text and not text.strip().endswith(("```", "~~~")):
            return None
        try:
            value = json.loads(whole.strip(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, (dict, list)) else None
    for part in (*(block.text for block in reversed(blocks)), text):
        found = _last_json_value(part)
        if found is not None:
            return found
    return None


def _last_json_value(text: str) -> Any:
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    found = None
    at = _next_opening(text, 0)
    for _ in range(MAX_PARSE_ATTEMPTS):
        if at < 0:
            break
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        at = _next_opening(text, end)
    return found


def _next_opening(text: str, start: int) -> int:
    places = [at for at in (text.find("{", start), text.find("[", start)) if at >= 0]
    return min(places, default=-1)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
