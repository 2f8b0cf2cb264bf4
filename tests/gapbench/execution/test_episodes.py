"""Episodes in a run: each turn is a row, and one row of the trajectory table adds them up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gapbench.agents import Step, User
from gapbench.errors import RunnerError
from gapbench.execution.recording.cell_scorer import CellScorer
from gapbench.store import read_attempt_values, read_trajectories, read_trajectory_values
from gapbench.store.verify import verify_run
from gapbench.suite.plan import Load, PlannedRequest
from gapbench.values import (
    Chunk,
    Document,
    Message,
    Sample,
    Score,
    StepRecord,
    Text,
    Tool,
    ToolCallPiece,
    Transcript,
    Usage,
    sha256,
)
from tests.episodes import (
    TOOLS,
    AddingConversation,
    Conversations,
    TurnRunner,
    adding,
    episode_plan,
    episode_sample,
    saying,
    stored_calls,
)
from tests.gapbench.execution.test_run import FAST
from tests.played_episodes import OVERFLOW, SOLVED, by_state, go, rows, texts


def test_each_reply_is_a_row_and_the_last_is_final(tmp_path: Path) -> None:
    """Three replies, attempts 1 to 3: two are unscored, and the third carries the episode's score."""
    manifest = go(tmp_path, episode_plan(), TurnRunner(None, SOLVED))

    assert "complete" == manifest.state
    assert [
        (1, 0, False, "unscored", None, 1, 0),
        (2, 1, False, "unscored", None, 1, 0),
        (3, 2, True, "correct", 1.0, 0, 0),
    ] == rows(tmp_path, "attempt", "turn", "final", "outcome", "score", "tool_calls", "tool_calls_invalid")
    assert [] == verify_run(tmp_path)


def test_the_rows_of_an_episode_share_its_id(tmp_path: Path) -> None:
    """The hash of run, cell, sample, repeat and first attempt."""
    go(tmp_path, episode_plan(count=2), TurnRunner(None, SOLVED))
    ids = {(sample_id, found) for sample_id, found in rows(tmp_path, "sample_id", "trajectory_id")}
    expected = {(name, sha256(f'["{tmp_path.name}","m|sums|c1","{name}",0,1]')[:16]) for name in ("s0", "s1")}

    assert expected == ids
    assert {found for _, found in expected} == set(read_trajectories([tmp_path])["trajectory_id"])


def test_each_turn_is_sent_the_whole_conversation(tmp_path: Path) -> None:
    """Prompt, reply with its call and id, result; and the tools are declared each time."""
    runner = TurnRunner(None, SOLVED)
    go(tmp_path, episode_plan(), runner)

    assert [1, 3, 5] == [len(prompt) for prompt in runner.prompts]
    assert ["user", "assistant", "tool", "assistant", "tool"] == [
        message.role for message in runner.prompts[2]
    ]
    assert ("call_1", "I add. ") == (runner.prompts[1][1].tool_calls[0].id, runner.prompts[1][1].text)
    assert "3" == runner.prompts[2][4].tool_results[0].content
    assert {"add"} == {
        request.tools.tools[0].name for request in runner.requests if request.tools is not None
    }


def test_a_payload_has_what_was_added_and_what_the_tools_returned(tmp_path: Path) -> None:
    """Turn 1 adds the reply of turn 0 and the result; its call has its result, and the sum became 1 + 2."""
    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED))
    stored = texts(tmp_path)
    call = stored_calls(stored["calls"].iloc[1])[0]

    assert [["user"], ["assistant", "tool"], ["assistant", "tool"]] == [
        [message["role"] for message in json.loads(text)] for text in stored["messages"]
    ]
    assert ("add", '{"n": 2}', "3", False) == tuple(
        call[k] for k in ("name", "arguments_json", "result", "is_error")
    )
    assert [{"op": "replace", "path": "/sum", "value": 3}] == json.loads(stored["state_changes"].iloc[1])
    assert [True, True, False] == list(stored["calls"].notna())


def test_the_trajectory_adds_up_the_turns(tmp_path: Path) -> None:
    """3 replies of 10 + 5 tokens, 4 of each prompt's from the cache: 30, 15 and 12; two calls."""
    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED))
    (found,) = read_trajectory_values(tmp_path)

    assert (3, 2, 0, 0, 0) == (
        found.turns,
        found.calls,
        found.calls_invalid,
        found.calls_failed,
        found.retries,
    )
    assert (30, 12, 15) == (found.input_tokens, found.cached_input_tokens, found.output_tokens)
    assert (True, 1.0, 1.0, "correct", "done") == (
        found.success, found.score, found.partial, found.outcome, found.termination,
    )  # fmt: skip
    assert 3 == found.attempt
    assert sha256('{"sum":3}') == found.state_sha256


def test_an_invalid_call_is_counted_in_its_row_and_in_the_trajectory(tmp_path: Path) -> None:
    """The second of three calls lacks its argument."""
    bad = [adding(1)[0], adding(1)[1]._replace(tool_call=adding(1)[1].tool_call._replace(arguments="{}"))]  # type: ignore[union-attr]
    runner = TurnRunner(None, [[adding(1)], [[*bad, adding(1)[2]]], [adding(2)], [saying("3")]])
    go(tmp_path, episode_plan(), runner)
    (found,) = read_trajectory_values(tmp_path)

    assert [(0,), (1,), (0,), (0,)] == rows(tmp_path, "tool_calls_invalid")
    assert (3, 1, 1) == (found.calls, found.calls_invalid, found.calls_failed)


def test_concurrency_counts_episodes(tmp_path: Path) -> None:
    """Two at a time: with four episodes of three turns, never more than two conversations are open."""
    most = 0

    class Counting(Conversations):
        def __call__(self, given: Sample, user: User | None = None) -> AddingConversation:
            nonlocal most
            made = super().__call__(given, user)
            most = max(most, sum(not conversation.is_closed for conversation in self.opened))
            return made

    go(tmp_path, episode_plan(count=4, load=Load("concurrency", 2)), TurnRunner(None, SOLVED), Counting())

    assert 2 == most
    assert 4 == sum(final for (final,) in rows(tmp_path, "final"))


def test_adaptive_concurrency_counts_episodes_too(tmp_path: Path) -> None:
    """A place is kept from the first turn to the last."""
    load = Load("adaptive", 8)
    go(tmp_path, episode_plan(count=12, load=load), TurnRunner(None, SOLVED))

    assert (12, 36) == (sum(final for (final,) in rows(tmp_path, "final")), len(rows(tmp_path, "final")))


def test_a_salt_stays_in_front_of_every_turn(tmp_path: Path) -> None:
    """The same eight digits before the first message each time, and none in the hash."""
    runner = TurnRunner(None, SOLVED)
    go(tmp_path, episode_plan(load=Load("concurrency", 1, salt="request")), runner)
    starts = {prompt[0].text.partition(" ")[0] for prompt in runner.prompts}

    assert 1 == len(starts)
    assert next(iter(starts)).startswith("[#")
    assert 1 == len(set(rows(tmp_path, "prompt_sha256")))


def test_cached_turns_are_not_sent_again(tmp_path: Path) -> None:
    """Each turn has its own entry, with the call's id; the tools run all the same."""
    cached = replace(by_state(), policies=replace(FAST.policies, cache=tmp_path / "cache"))
    go(tmp_path / "a", episode_plan(), TurnRunner(None, SOLVED), settings=cached)
    second, opened = TurnRunner(None, SOLVED), Conversations()
    go(tmp_path / "b", episode_plan(), second, opened, cached)

    assert ([], 3) == (second.requests, opened.opened[0].sum)
    assert [(True, 0, "unscored"), (True, 1, "unscored"), (True, 2, "correct")] == rows(
        tmp_path / "b", "from_cache", "turn", "outcome"
    )
    assert [0.0] == [row.model_s for row in read_trajectory_values(tmp_path / "b")]


def test_the_users_lines_follow_answers(tmp_path: Path) -> None:
    """Two answers and one line between them: two turns, of which the second is sent the line."""
    opened = Conversations(lambda given, _: AddingConversation(given, lines=("And now?",)))
    runner = TurnRunner(None, [[saying("Hello.")], [saying("It is 3.")]])
    go(tmp_path, episode_plan(), runner, opened)

    assert "And now?" == runner.prompts[1][-1].text
    assert ["", "It is 3."] == ["" if text is None else text for (text,) in rows(tmp_path, "answer")]


def test_an_answer_is_the_last_text_of_the_model(tmp_path: Path) -> None:
    """A scorer of texts gets no JSON of calls, also where the last turn was refused as too long."""
    go(tmp_path, episode_plan(), TurnRunner(None, [SOLVED[0], [OVERFLOW]]))

    assert "I add. " == rows(tmp_path, "answer")[-1][0]


def test_a_single_reply_with_tools_counts_its_calls(tmp_path: Path) -> None:
    """Without an episode nothing runs: two calls, of which one lacks its argument, and the scorer sees them."""
    seen: list[Transcript] = []

    def keep(answer: str, planned: PlannedRequest, transcript: Transcript) -> Score:
        seen.append(transcript)
        return Score(1.0, "correct")

    broken = Chunk(tool_call=ToolCallPiece(1, "call_9", "add", "{}"))
    first, call, end = adding(1)
    runner = TurnRunner(None, [[[first, call, broken, end]]])
    settings = replace(FAST, make_scorer=lambda cell, folder: CellScorer(keep, is_slow=False))
    go(tmp_path, episode_plan(episode=None), runner, settings=settings)
    (row,) = read_attempt_values(tmp_path)

    assert (2, 1, None, None) == (row.tool_calls, row.tool_calls_invalid, row.trajectory_id, row.turn)
    assert row.first_tool_call_s is not None
    assert row.first_complete_call_s is not None
    assert ["call_1", "call_9"] == [call["id"] for call in stored_calls(texts(tmp_path)["calls"].iloc[0])]
    assert ["call_1", "call_9"] == [call.id for call in seen[0].replies[0].tool_calls]
    assert [] == read_trajectory_values(tmp_path)


def test_a_request_without_tools_has_no_counts(tmp_path: Path) -> None:
    """Null, not 0."""
    go(tmp_path, episode_plan(episode=None, tools=None), TurnRunner(None, [SOLVED[2]]))

    assert [(None, None, None)] == rows(tmp_path, "tool_calls", "tool_calls_invalid", "tool_wait_s")


def test_what_tools_return_is_redacted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that shows a key of ours: neither payload has it."""
    monkeypatch.setenv("ADDER_API_KEY", "sk-secret-0123456789")

    class Telling(AddingConversation):
        def _run(self, turn: int, call_id: str, name: str, arguments_json: str) -> StepRecord:
            return replace(
                super()._run(turn, call_id, name, arguments_json), content="the key is sk-secret-0123456789"
            )

    go(tmp_path, episode_plan(), TurnRunner(None, SOLVED), Conversations(lambda given, _: Telling(given)))
    stored = texts(tmp_path)

    assert "sk-secret" not in "".join(stored["messages"]) + "".join(stored["calls"].dropna())
    assert "[redacted]" in stored["messages"].iloc[1]


def test_documents_of_a_prompt_are_kept_with_the_run(tmp_path: Path) -> None:
    """By their hash, like images."""
    pdf = Document("application/pdf", b"%PDF-1.7")
    given = episode_sample(0, messages=(Message("user", (pdf, Text("Add up."))),))
    made = episode_plan()
    task = replace(made.cells[0].task, samples=(given,))
    go(tmp_path, replace(made, cells=(replace(made.cells[0], task=task),)), TurnRunner(None, SOLVED))

    assert b"%PDF-1.7" == (tmp_path / "media" / pdf.sha256).read_bytes()


def test_tools_that_come_with_a_line_are_declared_from_then_on_and_noted(tmp_path: Path) -> None:
    """The prompt of turn 1 has one more tool, and its payload says which; a retry and turn 2 have it too."""
    more = Tool("sub", "takes n off", {"type": "object"})
    both = replace(TOOLS, tools=(*TOOLS.tools, more))
    opened = Conversations(lambda sample, _: AddingConversation(sample, lines=("Go on.",), new_tools=both))
    busy = RunnerError("overloaded", "busy", http_status=503)
    runner = TurnRunner(None, [[saying("What?")], [busy, adding(3)], [saying("3")]])
    go(tmp_path, episode_plan(), runner, opened)

    declared = [[tool.name for tool in request.tools.tools] for request in runner.requests if request.tools]
    assert [["add"], ["add", "sub"], ["add", "sub"], ["add", "sub"]] == declared
    notes = [
        [
            part["new_tools"]
            for message in json.loads(stored)
            for part in message["parts"]
            if "new_tools" in part
        ]
        for stored in texts(tmp_path)["messages"]
    ]
    assert [[], [["sub"]], [["sub"]], []] == notes
    assert [("correct", 1.0)] == rows(tmp_path, "outcome", "score")[-1:]


def test_a_new_tool_s_call_is_valid_once_it_is_declared(tmp_path: Path) -> None:
    """Counted against the tools of the turn, where the conversation does not say: 1 invalid, then 0."""
    both = replace(TOOLS, tools=(*TOOLS.tools, Tool("sub", "", {"type": "object"})))
    call = [Chunk(tool_call=ToolCallPiece(0, "c", "sub", "{}")), Chunk(finish_reason="tool", usage=Usage(1))]

    class Silent(AddingConversation):
        async def follow(self, reply: Message) -> Step:
            self.messages.append(reply)
            if len(self.messages) > 2:
                return Step(termination="done")
            return Step((Message("user", (Text("Go on."),)),), tools=both)

    opened = Conversations(lambda sample, _: Silent(sample))
    go(tmp_path, episode_plan(), TurnRunner(None, [[call], [call]]), opened)
    assert [(1, 1), (1, 0)] == rows(tmp_path, "tool_calls", "tool_calls_invalid")
