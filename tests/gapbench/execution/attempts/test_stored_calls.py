"""Tool calls are read back from the payload table as they were made and answered."""

from __future__ import annotations

from gapbench.execution.attempts.stored_calls import tool_calls_as_json, tool_calls_from_json
from gapbench.values import StepRecord, ToolCall

CALLS = (
    ToolCall("a", "find", '{"q": "x"}', "sig"),
    ToolCall("b", "find", "{broken"),
    ToolCall("", "send", ""),
)
RECORDS = (
    StepRecord(2, "a", "find", {"q": "x"}, "3 hits", is_error=False, tool_s=0.5),
    StepRecord(2, "b", "find", None, "invalid call: not JSON", is_error=True, problem="not JSON"),
)


def test_calls_and_results_come_back() -> None:
    """Three calls, of which the last did not run."""
    stored = tool_calls_as_json(CALLS, RECORDS)

    assert (CALLS, RECORDS) == tool_calls_from_json(stored, 2)


def test_no_call_is_null() -> None:
    """And null is no call."""
    assert tool_calls_as_json((), ()) is None
    assert ((), ()) == tool_calls_from_json(None, 0)
