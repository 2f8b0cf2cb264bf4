"""A file of your own prices, in the form of the packaged price book: token prices by provider and model, and GPU-hours.

Yours take the place of the packaged ones: those of ``prices.yaml`` in the configuration folder always (see
:func:`user_price_file`), those of a file named with ``--prices`` for one command.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from click import get_app_dir
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gapbench.errors import DocumentError

MAX_BYTES = 4 * 2**20
Usd = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Rates(_Row):
    """USD per million tokens of each class. None: the class counts as input."""

    input: Usd
    output: Usd
    cached_input: Usd | None = None
    cache_write_5m: Usd | None = None
    cache_write_1h: Usd | None = None
    image: Usd | None = None


class _Step(_Rates):
    """The rates of prompts of more than ``input_tokens`` tokens."""

    input_tokens: int = Field(gt=0)


class _Tier(_Rates):
    """The rates of a service tier."""

    above: list[_Step] = Field(default_factory=list)


class _Price(_Tier):
    """The price of a provider's model."""

    provider: Name
    model: Name
    valid_from: date = date.min
    valid_until: date | None = None
    tiers: dict[str, _Tier] = Field(default_factory=dict)
    currency: str = "USD"
    usd_per_unit: Usd | None = None
    weights: str | None = None
    source: str | None = None
    checked_on: date | None = None

    @model_validator(mode="after")
    def _check_currency(self) -> _Price:
        if self.currency != "USD" and self.usd_per_unit is None:
            raise ValueError(
                f"prices in {self.currency} need usd_per_unit, the dollars of one {self.currency}"
            )
        return self


class _Gpu(_Row):
    """The price of an hour of one GPU."""

    gpu: Name
    usd_per_gpu_hour: Usd
    low: Usd | None = None
    high: Usd | None = None
    as_of: date | None = None
    source: str | None = None


class _PriceFile(_Row):
    version: int = 1
    prices: list[_Price] = Field(default_factory=list)
    gpus: list[_Gpu] = Field(default_factory=list)


def user_price_file() -> Path | None:
    """Return ``gapbench/prices.yaml`` in the platform's configuration folder. None: there is no such file."""
    file = Path(get_app_dir("gapbench")) / "prices.yaml"
    return file if file.is_file() else None


def read_price_file(file: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a price file by section, in the form of the packaged book. They are cached: read only.

    Raises:
        DocumentError: The file cannot be read, or a value in it is wrong.
    """
    try:
        changed_ns = file.stat().st_mtime_ns
    except OSError as exc:
        raise DocumentError(f"cannot be read: {exc.strerror}; name a file of prices", file=file) from exc
    return _read(file, changed_ns)


@lru_cache(maxsize=16)
def _read(file: Path, _changed_ns: int) -> dict[str, list[dict[str, Any]]]:
    try:
        data = file.read_bytes()[: MAX_BYTES + 1]
        text = data.decode("utf-8")
        root = yaml.compose(text, yaml.SafeLoader) if len(data) <= MAX_BYTES else None
        value = yaml.safe_load(text) if root is not None else {}
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as exc:
        problem = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        mark = getattr(exc, "problem_mark", None)
        raise DocumentError(
            f"cannot be read as YAML: {getattr(exc, 'problem', None) or problem}; name a file of prices",
            file=file,
            line=None if mark is None else mark.line + 1,
        ) from exc
    if len(data) > MAX_BYTES:
        raise DocumentError(f"is larger than {MAX_BYTES // 2**20} MiB; name a file of prices", file=file)
    try:
        found = _PriceFile.model_validate(value)
    except ValidationError as exc:
        raise _document_error(exc, file, root) from exc
    rows = found.model_dump(exclude_none=True, exclude_defaults=True)
    sections: dict[str, list[dict[str, Any]]] = {"prices": [], "gpus": []}
    for name, kept in sections.items():
        for row in rows.get(name, ()):
            kept.append({"source": file.name, "is_own": True, **row})
    for row in sections["prices"]:
        row.setdefault("valid_from", date.min)
    return sections


def _document_error(exc: ValidationError, file: Path, root: yaml.Node | None) -> DocumentError:
    first = exc.errors()[0]
    path = first["loc"]
    key = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown key; docs/explanation/economics.md has the keys of a price file"
    elif first["type"] == "missing":
        message = "is missing"
    else:
        found = repr(first["input"])
        message = (
            f"found {found if len(found) <= 40 else found[:37] + '...'}; {message[:1].lower()}{message[1:]}"
        )
    return DocumentError(message, file=file, line=_line(root, path), key=key or None)


def _line(node: yaml.Node | None, path: tuple[int | str, ...]) -> int | None:
    """Return the line of the value at a path, or of the closest parent that is there. None: an empty file."""
    if node is None:
        return None
    for step in path:
        children: dict[int | str, yaml.Node] = {}
        if isinstance(node, yaml.MappingNode):
            children = {str(key.value): value for key, value in node.value}
        elif isinstance(node, yaml.SequenceNode):
            children = dict(enumerate(node.value))
        if step not in children:
            break
        node = children[step]
    return int(node.start_mark.line) + 1
