"""The plain values that travel through the harness: frozen, slotted, standard library only.

Unknown is None everywhere, never 0, NaN or "". Times are seconds on one monotonic clock unless the
name says otherwise; a total that includes a part says so.
"""

from harness.values.attempt import (
    Attempt,
    Outcome,
    Payload,
    Phase,
    Score,
)
from harness.values.exchange import (
    Call,
    Channel,
    Chunk,
    Disclosure,
    Failure,
    FinishReason,
    Model,
    Params,
    Request,
    Response,
    Session,
    Timing,
    Truth,
    Usage,
    Weights,
)
from harness.values.prompt import (
    Image,
    Message,
    Part,
    Role,
    Sample,
    Text,
    canonical_json,
    messages_as_json,
    prompt_sha256,
    salted,
    sha256,
    unsalted,
)

__all__ = [
    "Attempt",
    "Call",
    "Channel",
    "Chunk",
    "Disclosure",
    "Failure",
    "FinishReason",
    "Image",
    "Message",
    "Model",
    "Outcome",
    "Params",
    "Part",
    "Payload",
    "Phase",
    "Request",
    "Response",
    "Role",
    "Sample",
    "Score",
    "Session",
    "Text",
    "Timing",
    "Truth",
    "Usage",
    "Weights",
    "canonical_json",
    "messages_as_json",
    "prompt_sha256",
    "salted",
    "sha256",
    "unsalted",
]
