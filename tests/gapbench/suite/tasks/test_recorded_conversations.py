"""Tasks of recorded conversations: the last turn, every turn, or an episode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gapbench.values import Episode, RecordedTools, UserLine
from tests.tool_tasks import CALL, ROW, TALK, load, refused

CHAT: list[dict[str, Any]] = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Where is order 7?"},
    {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "find_order", "arguments": '{"id": 7}'}}]},
    {"role": "tool", "tool_call_id": "c1", "content": "sent"},
    {"role": "assistant", "content": "It was sent."},
    {"role": "user", "content": "Thanks!"},
    {"role": "assistant", "content": "Bye."},
]  # fmt: skip


def test_last_answers_the_users_last_turn(tmp_path: Path) -> None:
    """The recorded answer is reference and target: its text, or its calls where the scorer compares calls."""
    text = load(tmp_path, [{**ROW, "chat": CHAT}], **TALK, scorer="exact").samples[0]
    calls = load(tmp_path, [{**ROW, "chat": CHAT[:5]}], **TALK).samples[0]

    assert ("Thanks!", "Bye.", "Bye.") == (text.messages[-1].text, text.target, text.reference)
    assert ([CALL], 2) == (calls.target, len(calls.messages))
    assert "find_order" == calls.reference_turns[0].tool_calls[0].name


def test_forced_makes_a_sample_of_each_turn(tmp_path: Path) -> None:
    """`id#k`, with the history and the conversation as the cluster; a turn of words expects no call."""
    samples = load(tmp_path, [{**ROW, "chat": CHAT}], **TALK, messages_mode="forced").samples

    assert ["a#1", "a#2", "a#3"] == [sample.sample_id for sample in samples]
    assert {"a"} == {sample.cluster_id for sample in samples}
    assert [[CALL], [], []] == [sample.target for sample in samples]
    assert [2, 4, 6] == [len(sample.messages) for sample in samples]
    assert [1, 2, 3] == [sample.columns["turn"] for sample in samples]


def test_a_limit_counts_conversations(tmp_path: Path) -> None:
    """Two of four conversations of three turns are six samples, all of them in the working order."""
    rows = [{**ROW, "id": f"c{number}", "chat": CHAT} for number in range(4)]
    task = load(tmp_path, rows, 2, **TALK, messages_mode="forced")

    assert 6 == len(task.samples)
    assert list(range(6)) == sorted(task.working_order)


def test_free_is_an_episode(tmp_path: Path) -> None:
    """The model's own answers stay; the recorded user and the recorded results follow."""
    sample = load(tmp_path, [{**ROW, "chat": CHAT}], **TALK, messages_mode="free").samples[0]

    expected = Episode(
        tools=RecordedTools((("find_order", '{"id":7}', "sent"),)), user=(UserLine("Thanks!"),)
    )
    assert expected == sample.episode
    assert ("Where is order 7?", 3) == (sample.messages[-1].text, len(sample.reference_turns))


def test_recorded_columns_can_be_named(tmp_path: Path) -> None:
    """`recorded_text` and `recorded_calls` are columns of the row."""
    sample = load(
        tmp_path, [{**ROW, "chat": CHAT}], **{**TALK, "target": "{recorded_text}!"}, scorer="exact"
    ).samples[0]

    assert "Bye.!" == sample.target


def test_the_tasks_system_prompt_replaces_the_recorded_one(tmp_path: Path) -> None:
    """Anthropic's logs have it in a column of its own."""
    row = {**ROW, "chat": CHAT, "sys": "Be brief."}
    sample = load(tmp_path, [row], **TALK, system="{sys}").samples[0]

    assert ["Be brief."] == [message.text for message in sample.messages if message.role == "system"]


def test_an_episode_runs_native_calls_only(tmp_path: Path) -> None:
    """A prompted agent, and one recorded mode under an agent."""
    assert "tools_as: an episode runs native calls only" in refused(tmp_path, agent={}, tools_as="prompt")
    assert "agent: goes with messages_mode: last, not free" in refused(tmp_path, [{**ROW, "chat": CHAT}], **TALK, messages_mode="free", agent={})  # fmt: skip
