"""Reasons why generation ended, as servers write them: what they mean for the reply, and which of them are failures."""

from __future__ import annotations

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

# The server gave up, so there is no answer to score. `unknown` and `other` are not among them: gateways write them for
# reasons that they cannot translate, also for whole replies.
GAVE_UP: Mapping[str, FailureKind] = {
    "error": "server",  # vLLM (v1/engine: FinishReason.ERROR, "retryable"); OpenRouter: an upstream error
    "abort": "server",  # vLLM and SGLang: the request was aborted, here not by us
    "aborted": "server",
    "cancelled": "server",
    "canceled": "server",
    "failed": "server",
    "server_error": "server",
    "internal_error": "server",
    "network_error": "server",  # Z.ai: docs.z.ai/api-reference/llm/chat-completion
    "timeout": "timeout",
    "insufficient_system_resource": "overloaded",  # api-docs.deepseek.com/api/create-chat-completion
    "overloaded": "overloaded",
}


def normalize_finish(raw: object) -> FinishReason:
    """Return what a finish reason means."""
    return FINISH.get(str(raw).lower(), "other")


def gave_up_error(raw: object, message: str = "") -> RunnerError | None:
    """Return the failure of a reply whose finish reason says that the server gave up, or None."""
    kind = GAVE_UP.get(str(raw).lower())
    if kind is None:
        return None
    return RunnerError(kind, f"the server gave up: finish reason {raw}" + (f": {message}" if message else ""))
