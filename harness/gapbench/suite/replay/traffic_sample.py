"""A request of a replay as a sample, whose prompt is read or made up when it is asked for."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Any

from gapbench.suite.replay.logged_prompts import LoggedPrompts
from gapbench.suite.replay.made_up_prompts import MadeUpPrompts
from gapbench.values import Message, Sample, Text, ToolSet

_REMEMBERED = 64
"""Prompts in memory: a request's own is asked for several times while it is in flight."""
_DEFAULTS = {
    field.name: field.default
    for field in dataclasses.fields(Sample)
    if field.name
    not in {"sample_id", "messages", "tools", "cluster_id", "route", "logged_input_tokens", "columns"}
}


class PromptTexts:
    """The prompts of a replay, by number.

    Args:
        logged: Those of the log.
        made_up: The others.
    """

    def __init__(self, logged: LoggedPrompts, made_up: MadeUpPrompts) -> None:
        self._logged = logged
        self._made_up = made_up
        self._recent: dict[int, tuple[tuple[Message, ...], ToolSet | None]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return PromptTexts, (self._logged, self._made_up)

    def prompt(self, number: int) -> tuple[tuple[Message, ...], ToolSet | None]:
        """Return the prompt of a request and the tools that it offers; None: it offers none."""
        known = self._recent.get(number)
        if known is not None:
            return known
        if self._logged.has_text(number):
            found = self._logged.read(number)
        else:
            found = (Message("user", (Text(self._made_up.text(number)),)),), None
        if len(self._recent) >= _REMEMBERED:
            del self._recent[next(iter(self._recent))]
        self._recent[number] = found
        return found

    def chars(self, number: int) -> tuple[int, int]:
        """Return the characters of a prompt and of the declaration of its tools, without reading or making it."""
        if self._logged.has_text(number):
            return self._logged.chars(number)
        return self._made_up.chars(number), 0


class TrafficSample(Sample):
    """A request of a replay.

    Args:
        texts: The prompts of the replay.
        number: Its number among them.
        sample_id: Its id.
        session: Its session. None: it has none.
        route: Its route. None: unknown.
        logged_input_tokens: Tokens of its prompt in the log. None: unknown.
    """

    __slots__ = ("_number", "_texts")
    _number: int
    _texts: PromptTexts

    def __init__(
        self,
        texts: PromptTexts,
        number: int,
        sample_id: str,
        session: str | None,
        route: str | None,
        logged_input_tokens: int | None = None,
    ) -> None:
        put = object.__setattr__
        for name, value in _DEFAULTS.items():
            put(self, name, value)
        put(self, "columns", _NO_COLUMNS)
        put(self, "sample_id", sample_id)
        put(self, "cluster_id", session)
        put(self, "route", route)
        put(self, "logged_input_tokens", logged_input_tokens)
        put(self, "_texts", texts)
        put(self, "_number", number)

    def __reduce__(self) -> tuple[Any, ...]:
        own = (self._texts, self._number, self.sample_id, self.cluster_id, self.route)
        return TrafficSample, (*own, self.logged_input_tokens)

    @property
    def chars(self) -> tuple[int, int]:
        """The characters of its prompt, and of the declaration of its tools, without reading or making it."""
        return self._texts.chars(self._number)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt."""
        return self._texts.prompt(self._number)[0]

    @property
    def tools(self) -> ToolSet | None:
        """The tools that the model may call. None: none are declared."""
        return self._texts.prompt(self._number)[1]


_NO_COLUMNS: Any = MappingProxyType({})
