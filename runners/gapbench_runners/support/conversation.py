"""A prompt with tool calls, results, reasoning state and media, made ready for one vendor's form.

Every call gets an id that the vendor takes, every result the id of its call, every tool the name under which the vendor
knows it. The state of another API is left out. What no vendor takes is refused with one line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from gapbench.errors import RunnerError
from gapbench.values import Audio, Document, Image, Message, Part, ReasoningState, Text, ToolCall, ToolResult
from gapbench_runners.support.tool_names import ToolNames

PDF = "application/pdf"
AUDIO_FORMATS: Mapping[str, str] = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
}
"""Formats of sounds by media type, as OpenAI names them; Google takes the same."""


@dataclass(frozen=True, slots=True)
class ConversationForm:
    """What one vendor's form of a prompt takes.

    Attributes:
        label: The form's name, for the user.
        state_api: Whose reasoning state it returns; see ``ReasoningState``. None: nobody's.
        call_id: What the id of a call must match. None: a call needs no id.
        takes_signatures: Whether a call's signature is returned.
        takes_documents: Whether it takes a PDF.
        takes_audio: Whether it takes a sound.
    """

    label: str
    state_api: Literal["messages", "responses", "google"] | None
    call_id: re.Pattern[str] | None
    takes_signatures: bool = False
    takes_documents: bool = True
    takes_audio: bool = True


# An id of more than 40 characters is refused by Chat Completions, of more than 64 by Responses.
CHAT_FORM = ConversationForm("Chat Completions", None, re.compile(r"\S{1,40}"))
RESPONSES_FORM = ConversationForm("Responses", "responses", re.compile(r"\S{1,64}"), takes_audio=False)
# "tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
MESSAGES_FORM = ConversationForm(
    "Messages", "messages", re.compile(r"[a-zA-Z0-9_-]{1,64}"), takes_audio=False
)
GOOGLE_FORM = ConversationForm("generateContent", "google", None, takes_signatures=True)


def prepare_conversation(
    messages: Sequence[Message], form: ConversationForm, names: ToolNames, changes: list[str]
) -> list[Message]:
    """Return a prompt as the vendor takes it, with all results of one reply in one message, in the order of its calls.

    Args:
        messages: The prompt.
        form: What the vendor takes.
        names: The names under which the vendor knows the tools.
        changes: Gets one line for each kind of change.

    Raises:
        RunnerError: ``bad_request``: the conversation cannot be sent.
    """
    prepared = _Preparation(form, names)
    out = [
        message
        for place, given in enumerate(messages)
        if (message := prepared.message(place, given)) is not None
    ]
    prepared.check_answered(len(messages))
    changes.extend(prepared.changes())
    return _merge_results(out)


def _merge_results(messages: Iterable[Message]) -> list[Message]:
    out: list[Message] = []
    for message in messages:
        if message.role == "tool" and out and out[-1].role == "tool":
            message = Message("tool", (*out.pop().parts, *message.parts))  # noqa: PLW2901 - the two are one
        if message.role == "tool":
            message = Message("tool", _in_call_order(out[-1], message))  # noqa: PLW2901
        out.append(message)
    return out


def _in_call_order(asked: Message, answered: Message) -> tuple[ToolResult, ...]:
    """Return results in the order of their calls; Gemini matches those without an id by their order."""
    left = list(answered.tool_results)
    ordered: list[ToolResult] = []
    for call in asked.tool_calls:
        found = next((part for part in left if (part.call_id, part.name) == (call.id, call.name)), None)
        if found is not None:
            left.remove(found)
            ordered.append(found)
    return (*ordered, *left)


class _Preparation:
    """One prompt on its way into a vendor's form."""

    def __init__(self, form: ConversationForm, names: ToolNames) -> None:
        self._form = form
        self._names = names
        self._calls_seen = 0
        self._used_ids: set[str] = set()
        # Calls of the last assistant's message that no result has answered, as given and as sent.
        self._open: list[tuple[ToolCall, ToolCall]] = []
        self._results: list[tuple[int, Message]] = []
        self._lost_state: dict[str, None] = {}
        self._has_lost_signature = self._has_new_id = self._has_trailing_state = False

    def changes(self) -> Iterable[str]:
        """Yield what was changed."""
        label = self._form.label
        for api in self._lost_state:
            yield f"reasoning state of messages dropped: {label} cannot read that of {_API_NAMES[api]}"
        if self._has_lost_signature:
            yield f"thought signatures of tool calls dropped: {label} has none"
        if self._has_trailing_state:
            yield f"reasoning state at the end of a message dropped: {label} takes none without what follows it"
        if self._has_new_id:
            yield f"ids of tool calls replaced: {label} does not take them as they are"

    def message(self, place: int, message: Message) -> Message | None:
        """Return one message as it is sent. None: its reasoning state was all that it had."""
        if message.role != "tool":
            self.check_answered(place)
        parts = [part for given in message.parts if (part := self._part(place, message, given)) is not None]
        if message.role == "assistant":
            while parts and _needs_what_follows(parts[-1]):
                parts.pop()
                self._has_trailing_state = True
            if message.parts and not parts:
                return None
        return Message(message.role, tuple(parts))

    def check_answered(self, place: int) -> None:
        """Raise an error if a call of the message before ``place`` has no result."""
        if self._open:
            raise RunnerError(
                "bad_request",
                f"messages[{place - 1}]: the call of {self._open[0][0].name!r} has no result; "
                "put a tool message with one result for each call after it",
            )

    def _part(self, place: int, message: Message, part: Part) -> Part | None:
        form = self._form
        expected = {ToolCall: "assistant", ReasoningState: "assistant", ToolResult: "tool"}.get(type(part))
        if (expected or message.role) != message.role or (message.role == "tool" and expected != "tool"):
            raise RunnerError(
                "bad_request",
                f"messages[{place}]: found {_PART_NAMES[type(part)]} in a message of the role {message.role}; "
                f"it belongs into one of the role {expected or 'user'}",
            )
        match part:
            case ToolCall():
                return self._call(part)
            case ToolResult():
                return self._result(place, part)
            case ReasoningState():
                if part.api != form.state_api:
                    self._lost_state[part.api] = None
                    return None
            case Document():
                self._check_medium(place, part.media_type, takes=form.takes_documents, known=(PDF,))
            case Audio():
                self._check_medium(place, part.media_type, takes=form.takes_audio, known=AUDIO_FORMATS)
        return part

    def _check_medium(self, place: int, media_type: str, *, takes: bool, known: Iterable[str]) -> None:
        if not takes:
            raise RunnerError(
                "bad_request",
                f"messages[{place}]: {self._form.label} takes no {media_type}; leave the model out of this task",
            )
        if media_type not in known:
            raise RunnerError(
                "bad_request", f"messages[{place}]: found {media_type}; known types: {', '.join(known)}"
            )

    def _call(self, call: ToolCall) -> ToolCall:
        signature = call.signature if self._form.takes_signatures else None
        self._has_lost_signature = self._has_lost_signature or signature != call.signature
        sent = replace(
            call, id=self._sent_id(call.id), name=self._names.sent_name(call.name), signature=signature
        )
        self._open.append((call, sent))
        self._calls_seen += 1
        return sent

    def _sent_id(self, given: str) -> str:
        """Return an id that the vendor takes and that no call before has; by position, so that later turns agree."""
        pattern = self._form.call_id
        if pattern is None:
            return given
        sent = given
        number = self._calls_seen
        while not pattern.fullmatch(sent) or sent in self._used_ids:
            sent = f"call_{number}"
            number += 1
        self._has_new_id = self._has_new_id or bool(given and sent != given)
        self._used_ids.add(sent)
        return sent

    def _result(self, place: int, result: ToolResult) -> ToolResult:
        """Return a result with the id and the name of its call: the first unanswered one with its id, then its name."""
        same_id = [pair for pair in self._open if pair[0].id == result.call_id]
        found = next((pair for pair in same_id if pair[0].name == result.name), None)
        if found is None and same_id and result.call_id:
            found = same_id[0]
        if found is None:
            raise RunnerError(
                "bad_request",
                f"messages[{place}]: the result of {result.name!r} (call id {result.call_id!r}) answers no call of the "
                "message before it; put the assistant's message with the call before it",
            )
        self._open.remove(found)
        return replace(result, call_id=found[1].id, name=found[1].name)


def _needs_what_follows(part: Part) -> bool:
    """Return whether a part is reasoning that its API refuses at the end of a message."""
    if not isinstance(part, ReasoningState) or part.api == "google":
        return False
    return part.item.get("type") != "message"


_API_NAMES = {"messages": "Messages", "responses": "Responses", "google": "generateContent"}
_PART_NAMES: Mapping[type, str] = {
    ToolCall: "a tool call",
    ToolResult: "a tool result",
    ReasoningState: "reasoning state",
    Text: "text",
    Image: "an image",
    Document: "a document",
    Audio: "a sound",
}


def arguments_object(arguments_json: str) -> dict[str, Any] | None:
    """Return a call's arguments. None: they are not a JSON object that can be sent on."""
    try:
        found = json.loads(arguments_json, parse_constant=_refuse_constant)
        json.dumps(found, ensure_ascii=False).encode()  # a lone surrogate has no bytes
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


INVALID_JSON = "INVALID_JSON"
"""The key under which Anthropic's documentation returns arguments that are not JSON (fine-grained tool streaming)."""
INVALID_JSON_CHANGE = f"arguments that are not a JSON object sent under {INVALID_JSON}: the API takes objects"
