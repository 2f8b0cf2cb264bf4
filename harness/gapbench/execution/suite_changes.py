"""What changed in a suite since a run started, key by key, and whether the run can continue with it.

A run continues in its folder if no answer that it has depends on a changed key: who is asked with which key of which
account, how often a request is repeated, what a call costs, and every setting of a model that has not answered yet.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gapbench.values import canonical_json, sha256

_NAME_KEYS = ("id", "name", "task")
"""What names an item of a list in a suite, so that a key reads ``models.gpt.model`` and not ``models[1].model``."""
_FREE_KEYS = frozenset(
    {"description", "retries", "breaker", "tco", "judges", "arena", "cache", "looks", "on_unparsed"}
)
"""Keys of a suite on which no answer depends."""
_FREE_MODEL_KEYS = frozenset({"key_env", "cost", "limits", "released"})
"""Keys of a model on which no answer depends."""
_PROMPT_KEYS = frozenset({"prompt", "system", "few_shot", "rubric"})
_HASH_MARK = "sha256:"
_SHOWN_CHARS = 60


@dataclass(frozen=True)
class SuiteChange:
    """One changed key of a suite.

    Attributes:
        path: The key, step by step, such as ``("models", "gpt", "model")``.
        old: Its value when the run started. None: the key was not there.
        new: Its value now. None: the key is not there.
    """

    path: tuple[str, ...]
    old: Any
    new: Any

    def __str__(self) -> str:
        if str(self.old).startswith(_HASH_MARK) and str(self.new).startswith(_HASH_MARK):
            return f"{'.'.join(self.path)}: another text"
        return f"{'.'.join(self.path)}: {_show(self.old)} → {_show(self.new)}"

    def is_free(self, unanswered: Collection[str]) -> bool:
        """Return whether no answer of the run depends on the key.

        Args:
            unanswered: Ids of the models that have no answer yet.
        """
        if self.path[0] in _FREE_KEYS:
            return True
        if self.path[0] != "models" or len(self.path) < 3:
            return False
        return self.path[2] in _FREE_MODEL_KEYS or (self.path[1] in unanswered and self.path[2] != "weights")


def list_suite_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[SuiteChange]:
    """Return the keys of two suites that differ, in the order of the new suite.

    Args:
        old: The content of the suite when the run started, as :func:`suite_content` returns it.
        new: Its content now.
    """
    return list(_differences((), old, new))


def suite_content(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a suite's content as ``run.json`` stores it: prompts as hashes, dates as text."""
    content: dict[str, Any] = _without_prompts(json.loads(canonical_json(value)))
    return content


def _without_prompts(value: Any) -> Any:
    """Replace prompts by their hashes, because ``run.json`` holds none."""
    if isinstance(value, dict):
        return {
            key: f"{_HASH_MARK}{sha256(canonical_json(inner))[:16]}"
            if key in _PROMPT_KEYS
            else _without_prompts(inner)
            for key, inner in value.items()
        }
    return [_without_prompts(inner) for inner in value] if isinstance(value, list) else value


def _differences(path: tuple[str, ...], old: Any, new: Any) -> Iterator[SuiteChange]:
    if old == new:
        return
    before, now = _items_by_name(old), _items_by_name(new)
    if before is None or now is None:
        yield SuiteChange(path, old, new)
        return
    for key in dict.fromkeys([*now, *before]):
        if key in before and key in now:
            yield from _differences((*path, key), before[key], now[key])
        else:
            yield SuiteChange((*path, key), before.get(key), now.get(key))
    if list(before) != list(now) and before.keys() == now.keys() and isinstance(new, list):
        yield SuiteChange(path, ", ".join(before), ", ".join(now))


def _items_by_name(value: Any) -> dict[str, Any] | None:
    """Return the items of a mapping, or those of a list of named mappings. None: it has neither."""
    if isinstance(value, dict):
        return {str(key): item for key, item in value.items()}
    if not isinstance(value, list) or not value:
        return None
    names = [_name_of(item) for item in value]
    if None in names or len(set(names)) < len(names):
        return None
    return {str(name): item for name, item in zip(names, value, strict=True)}


def _name_of(item: Any) -> str | None:
    if isinstance(item, str):
        return item
    if isinstance(item, dict):
        return next((str(item[key]) for key in _NAME_KEYS if isinstance(item.get(key), str)), None)
    return None


def _show(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = "a text" if text.startswith(_HASH_MARK) else text
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARS else f"{line[: _SHOWN_CHARS - 1]}…"
