"""Names of tools as a vendor takes them, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gapbench.errors import RunnerError


@dataclass(frozen=True, slots=True)
class NameRule:
    """What a vendor allows as the name of a tool.

    Attributes:
        vendor: Who allows it.
        max_chars: Most characters.
        refused: Matches a character that no name may have.
        refused_first: Matches a character that no name may begin with.
        words: What is allowed, for the user.
    """

    vendor: str
    max_chars: int
    refused: re.Pattern[str]
    refused_first: re.Pattern[str]
    words: str

    def make_valid(self, name: str) -> str:
        """Return the nearest name that the vendor takes; an empty name is ``_``."""
        fixed = self.refused.sub("_", name) or "_"
        if self.refused_first.match(fixed):
            fixed = f"_{fixed}"
        return fixed[: self.max_chars]


_NOTHING = re.compile(r"(?!)")
# openai 3.57 types/shared_params/function_definition.py; a compatible server is sent the same names, so that two models
# are shown the same tools.
OPENAI_NAMES = NameRule("OpenAI", 64, re.compile(r"[^A-Za-z0-9_-]"), _NOTHING, "letters, digits, _ and -")
# docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use: ^[a-zA-Z0-9_-]{1,64}$
ANTHROPIC_NAMES = NameRule(
    "Anthropic", 64, re.compile(r"[^A-Za-z0-9_-]"), _NOTHING, "letters, digits, _ and -"
)
# google-genai 3.6 types.FunctionDeclaration.name
GOOGLE_NAMES = NameRule(
    "Google",
    128,
    re.compile(r"[^A-Za-z0-9_.:-]"),
    re.compile(r"[^A-Za-z_]"),
    "letters, digits, _ . : and -, and no digit, . : or - at the start",
)


class ToolNames:
    """The names of a request's tools, as the suite has them and as the vendor is sent them.

    Args:
        declared: The names of the declared tools.
        rule: What the vendor allows.

    Raises:
        RunnerError: ``bad_request`` if two tools have, or would be sent, the same name.
    """

    def __init__(self, declared: Iterable[str], rule: NameRule) -> None:
        self._rule = rule
        self._sent: dict[str, str] = {}
        owners: dict[str, str] = {}
        for name in declared:
            sent = rule.make_valid(name)
            if sent in owners:
                raise RunnerError("bad_request", self._clash(owners[sent], name, sent))
            owners[sent] = name
            self._sent[name] = sent
        self.renamed = {sent: name for name, sent in self._sent.items() if sent != name}

    def _clash(self, first: str, second: str, sent: str) -> str:
        if first == second:
            return f"tool {first!r} is declared twice; rename one of the two"
        return (
            f"tools {first!r} and {second!r} would both be sent as {sent!r}, because {self._rule.vendor} allows "
            f"{self._rule.max_chars} characters of {self._rule.words}; rename one of the two"
        )

    @property
    def changes(self) -> tuple[str, ...]:
        """One line for each tool that is sent under another name."""
        return tuple(self._change(name, sent) for sent, name in self.renamed.items())

    def _change(self, name: str, sent: str) -> str:
        rule = self._rule
        allowed = f"{rule.max_chars} characters" if rule.refused.search(name) is None else rule.words
        return f"tool {name} renamed {sent}: {rule.vendor} allows {allowed}"

    def sent_name(self, name: str) -> str:
        """Return the name that the vendor is sent; the name of a tool that is not declared is made valid."""
        return self._sent.get(name) or self._rule.make_valid(name)
