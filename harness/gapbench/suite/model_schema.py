"""One model of a suite: the keys that all runners share, and the keys that each runner adds."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, create_model, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from gapbench.errors import SetupError
from gapbench.runner import find_runner, installed_runners, runner_info, runner_info_or_default
from gapbench.suite.cost_fields import BookCost, GpuCost, TokenCost
from gapbench.suite.documents import PATH_NAME_PATTERN, StrictModel
from gapbench.suite.documents.addresses import validate_address
from gapbench.suite.run_policies import LimitsDocument
from gapbench.suite.tasks.schema import ParamsDocument
from gapbench.values import Model, Transport
from gapbench.values.requests import ReplicaChoice
from gapbench.values.thinking import AUTO, thinking_rules_for

_KEY_LIKE = re.compile(r"^(?=.*[a-z])(?=.*[0-9])[A-Za-z0-9_\-]{24,}$")


class ModelDocument(StrictModel):
    """One model of the comparison."""

    id: str = Field(pattern=PATH_NAME_PATTERN, description="the name in tables; unique")
    runner: str = Field(
        min_length=1, description="name of an installed runner; `bench list runners` shows them"
    )
    model: str | None = Field(
        None, min_length=1, description="the provider's name for the model; default: the id"
    )
    weights: Literal["open", "closed"] = Field(
        description="open if the weights can be downloaded, else closed"
    )
    released: date | None = Field(None, description="day of release, for the lag in months")
    base_url: str | Annotated[list[str], Field(min_length=1, max_length=256)] | None = Field(
        None, description="endpoint, or a list of those of its replicas; default: the provider's own"
    )
    replica_choice: ReplicaChoice = Field(
        "least_in_flight",
        description="which replica gets a request: the one with the least in flight, or with `prefix` the one that has seen "
        "the prompt's start, for its KV cache",
    )
    key_env: str | None = Field(None, description="environment variable that holds the key")
    params: ParamsDocument = Field(
        default_factory=ParamsDocument, description="parameters for this model alone"
    )
    cost: GpuCost | TokenCost | BookCost | None = Field(
        None, description="its GPUs and their price, its price per token, or its entry in the price book"
    )
    limits: LimitsDocument | None = Field(
        None,
        description="what the provider's account allows in a minute; models with the same runner, base_url, key_env and"
        " limits share them",
    )
    transport: Literal["lean", "httpx2"] | None = Field(
        None, description="HTTP transport of this model; default: the suite's"
    )
    thinking_in_text: str | list[str] = Field(
        AUTO,
        description="which thinking marks to look for in the text of a reply: auto (those of the model's family and"
        " those that many models use), off, or names of rules",
    )
    batch: bool | None = Field(
        None,
        description="whether its answers come from the provider's batch API: within a day, at a lower price, without times;"
        " default: as `bench run --batch` says",
    )
    options: dict[str, Any] = Field(default_factory=dict, description="settings for the runner")

    @model_validator(mode="before")
    @classmethod
    def _collect_runner_options(cls, value: Any) -> Any:
        """Move the keys that the model's runner adds into ``options``. A key that is in both wins over ``options``."""
        if not isinstance(value, dict) or not isinstance(value.get("runner"), str):
            return value
        unknown_keys = value.keys() - cls.model_fields.keys()
        try:
            if not unknown_keys:
                find_runner(value["runner"])
                return value
            declared = runner_info(value["runner"]).options
        except SetupError as exc:
            # Which keys are allowed is unknown if the runner is not installed.
            raise _validation_error([("runner", value["runner"], str(exc))]) from exc
        _refuse_misspelt_options(value, unknown_keys - declared.keys(), declared)
        named = {key: value[key] for key in value if key in unknown_keys and key in declared}
        checked = _runner_options_model(value["runner"]).model_validate(named)
        given = {key: setting for key, setting in checked.model_dump().items() if setting is not None}
        rest = {key: setting for key, setting in value.items() if key not in named}
        options = value.get("options", {})
        return {**rest, "options": {**options, **given} if isinstance(options, dict) else options}

    @field_validator("released", mode="before")
    @classmethod
    def _parse_released(cls, value: Any) -> Any:
        if value is None or isinstance(value, date):
            return value
        try:
            # fromisoformat alone also takes weeks and days without dashes.
            return date.fromisoformat(value if re.fullmatch(r"\d{4}-\d\d-\d\d", value) else "")
        except (TypeError, ValueError) as exc:
            raise ValueError(f"found {value!r}; expected a day such as 2026-02-12") from exc

    @field_validator("key_env")
    @classmethod
    def _check_variable_name(cls, value: str | None) -> str | None:
        if value is not None and (
            _KEY_LIKE.search(value) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value)
        ):
            raise ValueError(
                "this is not the name of an environment variable (not shown, it may be a key); give a name such as OPENAI_API_KEY"
            )
        return value

    @field_validator("thinking_in_text")
    @classmethod
    def _check_thinking_rules(cls, value: str | list[str]) -> str | list[str]:
        thinking_rules_for("", _as_names(value))
        return value

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str | list[str] | None) -> str | list[str] | None:
        addresses = [value] if isinstance(value, str) else value or []
        for address in addresses:
            validate_address(address)
        plain = [address.rstrip("/") for address in addresses]
        twice = next((address for address in plain if plain.count(address) > 1), None)
        if twice is not None:
            raise ValueError(f"{twice!r} is listed twice; list each replica once")
        return value

    def to_model(self, default_transport: Transport = "lean") -> Model:
        """Return the model as a runner gets it; the plan adds the suite's default parameters."""
        addresses = [self.base_url] if isinstance(self.base_url, str) else self.base_url or []
        return Model(
            id=self.id,
            runner=self.runner,
            name=self.model or self.id,
            weights=self.weights,
            released=self.released,
            base_url=addresses[0] if addresses else None,
            replicas=tuple(addresses) if len(addresses) > 1 else (),
            replica_choice=self.replica_choice,
            key_env=self.key_env,
            params=self.params.to_params(),
            options=dict(self.options),
            cost=self.cost.model_dump(exclude_unset=True) if self.cost else None,
            transport=self.transport or default_transport,
            thinking_in_text=_as_names(self.thinking_in_text),
            batch=bool(self.batch),
        )


def _as_names(given: str | list[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _refuse_misspelt_options(
    value: Mapping[str, Any], unknown_keys: Iterable[str], declared: Iterable[str]
) -> None:
    """Raise a validation error for keys close to one of the runner's; pydantic itself reports other unknown keys."""
    near = {key: difflib.get_close_matches(str(key), list(declared), 1, 0.7) for key in unknown_keys}
    faults = [
        (key, value[key], f"unknown key {key!r}; did you mean {matches[0]!r}?")
        for key, matches in near.items()
        if matches
    ]
    if faults:
        raise _validation_error(faults)


def _validation_error(faults: Sequence[tuple[str, Any, str]]) -> ValidationError:
    """Return an error with a message for each key: (key, value, message)."""
    details = [
        InitErrorDetails(
            type=PydanticCustomError("value_error", "{error}", {"error": message}), loc=(key,), input=given
        )
        for key, given, message in faults
    ]
    return ValidationError.from_exception_data("ModelDocument", details)


@lru_cache
def _runner_options_model(runner: str) -> type[StrictModel]:
    """Return a model of the keys that a runner adds to a model of the suite."""
    fields: dict[str, Any] = {
        name: (option.annotation | None, Field(None, description=f"{runner}: {option.description}"))
        for name, option in runner_info(runner).options.items()
    }
    return create_model(f"{runner}_options", __base__=StrictModel, **fields)


def add_runner_options(schema: dict[str, Any]) -> None:
    """Add the keys of every installed runner to the schema of a model; one that several runners take names them all."""
    properties = schema["$defs"]["ModelDocument"]["properties"]
    described: dict[str, dict[str, list[str]]] = {}
    for runner in installed_runners():
        options = runner_info_or_default(runner).options
        if options:
            added = _runner_options_model(runner).model_json_schema()
            schema["$defs"].update(added.get("$defs", {}))
            for name, option in added["properties"].items():
                properties.setdefault(name, option)
                described.setdefault(name, {}).setdefault(options[name].description, []).append(runner)
    for name, texts in described.items():
        lines = (f"{', '.join(runners)}: {text}" for text, runners in texts.items())
        properties[name]["description"] = "; ".join(lines)
