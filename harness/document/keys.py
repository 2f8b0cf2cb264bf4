"""Keys and passwords in a document: refused at the door, and never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from harness.document.reading import Document, Path_

REAL_KEY = re.compile(
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
"""What the vendors' keys look like, wherever they stand."""

KEY_NAME = re.compile(
    r"(?i)(?:.*[_-])?(?:api[_-]?key|auth[_-]?token|access[_-]?token|authorization|secret|password|passwd)"
    r"|key|token|bearer|(?-i:[A-Z0-9_]+_(?:KEY|TOKEN))"
)
"""Names under which a key stands; ``key_env`` and ``max_tokens`` are none of them."""

_REMEDY = "export it in the environment and name the variable with key_env (the value is not shown here)"


def refuse_keys(document: Document, *, named_under: str = "models") -> None:
    """Refuse a document that holds a key, without echoing it.

    Args:
        document: What was read.
        named_under: Top-level key below which a mere name such as ``api_key`` is enough; elsewhere a
            column or an option may be called so.

    Raises:
        DocumentError: A key stands in it.
    """
    for path, value in _scalars(document.value, ()):
        if not isinstance(value, str) or not value:
            continue
        if REAL_KEY.search(value):
            raise document.error(
                path, f"this looks like a real key, which must not stand in a file; {_REMEDY}"
            )
        name = path[-1]
        if path[0] == named_under and isinstance(name, str) and KEY_NAME.fullmatch(name):
            raise document.error(path, f"a key must not stand in a suite; {_REMEDY}")


def _scalars(value: Any, path: Path_) -> Iterator[tuple[Path_, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _scalars(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _scalars(inner, (*path, index))
    else:
        yield path, value
