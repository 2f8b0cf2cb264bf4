"""Reasons why generation ended, as servers write them: what they mean for the reply, and which of them are failures."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gapbench.errors import FailureKind, RunnerError
from gapbench.values import FinishReason

# In lower case. OpenAI: platform.openai.com/docs/api-reference/chat/object. The others come through compatible servers
# and gateways: Mistral (model_length), Z.ai (sensitive, model_context_window_exceeded), TGI (eos_token), Bedrock
# (guardrail_intervened), and Anthropic's and Google's own words.
FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "completed": "stop",
    "length": "length",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "max_length": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "content_filter": "refusal",
    "content_filtered": "refusal",
    "guardrail_intervened": "refusal",
    "refusal": "refusal",
    "sensitive": "refusal",
    "safety": "refusal",
    "recitation": "refusal",
    "blocklist": "refusal",
    "prohibited_content": "refusal",
    "spii": "refusal",
    "tool_calls": "tool",
    "tool_call": "tool",
    "tool_use": "tool",
    "function_call": "tool",
}

# Words in a reason that is not in FINISH, as gateways make them up: `content_filter_completion`, `context_length_exceeded`.
_WORDS: tuple[tuple[re.Pattern[str], FinishReason], ...] = (
    (re.compile(r"content_?filter|safety|refus|moderat|prohibited|blocked"), "refusal"),
    (re.compile(r"length|max_\w*tokens|token_limit|context_window"), "length"),
)
# Words in a reason with no other meaning which say that the server gave up, so that there is no answer to score; the first
# match wins. `unknown` and `other` are not among them: gateways write them for reasons that they cannot translate, also
# for whole replies. Nor is `malformed_function_call`, which is the model's doing.
GAVE_UP: tuple[tuple[re.Pattern[str], FailureKind], ...] = (
    (re.compile(r"rate_?limit|too_many_requests"), "rate_limit"),
    (re.compile(r"time_?d?_?out|deadline|expired"), "timeout"),
    # DeepSeek: insufficient_system_resource (api-docs.deepseek.com/api/create-chat-completion)
    (
        re.compile(r"overload|unavailable|insufficient_\w*resource|resource_exhausted|out_of_memory|\boom\b"),
        "overloaded",
    ),
    # vLLM: error ("retryable", v1/engine: FinishReason.ERROR), and abort, as SGLang, here not by us; OpenRouter: error
    # for an upstream error; Z.ai: network_error (docs.z.ai/api-reference/llm/chat-completion)
    (re.compile(r"error|exception|abort|cancel|fail|interrupt|preempt|disconnect|\binternal\b"), "server"),
)


def normalize_finish(raw: object) -> FinishReason:
    """Return what a finish reason means."""
    word = str(raw)
    if word not in FINISH:
        word = _word(raw)
    if word in FINISH:
        return FINISH[word]
    return next((meaning for words, meaning in _WORDS if words.search(word)), "other")


def _word(raw: object) -> str:
    return re.sub(r"[\s-]+", "_", str(raw).strip().lower())


def gave_up_error(raw: object, message: str = "") -> RunnerError | None:
    """Return the failure of a reply whose finish reason says that the server gave up, or None if it does not say so."""
    if normalize_finish(raw) != "other":
        return None
    word = _word(raw)
    kind = next((kind for words, kind in GAVE_UP if words.search(word)), None)
    if kind is None:
        return None
    return RunnerError(kind, f"the server gave up: finish reason {raw}" + (f": {message}" if message else ""))
