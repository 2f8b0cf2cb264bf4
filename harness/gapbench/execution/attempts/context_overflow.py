"""Recognize that a provider refused a prompt because it is longer than the model's context.

The codes and words are those of the vendors: ``context_length_exceeded`` (OpenAI), "prompt is too long" (Anthropic),
"exceeds the maximum number of tokens" (Google), "maximum context length" (vLLM and most servers with OpenAI's API).
"""

from __future__ import annotations

import re

from gapbench.values import Failure

_WORDS = re.compile(
    r"context_length_exceeded|context.?length.?exceeded|prompt is too long|exceeds? the context window"
    r"|exceeds the maximum number of tokens|maximum context length|exceeds? (?:the )?(?:model's )?context length",
    re.IGNORECASE,
)


def is_context_overflow(failure: Failure | None) -> bool:
    """Return whether a request failed because its prompt does not fit into the model's context."""
    return failure is not None and failure.kind == "bad_request" and bool(_WORDS.search(failure.message))
