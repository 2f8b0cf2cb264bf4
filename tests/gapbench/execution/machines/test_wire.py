"""Messages are plain data: what is written is read back equal, and what is not of the agreed types is refused."""

from __future__ import annotations

import pickle
from datetime import date
from pathlib import Path

import pytest

from gapbench.agents import UserReply
from gapbench.execution.attempts.attempt_row import AttemptContext
from gapbench.execution.attempts.episode_turn import EpisodeEnd, EpisodeTurn
from gapbench.execution.limits.admission import UNRESTRICTED_PERMIT
from gapbench.execution.machines import messages
from gapbench.execution.machines.cell_share import pack_task
from gapbench.execution.machines.wire import Codec, WireError
from gapbench.execution.workers import protocol
from gapbench.suite.loads.trace import Arrival
from gapbench.suite.plan import Load
from gapbench.values import (
    Audio,
    Document,
    Episode,
    Failure,
    Image,
    Message,
    Model,
    Params,
    ReasoningState,
    Response,
    StepRecord,
    Text,
    Timing,
    Tool,
    ToolCall,
    ToolResult,
    ToolSet,
    Transcript,
    Usage,
    UserLine,
)
from gapbench.values.policies import RateLimits, RunPolicies
from gapbench.values.trajectory import RecordedTools
from tests.makers import plan, sample

PARTS = (
    Text("é \ud800"),
    Image("image/png", b"\x00\xff"),
    Document("application/pdf", b"%PDF"),
    Audio("audio/wav", b"RIFF"),
    ToolCall("1", "add", '{"a": 1}', "sig"),
    ToolResult("1", "add", "2"),
    ReasoningState("google", {"thought": [1, None]}),
)
TIMING = Timing(1.0, 1.5, 2, None, 3.5, 4.0, (2.0, 3.5), (1, 9))
RESPONSE = Response(
    "answer",
    "",
    TIMING,
    Usage(3, output_tokens=9),
    "stop",
    parts=PARTS,
    failure=Failure("server", "no", 500, 2.5),
)
END = EpisodeEnd(
    Transcript((Message("user", PARTS),), (StepRecord(0, "1", "add", {"a": 10**30}, "2", False),), {"x": 1}, None, "done"),
    1.0, 2.0, 0.5, 0.25, 0.125, 1, 1, 0, 0, 0, Usage(), Usage(1),
)  # fmt: skip
TURN = EpisodeTurn(1, 0, (Message("user", PARTS),), 12, end=END)
ATTEMPT = protocol.AttemptMessage(
    7, {"n": [1.5, {"deep": None}]}, ("x dropped",), RESPONSE, AttemptContext(1, True, 0.5, None, 3), TURN
)


@pytest.mark.parametrize(
    ("codec", "message"),
    [
        (messages.FROM_WORKER, protocol.AttemptBatch((ATTEMPT,), (7, 8))),
        (messages.FROM_WORKER, protocol.FinishRequest(None, UNRESTRICTED_PERMIT, None, Usage(1, 2), 1, 0.0)),
        (messages.FROM_WORKER, protocol.CellDone(protocol.WorkerReport(0, 3, 0.5, None), "broke")),
        (messages.TO_WORKER, protocol.AdmissionReply(1, UNRESTRICTED_PERMIT)),
        (messages.TO_WORKER, protocol.AdmissionReply(1, (True, False))),
        (messages.TO_WORKER, protocol.AdmissionReply(1, None)),
        (messages.TO_WORKER, protocol.UserAnswer(1, UserReply("hello", 0.5, Usage(1)), None)),
        (
            messages.TO_WORKER,
            messages.OpenModel(
                0,
                Model("m", "sim", "m", "open", date(2026, 1, 2), options={"sim": {"skill": 1}}),
                4,
                RunPolicies(limits={"m": RateLimits(60.0)}),
            ),
        ),
        (
            messages.TO_WORKER,
            messages.CellShare(
                0,
                Load("replay", 2.0, trace=(Arrival(0.5, "s1"),)),
                Params(stop=("a",), extra={"k": 1}),
                1,
                7,
                "h",
                2,
                ((0, 0), (2, 1)),
                0.0,
                7,
            ),
        ),
    ],
)
def test_a_message_is_read_as_it_was_written(codec: object, message: object) -> None:
    """Unions of classes, bytes, days, nulls, numbers of any size and broken surrogates."""
    assert isinstance(codec, Codec)
    assert message == codec.decode(codec.encode(message))


def test_a_sample_travels_without_what_only_scorers_need() -> None:
    """Prompt, tools and episode arrive; target, reference and columns do not."""
    tools = ToolSet((Tool("add", "adds", {"type": "object"}),))
    episode = Episode(RecordedTools((("add", "{}", "2"),)), {"x": 1}, (UserLine("more", "ok"),))
    made = plan(count=1)
    cell = made.cells[0]
    given = sample(1, columns={"secret": 1}, tools=tools, episode=episode)
    object.__setattr__(cell, "task", type(cell.task)("t", "c", 1, "h", (given,), "numeric"))
    packed = messages.TO_WORKER.decode(messages.TO_WORKER.encode(pack_task(0, cell)))
    found = packed.samples[0]

    assert (given.messages, tools, episode) == (found.messages, found.tools, found.episode)
    assert (None, None, {}) == (found.target, found.reference, found.columns)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not JSON"),
        (b"o{", "not JSON"),
        (b"o[]", "expected one of"),
        (b'o{"@": "Goodbye"}', "found 'Goodbye'; expected one of ClockPong, WorkerEnded"),
        (b'o{"@": "ClockPong", "sent_s": 1, "received_s": 1}', "answered_s is missing"),
        (b'o{"@": "ClockPong", "sent_s": 1, "received_s": "1", "answered_s": 1}', "ClockPong.received_s: found '1'; expected float"),
        (b'o{"@": "ClockPong", "sent_s": true, "received_s": 1, "answered_s": 1}', "sent_s: found True"),
        (b"j" + b"[" * 100_000, "not JSON"),
        (b"o" + pickle.dumps({"@": "ClockPong"}), "not JSON"),
    ],
)  # fmt: skip
def test_what_is_not_a_message_is_refused(data: bytes, words: str) -> None:
    """One line that says where; nothing of it is run."""
    with pytest.raises(WireError, match="(?s)" + words.replace("(", r"\(")):
        messages.TO_CONDUCTOR.decode(data)


def test_a_path_means_nothing_elsewhere() -> None:
    """A value of a type that only this machine can use is not written."""
    opening = messages.OpenModel(0, Model("m", "sim", "m", "open"), 1, RunPolicies(cache=Path("cache")))

    with pytest.raises(WireError, match="means nothing on another one"):
        messages.TO_WORKER.encode(opening)
