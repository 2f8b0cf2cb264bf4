"""Remove secrets from the texts of a log: this machine's own keys, and whatever has the shape of a known kind of key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gapbench.credentials import REDACTED, redact

_SHAPES = (
    # (a text that each such key contains, its shape)
    ("sk-", r"\bsk-[A-Za-z0-9_\-]{20,}"),  # OpenAI, Anthropic, OpenRouter, LiteLLM
    ("sk_", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),  # Stripe
    ("rk_", r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    ("AIza", r"\bAIza[A-Za-z0-9_\-]{35}"),  # Google
    ("AKIA", r"\bAKIA[A-Z0-9]{16}\b"),  # AWS
    ("ASIA", r"\bASIA[A-Z0-9]{16}\b"),
    *((f"gh{kind}_", rf"\bgh{kind}_[A-Za-z0-9]{{36,}}") for kind in "pousr"),  # GitHub
    ("github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{50,}"),
    ("glpat-", r"\bglpat-[A-Za-z0-9_\-]{20,}"),  # GitLab
    ("xox", r"\bxox[abeoprs]-[A-Za-z0-9\-]{10,}"),  # Slack
    ("hf_", r"\bhf_[A-Za-z0-9]{30,}"),  # Hugging Face
    ("-lf-", r"\b[sp]k-lf-[A-Za-z0-9\-]{20,}"),  # Langfuse
    ("gsk_", r"\bgsk_[A-Za-z0-9]{40,}"),  # Groq
    ("xai-", r"\bxai-[A-Za-z0-9]{40,}"),  # xAI
    ("pplx-", r"\bpplx-[A-Za-z0-9]{40,}"),  # Perplexity
    ("csk-", r"\bcsk-[A-Za-z0-9]{40,}"),  # Cerebras
    ("nvapi-", r"\bnvapi-[A-Za-z0-9_\-]{40,}"),  # NVIDIA
    ("r8_", r"\br8_[A-Za-z0-9]{36,}"),  # Replicate
    ("lsv2_", r"\blsv2_[a-z]{2}_[a-f0-9]{32}_[a-f0-9]{10}"),  # LangSmith
    ("dapi", r"\bdapi[a-f0-9]{32}"),  # Databricks
    # JSON Web Token, from the start of its word: a search from each "-eyJ" would take quadratic time.
    (".eyJ", r"(?<![A-Za-z0-9_\-])[A-Za-z0-9_\-]{13,}+\.eyJ[A-Za-z0-9_\-]{10,}+\.[A-Za-z0-9_\-]{10,}"),
    ("earer ", r"(?<=[Bb]earer )[A-Za-z0-9_\-.=~+/]{20,}"),  # an Authorization header
    ("PRIVATE KEY-----", r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
)
"""Shapes that the vendors document, or that secret scanners of public code hosts look for."""
SECRET_MARKS = tuple(mark for mark, _ in _SHAPES)
"""One of them is in every text that has a secret of a known shape."""
_SHORTEST = 8
"""Characters of the shortest key that :mod:`gapbench.credentials` remembers."""
_LONGEST = 1_000
"""Characters after a cut that are looked through, so that a key at the cut is found whole."""
# ASCII: a key in a text without spaces, such as Chinese, has letters right before and after it.
_PATTERNS = [(mark, re.compile(shape, re.DOTALL | re.ASCII)) for mark, shape in _SHAPES]


def remove_secrets(text: str) -> tuple[str, int]:
    """Return a text with each secret replaced by a mark, and how many there were."""
    if len(text) < _SHORTEST:
        return text, 0
    clean = redact(text)
    found = 0 if clean is text or clean == text else max(1, clean.count(REDACTED) - text.count(REDACTED))
    for mark, pattern in _PATTERNS:
        if mark in clean:
            clean, count = pattern.subn(REDACTED, clean)
            found += count
    return clean, found


def start_of(value: Any, chars: int) -> str:
    """Return the start of a value for a message. Secrets go before the cut: one that is cut through has no known shape."""
    return remove_secrets(str(value)[: chars + _LONGEST])[0][:chars]


def find_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each text with the shape of a known kind of key."""
    for mark, pattern in _PATTERNS:
        if mark in text:
            for match in pattern.finditer(text):
                yield match.span()
