"""The package's own words to the agent and to a model that plays the user, taken from its source files."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from textwrap import indent
from typing import Any

from gapbench.errors import SetupError
from gapbench.suite.tau2.package import INSTALL_HINT, Tau2Domain

_STOP_WORD = re.compile(r"###[A-Z-]+###")


def agent_prompt(domain: Tau2Domain) -> str:
    """Return the system prompt of the agent: its instructions and the policy.

    Raises:
        SetupError: The package's files are not as expected.
    """
    policy = _fill(domain, "agents", "<policy>", [domain.policy])
    return _fill(domain, "common_agents", "<instructions>", [policy])


def user_prompt(domain: Tau2Domain, item: Mapping[str, Any]) -> str:
    """Return the system prompt of a model that plays the user of one task.

    Raises:
        SetupError: The package's files are not as expected.
    """
    return _fill(domain, "dataset", "<scenario>", [domain.user_guidelines, describe_scenario(item)])


def user_opening(domain: Tau2Domain) -> str:
    """Return the message that the model that plays the user answers with its first line.

    Raises:
        SetupError: The package's files are not as expected.
    """
    texts = [
        keyword.value.value
        for node in domain.sources["common_dataset"].body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.targets[0]) == "USER_MESSAGE"
        for keyword in node.value.keywords
        if keyword.arg == "content" and isinstance(keyword.value, ast.Constant)
    ]
    if len(texts) != 1:
        raise _missing(domain, "first message to its user")
    return str(texts[0])


def user_stops(domain: Tau2Domain) -> tuple[str, ...]:
    """Return the words by which a model that plays the user ends the conversation.

    Raises:
        SetupError: The package's files are not as expected.
    """
    words = tuple(
        node.left.value
        for node in ast.walk(domain.sources["common_agents"])
        if isinstance(node, ast.Compare)
        and isinstance(node.left, ast.Constant)
        and isinstance(node.left.value, str)
        and isinstance(node.ops[0], ast.In)
        and _STOP_WORD.fullmatch(node.left.value)
    )
    if not words:
        raise _missing(domain, "words that end a conversation")
    return words


def describe_scenario(item: Mapping[str, Any]) -> str:
    """Return the scenario of a task's user as the package writes it: persona and instructions, one under the other."""
    scenario = item["user_scenario"]
    given = scenario["instructions"]
    instructions = given if isinstance(given, str) else _describe_instructions(given)
    persona = [("Persona", scenario.get("persona"))] if scenario.get("persona") else []
    return "\n".join(
        f"{title}:\n{indent(text, chr(9))}" for title, text in [*persona, ("Instructions", instructions)]
    )


def _describe_instructions(given: Mapping[str, Any]) -> str:
    parts = [
        ("Reason for call", given["reason_for_call"]),
        ("Known info", given.get("known_info")),
        ("Unknown info", given.get("unknown_info")),
        ("Task instructions", given["task_instructions"]),
    ]
    lines = [f"{title}:\n{indent(text, chr(9))}" for title, text in parts if text is not None]
    return "\n".join([f"Domain: {given['domain']}", *lines])


def _fill(domain: Tau2Domain, source: str, marker: str, values: Sequence[str]) -> str:
    """Return the formatted string of a source file that has a marker, with values in place of its expressions."""
    found = [
        node
        for node in ast.walk(domain.sources[source])
        if isinstance(node, ast.JoinedStr) and marker in _constant_text(node)
    ]
    expressions = sum(isinstance(part, ast.FormattedValue) for part in found[0].values) if found else 0
    if len(found) != 1 or expressions != len(values):
        raise _missing(domain, f"prompt with {marker}")
    rest = iter(values)
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else next(rest) for part in found[0].values
    )


def _missing(domain: Tau2Domain, what: str) -> SetupError:
    return SetupError(
        f"tau2's {what} is not found in inspect-evals {domain.version}; install the version that fits: {INSTALL_HINT}"
    )


def _constant_text(node: ast.JoinedStr) -> str:
    return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
