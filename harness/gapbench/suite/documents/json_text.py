"""JSON that people write: duplicate keys and numbers that JSON cannot hold are errors, as in the YAML documents."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]')


class JsonError(ValueError):
    """A text is not the JSON that it should be.

    Attributes:
        problem: What is wrong, in a few words.
        line: Line of the problem in the text, from 1. None if it is not known.
        key: The key that is wrong. None if it is not about one key.
    """

    def __init__(self, problem: str, line: int | None = None, key: str | None = None) -> None:
        """Keep the problem and its place."""
        super().__init__(problem)
        self.problem = problem
        self.line = line
        self.key = key


class _DuplicateKeyError(ValueError):
    pass


def parse_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        JsonError: The text is not JSON, nests too deep, gives a key of one object twice, or has a number or a text that
            cannot be stored: NaN, infinity (also as 1e999), half a surrogate pair.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            object_pairs_hook=_distinct_keys,
        )
        if "\\u" in text:  # half a surrogate pair cannot be hashed or sent
            json.dumps(value, ensure_ascii=False).encode()
    except _DuplicateKeyError:
        key, line, first = _find_duplicate_key(text)
        where = f", first on line {first}" if first != line else ""
        raise JsonError(f"the key {key!r} is given twice{where}; keep one", line, key) from None
    except json.JSONDecodeError as exc:
        raise JsonError(f"not JSON: {exc.msg} at character {exc.colno}", exc.lineno) from exc
    except UnicodeEncodeError as exc:
        raise JsonError("not JSON: half of a surrogate pair is not a character") from exc
    except RecursionError as exc:
        raise JsonError("not JSON: nested too deep") from exc
    except ValueError as exc:  # an integer with too many digits, or a number of ours
        raise JsonError(f"not JSON: {str(exc).partition(';')[0]}") from exc
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not valid JSON, write null")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is too large for a number, write null")
    return number


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _DuplicateKeyError
    return found


def _find_duplicate_key(text: str) -> tuple[str, int, int]:
    """Return the first key that its object has twice, the line of its second place, and the line of its first."""
    open_objects: list[dict[str, int] | None] = []  # keys and their places; None for a list
    string = None
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "{[":
            open_objects.append({} if mark == "{" else None)
        elif mark in "}]":
            open_objects.pop()
        elif mark == ":" and string is not None and (keys := open_objects[-1]) is not None:
            key = json.loads(string[0])
            if key in keys:
                return key, _line(text, string.start()), _line(text, keys[key])
            keys[key] = string.start()
        string = token if mark.startswith('"') else None
    raise AssertionError("called only for a text with a duplicate key")


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
