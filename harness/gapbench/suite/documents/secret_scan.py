"""Refuse documents that hold API keys or passwords, and never show the value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gapbench.suite.documents.reader import Document, KeyPath

SECRET_PATTERN = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      sk-[A-Za-z0-9_-]{16,}            # OpenAI, Anthropic, OpenRouter, DeepSeek
    | AIza[A-Za-z0-9_-]{20,}           # Google
    | (?:hf|gsk|ghp|glpat|nvapi|pplx|fw|tgp_v1)[_-][A-Za-z0-9_-]{16,}   # Hugging Face, Groq, GitHub …
    | xai-[A-Za-z0-9_-]{16,}
    | AKIA[A-Z0-9]{16}                 # AWS
    | Bearer\s+[A-Za-z0-9._~+/-]{16,}
    )""",
    re.VERBOSE,
)
"""The form of vendors' API keys."""

SECRET_NAME = re.compile(
    r"(?i)(?:.*[_-])?(?:api[_-]?key|(?:auth|access|hf|hub)[_-]?token|authorization|secret|password|passwd)"
    r"|key|token|bearer|(?-i:[A-Z0-9_]+_(?:KEY|TOKEN))"
)
"""Names of settings that hold a key; ``key_env`` and ``max_tokens`` are not among them."""

_ARGUMENT = re.compile(
    r"(?<!\S)(?:--?(?P<flag>[A-Za-z][\w-]*)(?:=|\s+(?!-))|(?P<variable>[A-Za-z_]\w*)=)(?=\S)"
)
"""In a command line: an option with its value, or a variable assignment."""

_SECTIONS_WITH_NAME_CHECK = ("models", "judges", "users")
_REMEDY = "export it in the environment and name the variable with key_env (the value is not shown here)"


def refuse_secrets(document: Document) -> None:
    """Refuse a document that holds a key, without echoing it.

    A value that looks like a vendor's key is refused everywhere. A name such as ``api_key`` or ``--api-key`` is enough
    in models, judges, users and extra request parameters; elsewhere, a column or an option may have that name.

    Args:
        document: The document.

    Raises:
        DocumentError: It holds a key.
    """
    before: tuple[KeyPath, Any] = ((), None)
    for path, value in _iterate_scalars(document.value, ()):
        (earlier, word), before = before, (path, value)
        if value is None or isinstance(value, bool) or value == "":
            continue
        said = str(value)
        if SECRET_PATTERN.search(said):
            raise document.error(path, f"this looks like a real key, which must not be in a file; {_REMEDY}")
        if path[0] not in _SECTIONS_WITH_NAME_CHECK and "extra" not in path[:-1]:
            continue
        follows = path[:-1] == earlier[:-1] and isinstance(path[-1], int) and isinstance(word, str)
        words = f"{word} {said}" if follows else said
        names = [found["flag"] or found["variable"] for found in _ARGUMENT.finditer(words)]
        if any(isinstance(name, str) and SECRET_NAME.fullmatch(name) for name in [path[-1], *names]):
            raise document.error(path, f"a key must not be in a suite; {_REMEDY}")


def _iterate_scalars(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _iterate_scalars(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _iterate_scalars(inner, (*path, index))
    else:
        yield path, value
