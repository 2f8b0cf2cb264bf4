"""A traffic table as a load: arrivals, sessions, prompts, what is left out, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import DocumentError
from gapbench.suite.plan import Cell
from gapbench.suite.replay import Replay
from gapbench.values import Params
from tests.makers import model
from tests.traffic_tables import chat, logged, replay_of


def cell_of(replay: Replay) -> Cell:
    return Cell(model(), replay.task, replay.loads[0], Params(max_tokens=64), 1, 0)


def dues(replay: Replay) -> list[float | None]:
    return [request.due_s for request in cell_of(replay).requests]


def notes(replay: Replay) -> str:
    return "\n".join(replay.notes)


def test_arrivals_are_the_logs(tmp_path: Path) -> None:
    """From the first one; at twice the speed in half the time."""
    rows = [logged(at) for at in (10.0, 10.5, 13.0)]

    assert [0.0, 0.5, 3.0] == dues(replay_of(tmp_path, rows))
    assert [0.0, 0.25, 1.5] == dues(replay_of(tmp_path, rows, speed=2))


def test_a_table_out_of_order_is_sent_by_time(tmp_path: Path) -> None:
    """And the plan counts what stood behind a later request."""
    replay = replay_of(tmp_path, [logged(2.0), logged(0.0), logged(1.0)])

    assert [0.0, 1.0, 2.0] == dues(replay)
    assert ["row-000002", "row-000003", "row-000001"] == [sample.sample_id for sample in replay.task.samples]
    assert "1 request out of order" in notes(replay)


def test_think_time_is_from_the_answer_to_the_next_request(tmp_path: Path) -> None:
    """Answered at 0.5, next at 3: 2.5 s; at twice the speed 1.25 s. The first of a session has none."""
    rows = [logged(0.0, session_hash="s"), logged(3.0, session_hash="s")]

    assert [None, 2.5] == [request.think_s for request in cell_of(replay_of(tmp_path, rows)).requests]
    assert [None, 1.25] == [
        request.think_s for request in cell_of(replay_of(tmp_path, rows, speed=2)).requests
    ]


def test_a_request_logged_before_the_answer_waits_for_it(tmp_path: Path) -> None:
    """No time to think is less than none; the plan counts it."""
    replay = replay_of(tmp_path, [logged(0.0, session_hash="s"), logged(0.2, session_hash="s")])

    assert 0.0 == cell_of(replay).requests[1].think_s
    assert "1 request had been sent before the session's previous answer" in notes(replay)


def test_an_answer_of_unknown_time_leaves_the_requests_own_time(tmp_path: Path) -> None:
    """Think time is unknown, not nothing."""
    replay = replay_of(
        tmp_path, [logged(0.0, session_hash="s", response_s=None), logged(2.0, session_hash="s")]
    )

    assert (2.0, None) == (cell_of(replay).requests[1].due_s, cell_of(replay).requests[1].think_s)
    assert "1 request after an answer of unknown time" in notes(replay)


def test_replies_are_as_long_as_logged(tmp_path: Path) -> None:
    """No length: the suite's. No token: one, since no API takes none."""
    replay = replay_of(tmp_path, [logged(0.0), logged(1.0, output_tokens=None), logged(2.0, output_tokens=0)])
    cell = cell_of(replay)

    assert [10, 64, 1] == [cell.params_of(request).max_tokens for request in cell.requests]
    assert [True, False, True] == [cell.ignores_eos(request) for request in cell.requests]


def test_logged_text_is_sent_as_logged(tmp_path: Path) -> None:
    """With its history and its tools."""
    tools = '[{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]'
    replay = replay_of(tmp_path, [logged(0.0, messages=chat("Hi", "Hello!", "And now?"), tools=tools)])
    sample = replay.task.samples[0]

    assert [("user", "Hi"), ("assistant", "Hello!"), ("user", "And now?")] == [
        (message.role, message.text) for message in sample.messages
    ]
    assert sample.tools is not None
    assert ["look_up"] == [tool.name for tool in sample.tools.tools]


def test_images_and_vendors_tools_are_left_out_and_counted(tmp_path: Path) -> None:
    """The rest of the request is sent."""
    image = {"type": "image_url", "image_url": {"url": "data:image/png,sha256:0123456789abcdef 900 bytes"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]}]
    tools = '[{"type": "web_search"}, {"name": "look_up", "parameters": {"type": "object"}}]'
    replay = replay_of(tmp_path, [logged(0.0, messages=messages, tools=tools)])
    sample = replay.task.samples[0]

    assert "What is it?" == sample.messages[0].text
    assert sample.tools is not None
    assert ["look_up"] == [tool.name for tool in sample.tools.tools]
    assert "images and files, whose bytes the table does not have: 1" in notes(replay)
    assert "whose declaration cannot be read: 1" in notes(replay)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"time": None}, "1 without a time"),
        ({"error": "429"}, "1 failed in the log"),
        ({"http_status": 500}, "1 failed in the log"),
        ({"from_cache": True}, "1 answered by a gateway's own cache"),
        ({"service_tier": "batch"}, "1 sent in batches"),
        ({"endpoint": "embeddings"}, "1 for embeddings"),
        ({"input_tokens": None}, "1 with neither a text nor a number of tokens"),
        ({"messages": "[]"}, "1 whose prompt cannot be sent again"),
        ({"messages": '[{"role": "robot"}]'}, "1 whose prompt cannot be sent again"),
        ({"messages": "{"}, "1 whose prompt cannot be sent again"),
        ({"messages": [{"role": "system", "content": "x"}]}, "1 whose prompt cannot be sent again"),
    ],
)
def test_what_cannot_be_sent_is_left_out_and_counted(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    """By reason, in the plan."""
    replay = replay_of(tmp_path, [logged(0.0), logged(1.0, **changes)])

    assert 1 == len(replay.task.samples)
    assert f"left out: {reason}" in notes(replay)


@pytest.mark.parametrize(
    ("rows", "settings", "problem"),
    [
        ([], {}, "holds no request"),
        ([logged(None)], {}, "no request has a time"),
        ([logged(0.0, error="x")], {}, "holds nothing that can be sent again: 1 failed in the log"),
        ([logged(0.0)], {"routes": ["mail"]}, "has no route 'mail'; there are: chat"),
        (
            [logged(0.0)],
            {"period": "2026-01-06"},
            "its times are from 2026-01-05T09:00:00 to 2026-01-05T09:00:00",
        ),
    ],
)
def test_a_table_without_anything_to_send_is_refused(
    tmp_path: Path, rows: list[dict[str, Any]], settings: dict[str, Any], problem: str
) -> None:
    """The message says what is there."""
    with pytest.raises(DocumentError, match=problem):
        replay_of(tmp_path, rows, **settings)


def test_a_session_across_the_cut_goes_on_from_there(tmp_path: Path) -> None:
    """Its first request within the period waits for none."""
    rows = [
        logged(3_590.0, session_hash="s"),
        logged(3_610.0, session_hash="s"),
        logged(3_620.0, session_hash="s"),
    ]
    replay = replay_of(tmp_path, rows, period="2026-01-05T10:00/1h")

    assert [None, 9.5] == [request.think_s for request in cell_of(replay).requests]
    assert "1 session began before the period" in notes(replay)


def test_only_the_routes_asked_for_are_sent(tmp_path: Path) -> None:
    """The samples name them."""
    replay = replay_of(tmp_path, [logged(0.0), logged(1.0, route="faq")], routes=["faq"])

    assert ["faq"] == [sample.route for sample in replay.task.samples]


def test_the_plan_tells_span_and_peak(tmp_path: Path) -> None:
    """Four requests in 20 s, three of them in one second; at speed 4 in 5 s."""
    replay = replay_of(tmp_path, [logged(at) for at in (0.1, 0.2, 0.3, 20.1)], speed=4)

    assert (
        "4 requests of 4 in the table, logged from 2026-01-05T09:00:00 to 2026-01-05T09:00:20 UTC (20 s)"
        in notes(replay)
    )
    assert "sent in 5 s at speed 4: mean 0.8/s, peak 3 in one second" in notes(replay)


def test_whole_seconds_and_short_spans_are_told(tmp_path: Path) -> None:
    """Both make the rates of a replay doubtful."""
    assert "whole seconds" in notes(replay_of(tmp_path, [logged(0.0), logged(60.0)]))
    assert "logged within 3 s" in notes(replay_of(tmp_path, [logged(0.0), logged(3.0)]))


def test_a_worker_gets_the_same_prompts(tmp_path: Path) -> None:
    """The task is pickled, without texts: 200 of 10,000 letters are not in it."""
    rows = [logged(at, messages=chat("x" * 10_000) if at % 2 else None) for at in range(400)]
    task = replay_of(tmp_path, rows).task
    packed = pickle.dumps(task)

    assert len(packed) < 200 * 10_000 / 5
    assert [sample.messages for sample in task.samples] == [
        sample.messages for sample in pickle.loads(packed).samples
    ]


def test_the_texts_file_goes_with_the_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prompts do not stay behind in a folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    replay = replay_of(tmp_path, [logged(0.0, messages=chat("Hi"))])
    assert list(tmp_path.glob("gapbench-replay-*"))
    del replay

    assert not list(tmp_path.glob("gapbench-replay-*"))


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Neither JSON nor a Parquet file with other columns is a traffic table."""
    (tmp_path / "traffic.parquet").write_text("{}")
    with pytest.raises(DocumentError, match="cannot be read as a traffic table"):
        replay_of_file(tmp_path)


def test_another_table_is_refused(tmp_path: Path) -> None:
    """It names the command that writes the right one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"time": [1]}), tmp_path / "traffic.parquet")
    with pytest.raises(DocumentError, match="it has no column route; `bench traffic import"):
        replay_of_file(tmp_path)


def replay_of_file(folder: Path) -> Replay:
    from gapbench.suite.loads.schema import LoadDocument
    from gapbench.suite.replay import open_replay

    return open_replay(LoadDocument.model_validate({"replay": {"traffic": "traffic.parquet"}}), folder, 0)


def test_a_prompt_that_lacks_earlier_turns_is_made_up(tmp_path: Path) -> None:
    """The last message alone would be too short: 100 words stand for the 100 tokens of the log."""
    rows = [
        logged(0.0, messages=chat("whole")),
        logged(1.0, messages=chat("and?"), prompt_lacks="earlier turns"),
    ]
    replay = replay_of(tmp_path, rows, template_tokens=0)
    texts = [sample.messages[0].text for sample in replay.task.samples]

    assert "whole" == texts[0]
    assert 100 == len(texts[1].split())
    assert "1 request with a prompt that the log has in part only" in notes(replay)
