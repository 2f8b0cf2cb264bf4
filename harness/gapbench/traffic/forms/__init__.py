"""The forms of log that can be imported, one module each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gapbench.traffic.forms.anthropic import AnthropicForm
from gapbench.traffic.forms.attempts import AttemptsForm
from gapbench.traffic.forms.braintrust import BraintrustForm
from gapbench.traffic.forms.form import Form
from gapbench.traffic.forms.helicone import HeliconeForm
from gapbench.traffic.forms.langfuse import LangfuseForm
from gapbench.traffic.forms.litellm import LiteLLMForm
from gapbench.traffic.forms.openai import OpenAIForm
from gapbench.traffic.forms.openrouter import OpenRouterForm
from gapbench.traffic.forms.opentelemetry import OpenTelemetryForm
from gapbench.traffic.forms.recording import RecordingForm
from gapbench.traffic.forms.vllm import VLLMForm

FORMS: tuple[type[Form], ...] = (
    RecordingForm, OpenTelemetryForm, LiteLLMForm, HeliconeForm, BraintrustForm, OpenRouterForm, AttemptsForm, LangfuseForm,
    OpenAIForm, AnthropicForm, VLLMForm,
)  # fmt: skip
"""In the order in which a record is tried: the most particular keys first."""

FORM_NAMES = tuple(sorted(form.name for form in FORMS))
_UNWRAPPED = ("data", "rows", "logs", "requests", "events", "observations", "traces", "items", "results")
_PAGE_KEYS = frozenset(
    {
        "meta", "object", "has_more", "first_id", "last_id", "cursor", "next", "next_cursor", "links", "page", "limit", "total",
        "count", "total_count", "schema", "error",
    }
)  # fmt: skip
"""What a page of an API has next to its records."""


def form_named(name: str) -> type[Form]:
    """Return a form by its name, which must be one of :data:`FORM_NAMES`."""
    return next(form for form in FORMS if form.name == name)


def form_of(items: Sequence[Any]) -> type[Form] | None:
    """Return the form that most of some records have, the most particular of equals. None: no form fits any."""
    best, most = None, 0
    for form in FORMS:
        instance = form()
        count = sum(instance.accepts(item) for item in items)
        if count > most:
            best, most = form, count
    return best


def unwrap(item: Any) -> list[Any] | None:
    """Return the records inside a record that is only their list, such as ``{"data": […]}``. None: it is a record itself.

    []: it is a page of an API that has none.
    """
    if not isinstance(item, dict) or len(item) > 8 or "model" in item or item.keys().isdisjoint(_UNWRAPPED):
        return None
    for key in _UNWRAPPED:
        inner = item.get(key)
        if inner == [] and item.keys() - {key} <= _PAGE_KEYS:
            return []
        if (
            isinstance(inner, list)
            and inner
            and all(isinstance(one, dict) for one in inner)
            and not ({"id", "timestamp"} <= item.keys())
        ):
            return inner
    return None
