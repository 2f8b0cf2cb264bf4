"""Read API keys from the environment or from files that it names, and remove them from all output.

Keys that were read are remembered for the life of the process, together with every environment variable that looks
like a key. :func:`redact` removes them from everything that is written: rows, manifests, logs, the terminal.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gapbench.errors import SetupError

REDACTED = "[redacted]"
FILE_SUFFIX = "_FILE"
MIN_KEY_CHARS = 8
"""Shorter values are not treated as keys: removing them would spoil answers that contain them by chance."""

MAX_KEY_FILE_BYTES = 64 * 2**10
_KEY_VARIABLE = re.compile(r"(?i)(?:^|_)(?:api_?)?(?:key|token|secret|password|credentials?)(?:_file)?$")
_PLACEHOLDERS = {"anything", "placeholder", "not-needed", "notneeded", "changeme"}
_known_keys: set[str] = set()


def read_key(name: str) -> str | None:
    """Return the key in the variable ``name``, or in the file that ``name_FILE`` names. None: neither is set.

    Raises:
        SetupError: The file cannot be read, is empty, or is not a single line of text.
    """
    value = os.environ.get(name)
    if not value:
        value = _read_key_file(f"{name}{FILE_SUFFIX}")
    if value:
        remember_key(value)
    return value or None


def missing_key_reason(name: str) -> str | None:
    """Return why there is no key in ``name``, as text for the user. None: there is one."""
    try:
        if read_key(name):
            return None
    except SetupError as exc:
        return str(exc)
    return f"{name} is not set; export it, or {name}{FILE_SUFFIX} with the path of a file, or name another variable with key_env"


def _read_key_file(variable: str) -> str | None:
    path = os.environ.get(variable)
    if not path:
        return None
    try:
        with Path(path).open("rb") as opened:
            value = opened.read(MAX_KEY_FILE_BYTES + 1).decode().strip()
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or type(exc).__name__
        raise SetupError(f"{variable} names a file that cannot be read: {reason}; check the path") from exc
    if not value or len(value) > MAX_KEY_FILE_BYTES or not value.isprintable():
        raise SetupError(f"{variable} names a file without a key; it must contain only the key, in one line")
    return value


def is_placeholder_key(value: str) -> bool:
    """Return whether a key is a word that servers without keys are given, and that answers may contain."""
    return value.lower() in _PLACEHOLDERS


def remember_key(value: str) -> None:
    """Remove a key from all output from now on; values shorter than :data:`MIN_KEY_CHARS` are ignored."""
    if value not in _known_keys and len(value) >= MIN_KEY_CHARS and not is_placeholder_key(value):
        _known_keys.add(value)
        _secret_forms.cache_clear()


def remember_environment_keys(environment: Mapping[str, str] | None = None) -> None:
    """Remember the value of every variable whose name looks like that of a key, whether a runner uses it or not.

    Args:
        environment: The variables. None: those of this process.
    """
    for name, value in (os.environ if environment is None else environment).items():
        if _KEY_VARIABLE.search(name) and not name.upper().endswith(FILE_SUFFIX) and _looks_like_key(value):
            remember_key(value)


def _looks_like_key(value: str) -> bool:
    """Return whether a value looks like a key, and not like a word or a path that answers may contain."""
    return (
        len(value) >= 16
        and not value.startswith(("/", "~", "."))
        and any(letter.isdigit() for letter in value)
        and any(letter.isalpha() for letter in value)
        and not re.search(r"\s", value)
    )


@lru_cache(maxsize=1)
def _secret_forms() -> tuple[str, ...]:
    """Return each key plain and as it appears in URLs, headers and JSON; longest first."""
    remember_environment_keys()
    found: set[str] = set()
    for key in _known_keys:
        found |= {
            key,
            quote(key, safe=""),
            base64.b64encode(key.encode()).decode(),
            key.replace("\\", "\\\\").replace('"', '\\"'),
        }
    return tuple(sorted(found, key=len, reverse=True))


def redact(text: str) -> str:
    """Return ``text`` with every known key replaced by :data:`REDACTED`."""
    for needle in _secret_forms():
        if needle in text:
            text = text.replace(needle, REDACTED)
        # A stream that was cut may end in the middle of a key.
        at = text.rfind(needle[:MIN_KEY_CHARS], -len(needle))
        if at >= 0 and needle.startswith(text[at:]):
            text = text[:at] + REDACTED
    return text


def redact_tree(value: Any) -> Any:
    """Return a value of dicts, lists and strings with every known key replaced, also in dict keys."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {redact_tree(key): redact_tree(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_tree(inner) for inner in value]
    return value


def redact_file(path: Path) -> bool:
    """Remove every known key from a text file, such as a server's log; returns whether there was one.

    The file is rewritten only if it contained a key.
    """
    data = path.read_bytes()
    clean = data
    for needle in _secret_forms():
        clean = clean.replace(needle.encode(), REDACTED.encode())
    if clean == data:
        return False
    path.write_bytes(clean)
    return True


def redact_files_in(folder: Path) -> None:
    """Remove every known key from the files of a folder, such as the logs of a server; links are not followed."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            redact_file(path)


def without_vendor_keys(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the vendors' keys, for a server that calls no vendor.

    What a model server needs stays: the Hugging Face token, and the server's own key.
    """
    return {
        name: value
        for name, value in environment.items()
        if value not in _known_keys or name.startswith(("HF_", "HUGGING_FACE_", "VLLM_", "AWS_"))
    }
