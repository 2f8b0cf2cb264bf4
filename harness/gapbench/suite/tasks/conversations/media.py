"""Documents and sounds inside recorded conversations: base64 or data URIs."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from gapbench.suite.tasks.conversations.recorded import ConversationError
from gapbench.values import Audio, Document

MAX_MEDIUM_BYTES = 32 * 2**20
_AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mp3", "mpeg": "audio/mp3", "x-wav": "audio/wav"}


def read_document_file(data: Any, name: Any, number: int) -> Document:
    """Return a PDF from base64 or a data URI.

    Args:
        data: What the turn has.
        name: Its file name, if the turn has one.
        number: The turn, for messages.

    Raises:
        ConversationError: It is not there, or is no PDF.
    """
    content = _decode(data, "a document", number)
    if not content.startswith(b"%PDF-"):
        raise ConversationError(
            f"turn {number}: a document that is not a PDF; only PDFs are sent, paste other text as text"
        )
    return Document("application/pdf", content, str(name)) if name else Document("application/pdf", content)


def read_audio(data: Any, kind: Any, number: int) -> Audio:
    """Return a sound from base64. See :func:`read_document_file`.

    Raises:
        ConversationError: It is not there, or is of another format.
    """
    media_type = _AUDIO_TYPES.get(str(kind or "").removeprefix("audio/"))
    if media_type is None:
        raise ConversationError(f"turn {number}: a sound of the format {kind!r}; expected wav or mp3")
    return Audio(media_type, _decode(data, "a sound", number))


def _decode(data: Any, what: str, number: int) -> bytes:
    if not isinstance(data, str) or not data:
        raise ConversationError(
            f"turn {number}: {what} without its bytes; a file id of one vendor means nothing to another, put base64 in its place"
        )
    try:
        content = base64.b64decode(
            "".join(data.partition(",")[2].split() if data.startswith("data:") else data.split()),
            validate=True,
        )
    except (binascii.Error, ValueError) as exc:
        raise ConversationError(f"turn {number}: {what} that is not base64") from exc
    if len(content) > MAX_MEDIUM_BYTES:
        raise ConversationError(
            f"turn {number}: {what} of {len(content)} bytes; the most is {MAX_MEDIUM_BYTES}"
        )
    return content
