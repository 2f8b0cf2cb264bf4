"""The parts of an episode's time tile the whole: model, tools, user, and what is left for the queue."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gapbench import transport
from gapbench.agents import Conversation, User, UserReply, open_conversation
from gapbench.errors import RunnerError
from gapbench.execution.attempts.attempt_row import CellClock, build_attempt_row
from gapbench.execution.attempts.episode_sender import AskUserOf, EpisodeSender
from gapbench.execution.attempts.lag_meter import LagMeter
from gapbench.execution.attempts.load_generator import run_load
from gapbench.execution.attempts.reply_price import usage_pricer
from gapbench.execution.attempts.request_sender import CompletedAttempt, RequestSender
from gapbench.execution.attempts.trajectory_row import build_trajectory_row
from gapbench.execution.limits.admission import AdmissionControl
from gapbench.execution.limits.retry import RetryBudget
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.suite.plan import Load, Plan, PlannedRequest
from gapbench.values import (
    Attempt,
    Episode,
    Message,
    PlayedUser,
    Sample,
    Text,
    Trajectory,
    Usage,
)
from gapbench.values.policies import RetryPolicy, RunPolicies, Timeouts
from tests.episodes import AddingConversation, TurnRunner, adding, episode_plan, saying
from tests.makers import model
from tests.virtual_time import run_virtually

POLICIES = RunPolicies(RetryPolicy(max_attempts=3, backoff_base_s=0.0))


class SlowStart(AddingConversation):
    """Its tools take three seconds to start."""

    async def begin(self) -> Any:
        await asyncio.sleep(3)
        return await super().begin()


class Timeless(AddingConversation):
    """Says that its tools took an hour, which nobody waited for."""

    async def follow(self, reply: Any) -> Any:
        return replace(await super().follow(reply), tool_s=3600.0)


def play(
    made: Plan,
    runner: TurnRunner,
    kind: type[AddingConversation] = AddingConversation,
    ask_user: AskUserOf | None = None,
    **given: Any,
) -> tuple[list[Attempt], list[Trajectory]]:
    """Send one cell in virtual time and return its rows and its episodes."""
    rows: list[Attempt] = []
    episodes: list[Trajectory] = []
    cell = made.cells[0]

    async def main() -> None:
        stop_signal = StopSignal()
        clock = CellClock(transport.now(), datetime.now(UTC))

        async def deliver(completed: CompletedAttempt) -> None:
            row = build_attempt_row(
                "run", ("s", "h"), cell, completed.planned, completed.call, completed.response, None,
                completed.context, clock, simulated=True, turn=completed.turn,
            )  # fmt: skip
            rows.append(row)
            episode = build_trajectory_row(row, completed.turn, clock)
            episodes.extend([] if episode is None else [episode])

        def opened(sample: Sample, user: User | None) -> Conversation:
            return kind(sample, **given) if user is None else open_conversation(sample, user)

        admission = AdmissionControl(
            cell.model, POLICIES, RetryBudget(POLICIES.retries), None, stop_signal, lambda _: None
        )
        meter = LagMeter.start()
        sender = RequestSender(cell, runner, Timeouts(), meter, deliver, admission)
        episode_sender = EpisodeSender(sender, usage_pricer(runner, cell.model), opened, ask_user)
        await run_load(
            cell.load, [(planned, 0) for planned in cell.requests], episode_sender.send,
            retries=POLICIES.retries, stop_signal=stop_signal, seed=1, cell_start_s=clock.start_s,
        )  # fmt: skip
        await episode_sender.close()
        meter.stop()

    run_virtually(main())
    return rows, episodes


@pytest.fixture(autouse=True)
def _virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "now", lambda: asyncio.get_running_loop().time())


def parts(episode: Trajectory) -> tuple[float, ...]:
    return tuple(
        round(part, 2)
        for part in (episode.wall_s, episode.model_s, episode.tool_s, episode.user_s, episode.queue_s)
    )


def test_model_tools_and_user_add_up() -> None:
    """Replies of 2 s, a tool of 5 s, a user who thinks 10 s: 2 + 5 + 2 + 10 + 2 = 21 s, and nobody waits."""
    runner = TurnRunner(None, [[adding(3)], [saying("Done.")], [saying("Bye.")]], reply_s=2.0)
    rows, (episode,) = play(episode_plan(), runner, tool_s=5.0, lines=("And?",), think_s=10.0)

    assert (21.0, 6.0, 5.0, 10.0, 0.0) == parts(episode)
    assert [5.0, None, None] == [row.tool_wait_s for row in rows]
    assert [0, 7, 19] == [round(row.scheduled_s or 0.0) for row in rows]


def test_the_parts_sum_to_the_whole() -> None:
    """Within a millisecond, for each of three episodes."""
    runner = TurnRunner(None, [[adding(3)], [saying("Done.")], [saying("Bye.")]], reply_s=0.123)
    _, episodes = play(
        episode_plan(count=3, load=Load("concurrency", 2)),
        runner,
        tool_s=0.456,
        lines=("And?",),
        think_s=0.789,
    )

    assert 3 == len(episodes)
    for episode in episodes:
        total_s = episode.model_s + episode.tool_s + episode.user_s + episode.queue_s
        assert abs(episode.wall_s - total_s) < 0.001
        assert episode.queue_s > -0.001


def test_retries_and_a_slow_start_are_queue() -> None:
    """3 s to start the tools, and a failed reply of 2 s; then 2 s of the model."""
    turns: list[Any] = [[RunnerError("server", "oops", http_status=500), saying("3")]]
    _, (episode,) = play(episode_plan(), TurnRunner(None, turns, reply_s=2.0), SlowStart)

    assert (7.0, 2.0, 0.0, 0.0, 5.0) == parts(episode)
    assert 1 == episode.retries


def test_an_open_loop_counts_from_when_the_episode_was_due() -> None:
    """One episode a second, from the start: each begins when it is due, while others are in flight."""
    load = Load("rate", 1.0, duration_s=3.0, warmup_s=0.0, max_requests=3)
    rows, episodes = play(
        episode_plan(count=3, load=load), TurnRunner(None, [[adding(3)], [saying("3")]], reply_s=5.0)
    )

    assert len(episodes) == len({row.sample_id for row in rows})
    assert all(10.0 == round(episode.wall_s, 1) for episode in episodes)
    assert [row.scheduled_s for row in rows if row.turn == 0] == [episode.start_s for episode in episodes]


def test_tools_cannot_take_longer_than_the_episode() -> None:
    """A conversation whose clock is wrong makes no negative wait."""
    _, (episode,) = play(
        episode_plan(), TurnRunner(None, [[adding(3)], [saying("3")]], reply_s=2.0), Timeless
    )

    assert (4.0, 4.0, 0.0, 0.0, 0.0) == parts(episode)
    assert model().id == episode.model_id


class Speaking:
    """Plays the user: says each line after seven seconds, three of which it waited in a queue."""

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)

    async def __call__(self, planned: PlannedRequest, messages: tuple[Message, ...]) -> UserReply:
        await asyncio.sleep(7)
        return UserReply(self._lines.pop(0), 4.0, Usage(10, output_tokens=1))


def played_plan(*roles: str) -> Plan:
    """Return one episode, whose user a model plays and who thinks for five seconds."""
    prompt = tuple(Message(role, (Text(role),)) for role in roles)  # type: ignore[arg-type]
    made = episode_plan(
        messages=prompt, tools=None, episode=Episode(played_user=PlayedUser("u", "x"), think_time_s=5.0)
    )
    return replace(made, users={"u": model("u")})


def test_a_played_user_has_its_own_time() -> None:
    """Replies of 2 s; lines of 7 s, 4 of them the user's and 3 the queue's; 5 s of thought before the one that goes on.

    2 + 7 + 5 + 2 + 7 = 23 s: the model has 4, the user 4 + 5 + 4, and the queue twice 3.
    """
    runner = TurnRunner(None, [[saying("What?")], [saying("Here.")]], reply_s=2.0)
    _, (episode,) = play(played_plan("user"), runner, ask_user=Speaking("Tea.", "###STOP###"))

    assert (23.0, 4.0, 0.0, 13.0, 6.0) == parts(episode)
    assert (20, 2) == (episode.user_input_tokens, episode.user_output_tokens)


def test_the_wait_for_the_users_first_line_counts() -> None:
    """The user speaks first: 7 + 2 + 7 = 16 s, of which the user has 8 and the queue 6."""
    runner = TurnRunner(None, [[saying("Here.")]], reply_s=2.0)
    _, (episode,) = play(played_plan("system"), runner, ask_user=Speaking("Tea.", "###STOP###"))

    assert (16.0, 2.0, 0.0, 8.0, 6.0) == parts(episode)
