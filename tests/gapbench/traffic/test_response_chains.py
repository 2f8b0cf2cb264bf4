"""Requests that follow another by `previous_response_id`: one session, and a prompt with its earlier turns or a reason why not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke
from gapbench.traffic import response_chains
from gapbench.traffic.earlier_turns import MAX_PROMPT_BYTES
from tests.traffic_logs import Content, import_files

MISSING = "follow a response that is not in these files"
NO_TEXT = "follow a turn whose whole prompt or reply the log lacks"
LOOP = "follow themselves, in a loop of `previous_response_id`"


def turn(number: int, previous: int | str | None = None, **body: Any) -> dict[str, Any]:
    """Return the request ``q1`` with the reply ``a1``, or of another number, after another turn."""
    reply = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": f"a{number}"}],
    }
    previous_id = f"resp_{previous}" if isinstance(previous, int) else previous
    asked = {"model": "gpt-5.2", "input": f"q{number}", "previous_response_id": previous_id, **body}
    return {"request": asked, "response": answer(number, previous_id, [reply])}


def answer(
    number: int, previous_id: str | None, output: list[Any], status: str = "completed"
) -> dict[str, Any]:
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_767_225_600 + number,
        "model": "gpt-5.2",
        "status": status,
        "previous_response_id": previous_id,
        "output": output,
        "usage": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11},
    }


def said(row: dict[str, Any]) -> list[str]:
    """Return the texts of a prompt in order, system prompts in brackets."""
    found = []
    for message in json.loads(row["messages"]):
        content = message.get("content", message.get("output", message.get("name")))
        text = content if isinstance(content, str) else content[0]["text"]
        found.append(f"[{text}]" if message.get("role") == "system" else text)
    return found


def by_id(tmp_path: Path, files: dict[str, Content], **options: Any) -> tuple[dict[str, dict[str, Any]], Any]:
    rows, report = import_files(tmp_path, files, **options)
    return {str(row["request_id"]): row for row in rows}, report


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_a_turn_has_the_turns_before_it_in_any_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    """The third prompt is q1, a1, q2, a2, q3; all three have one session; the rows keep the order of the log."""
    turns = {1: turn(1), 2: turn(2, 1), 3: turn(3, 2)}
    rows, report = import_files(tmp_path, {"log.jsonl": [turns[number] for number in order]})
    prompts = {row["request_id"]: said(row) for row in rows}

    assert [f"resp_{number}" for number in order] == [row["request_id"] for row in rows]
    assert {
        "resp_1": ["q1"],
        "resp_2": ["q1", "a1", "q2"],
        "resp_3": ["q1", "a1", "q2", "a2", "q3"],
    } == prompts
    assert 1 == len({row["session_hash"] for row in rows})
    assert rows[0]["session_hash"] is not None
    assert (2, []) == (report.rebuilt, report.not_whole)


def test_chains_cross_files(tmp_path: Path) -> None:
    """The first turn is in the file that is read last."""
    rows, _ = by_id(tmp_path, {"a.jsonl": [turn(2, 1)], "b.jsonl": [turn(1)]})

    assert ["q1", "a1", "q2"] == said(rows["resp_2"])
    assert rows["resp_1"]["session_hash"] == rows["resp_2"]["session_hash"]


def test_branches_share_a_session_and_no_turns(tmp_path: Path) -> None:
    """Two answers to the same turn: neither is in the prompt of the other."""
    rows, _ = by_id(tmp_path, {"log.jsonl": [turn(1), turn(2, 1), turn(3, 1), turn(4, 3), turn(5)]})

    assert ["q1", "a1", "q2"] == said(rows["resp_2"])
    assert ["q1", "a1", "q3", "a3", "q4"] == said(rows["resp_4"])
    assert 1 == len({rows[f"resp_{number}"]["session_hash"] for number in (1, 2, 3, 4)})
    assert rows["resp_5"]["session_hash"] is None


def test_instructions_are_those_of_the_request(tmp_path: Path) -> None:
    """OpenAI does not carry them over; a system message among the input items stays."""
    first = turn(
        1,
        instructions="Be brief.",
        input=[{"role": "system", "content": "In English."}, {"role": "user", "content": "q1"}],
    )
    rows, _ = by_id(tmp_path, {"log.jsonl": [first, turn(2, 1, instructions="Rhyme."), turn(3, 2)]})

    assert ["[Rhyme.]", "[In English.]", "q1", "a1", "q2"] == said(rows["resp_2"])
    assert ["[In English.]", "q1", "a1", "q2", "a2", "q3"] == said(rows["resp_3"])


def test_calls_and_their_results_are_turns(tmp_path: Path) -> None:
    """The prompt has the call of the reply before, then its result, so that it can be asked again."""
    call = {"type": "function_call", "call_id": "c1", "name": "find", "arguments": "{}"}
    first = {"request": turn(1)["request"], "response": answer(1, None, [{"type": "reasoning"}, call])}
    result = {"type": "function_call_output", "call_id": "c1", "output": "42"}
    rows, _ = by_id(tmp_path, {"log.jsonl": [first, turn(2, 1, input=[result])]})
    items = json.loads(rows["resp_2"]["messages"])

    assert ["user", "function_call", "function_call_output"] == [
        item.get("type") or item["role"] for item in items
    ]
    assert ("c1", "42") == (items[1]["call_id"], items[2]["output"])


def test_images_of_earlier_turns_count(tmp_path: Path) -> None:
    """One in the first turn and one in the second: the second prompt has two."""
    image = {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.com/a.png"}]}
    rows, _ = by_id(tmp_path, {"log.jsonl": [turn(1, input=[image]), turn(2, 1, input=[image])]})

    assert (1, 2) == (rows["resp_1"]["image_count"], rows["resp_2"]["image_count"])


def test_a_missing_link_is_counted_and_said(tmp_path: Path) -> None:
    """Turn 8 is not in the log: 9 and 10 lack it, keep their own messages, and share a session."""
    rows, report = by_id(tmp_path, {"log.jsonl": [turn(9, 8), turn(10, 9), turn(20)]})

    assert ["earlier turns", "earlier turns", None] == [row["prompt_lacks"] for row in rows.values()]
    assert ["q10"] == said(rows["resp_10"])
    assert rows["resp_9"]["session_hash"] == rows["resp_10"]["session_hash"]
    assert (0, [(MISSING, 2, f"{tmp_path}/log.jsonl:1")]) == (report.rebuilt, report.not_whole)


def test_siblings_of_a_missing_turn_share_a_session_in_every_import(tmp_path: Path, monkeypatch: Any) -> None:
    """With the same key, the rest of a chain in another import has the session of its start."""
    monkeypatch.setenv("TRAFFIC_KEY", "a long random text")
    april, _ = by_id(tmp_path, {"april.jsonl": [turn(1), turn(2, 1)]}, hash_key_env="TRAFFIC_KEY")
    may, _ = by_id(tmp_path, {"may.jsonl": [turn(3, 1)]}, hash_key_env="TRAFFIC_KEY")

    assert april["resp_2"]["session_hash"] == may["resp_3"]["session_hash"]


def test_a_turn_without_its_reply_is_no_history(tmp_path: Path) -> None:
    """Polled before it was done, or logged without its request: what follows is not whole."""
    pending = {"request": turn(1)["request"], "response": answer(1, None, [], "in_progress")}
    rows, report = by_id(tmp_path, {"log.jsonl": [pending, turn(2, 1), turn(3)["response"], turn(4, 3)]})

    assert [None, "earlier turns", None, "earlier turns"] == [row["prompt_lacks"] for row in rows.values()]
    assert [(NO_TEXT, 2, f"{tmp_path}/log.jsonl:2")] == report.not_whole


def test_of_two_records_of_a_turn_the_whole_one_counts(tmp_path: Path) -> None:
    """A response that was polled twice: the second has the output."""
    pending = {"request": turn(1)["request"], "response": answer(1, None, [], "in_progress")}
    rows, report = by_id(tmp_path, {"log.jsonl": [pending, turn(1), turn(2, 1)]})

    assert ["q1", "a1", "q2"] == said(rows["resp_2"])
    assert 1 == report.conflicting


def test_loops_end(tmp_path: Path) -> None:
    """5 and 6 follow each other, 7 follows them, 8 itself: none has a first turn."""
    log = [turn(5, 6), turn(6, 5), turn(7, 6), turn(8, 8)]
    rows, report = by_id(tmp_path, {"log.jsonl": log})

    assert [(LOOP, 4, f"{tmp_path}/log.jsonl:1")] == report.not_whole
    sessions = [rows[f"resp_{number}"]["session_hash"] for number in (5, 6, 7, 8)]
    assert [True, True, False] == [session == sessions[0] for session in sessions[1:]]


def test_a_chain_of_many_turns(tmp_path: Path) -> None:
    """300 turns: the last prompt has 299 questions and answers and its own question."""
    rows, report = by_id(
        tmp_path, {"log.jsonl": [turn(number, number - 1 or None) for number in range(1, 301)]}
    )

    assert 299 * 2 + 1 == len(json.loads(rows["resp_300"]["messages"]))
    assert 299 == report.rebuilt


def test_a_prompt_is_at_most_16_mib(tmp_path: Path) -> None:
    """Turns of 5 MiB each: the third has 15 MiB with those before it, the fourth 20."""
    big = "x" * (5 * 2**20)
    log = [turn(number, number - 1 or None, input=big) for number in range(1, 5)]
    rows, report = by_id(tmp_path, {"log.jsonl": log})

    assert [None, None, None, "earlier turns"] == [row["prompt_lacks"] for row in rows.values()]
    assert 15 * 2**20 < len(rows["resp_3"]["messages"]) < MAX_PROMPT_BYTES
    assert [("are over 16 MiB with their earlier turns", 1, f"{tmp_path}/log.jsonl:4")] == report.not_whole


def test_a_given_session_is_kept_and_passed_on(tmp_path: Path) -> None:
    """Of three turns the second names a session: it is that of all; a turn that names another keeps it."""
    log = [
        turn(1),
        turn(2, 1, metadata={"session_id": "s-1"}),
        turn(3, 2),
        turn(4, 3, metadata={"session_id": "s-2"}),
        turn(5, 4),
    ]
    rows, _ = by_id(tmp_path, {"log.jsonl": log})
    sessions = [rows[f"resp_{number}"]["session_hash"] for number in range(1, 6)]

    assert [sessions[1]] * 3 + [sessions[3]] * 2 == sessions
    assert sessions[1] != sessions[3]


@pytest.mark.parametrize(
    ("body", "lacks"),
    [
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "stored prompt"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "referenced items"),
    ],
)
def test_what_else_the_provider_keeps(tmp_path: Path, body: dict[str, Any], lacks: str) -> None:
    """The prompt is not whole, and so is that of the turn after it."""
    rows, report = by_id(tmp_path, {"log.jsonl": [turn(1, **body), turn(2, 1)]})

    assert [lacks, "earlier turns"] == [row["prompt_lacks"] for row in rows.values()]
    assert [(NO_TEXT, 1), (response_chains.LACK_TEXTS[lacks], 1)] == [one[:2] for one in report.not_whole]


def test_ids_that_litellm_packs(tmp_path: Path) -> None:
    """Clients of its proxy see ids in base64, which have the provider's inside; the log may have either."""
    text = "litellm:custom_llm_provider:openai;model_id:m1;response_id:resp_1"
    packed = "resp_" + base64.b64encode(text.encode()).decode()
    rows, _ = by_id(tmp_path, {"log.jsonl": [turn(1), turn(2, packed)]})

    assert ["q1", "a1", "q2"] == said(rows["resp_2"])


def test_litellm_rows_are_chained(tmp_path: Path) -> None:
    """The table has the body of the request, and the id of the response as the id of the row."""

    def row(number: int, previous: int | None) -> dict[str, Any]:
        one = turn(number, previous)
        return {
            "request_id": f"resp_{number}", "call_type": "aresponses", "spend": 0.1, "model": "gpt-5.2", "prompt_tokens": 9,
            "startTime": f"2026-01-01T00:00:0{number}Z", "endTime": f"2026-01-01T00:00:0{number}Z", "completion_tokens": 2,
            "proxy_server_request": one["request"], "response": {**one["response"], "id": None},
        }  # fmt: skip

    rows, _ = by_id(tmp_path, {"log.jsonl": [row(2, 1), row(1, None)]})

    assert ["q1", "a1", "q2"] == said(rows["resp_2"])


def test_without_texts_chains_are_sessions(tmp_path: Path) -> None:
    """No prompt is stored, so none is rebuilt; the log has all turns, so none is said to be missing."""
    rows, report = by_id(tmp_path, {"log.jsonl": [turn(1), turn(2, 1)]}, keep_texts=False)

    assert rows["resp_1"]["session_hash"] == rows["resp_2"]["session_hash"] is not None
    assert [None, None] == [row["messages"] or row["prompt_lacks"] for row in rows.values()]
    assert (0, []) == (report.rebuilt, report.not_whole)


def test_a_log_without_chains_is_left_as_it_is(tmp_path: Path) -> None:
    """No session, nothing lacking."""
    rows, report = by_id(tmp_path, {"log.jsonl": [turn(1), turn(2)]})

    assert [None] * 4 == [row[name] for row in rows.values() for name in ("session_hash", "prompt_lacks")]
    assert (0, []) == (report.rebuilt, report.not_whole)


def test_a_sample_has_the_whole_prompt_or_leaves_it_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 3 chains of 2 turns and 2 turns without their start, 6 requests are covered, in 3 clusters; the 2 are counted."""
    whole = [
        turn(10 * chain + at, 10 * chain + at - 1 if at == 2 else None)
        for chain in (1, 2, 3)
        for at in (1, 2)
    ]
    _, report = by_id(tmp_path, {"log.jsonl": [*whole, turn(99, 98), turn(100, 98)]})
    code = invoke(["traffic", "sample", report.table, "-n", "20", "--out", str(tmp_path / "s.yaml")])
    printed = capsys.readouterr().out
    (data,) = (tmp_path / "s-data").glob("*.jsonl")
    items = [json.loads(line) for line in data.read_text().splitlines()]

    assert 0 == code
    assert "6 items stand for 6 requests, 75.0 % of 8" in printed
    assert (
        "not covered  2 requests (25.0 %): lack a part of their prompt that the provider keeps: earlier turns"
        in printed
    )
    assert 3 == len({item["cluster"] for item in items})
    assert [1, 3, 1, 3, 1, 3] == [len(item["messages"]) for item in items]


def test_the_import_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for what was rebuilt, one for each reason that something was not."""
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, [turn(1), turn(2, 1), turn(9, 8)])))
    invoke(["traffic", "import", str(tmp_path / "log.jsonl"), "--out", str(tmp_path / "t.parquet")])
    printed = capsys.readouterr().out

    assert "chains       earlier turns were added to 1 prompt, by `previous_response_id`" in printed
    assert f"not whole    prompts that {MISSING}: 1; no sample has them; first" in printed
