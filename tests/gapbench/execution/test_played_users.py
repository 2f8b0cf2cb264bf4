"""A model that plays the users of a run: its rows, retries, dollars and failures are its own."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import RunnerError
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.run import RunSettings, run
from gapbench.store import RunManifest, RunWriter, read_attempts, read_manifest, read_trajectories
from gapbench.store.verify import verify_run
from gapbench.suite.plan import Load, Plan
from gapbench.values import Episode, EpisodeLimits, PlayedUser
from gapbench.values.policies import RetryPolicy, RunPolicies
from tests.episodes import TurnRunner, saying
from tests.gapbench.execution.test_run import FAST, Watch
from tests.makers import model, plan, sample

# The user's first line is in the prompt, so its own first one is the second of the conversation.
LINES: list[Any] = [[saying("unused")], [saying("Tea, please.")], [saying("###STOP###")]]
REPLIES: list[Any] = [[saying("What do you want?")], [saying("Here is your tea.")]]
BROKEN = RunnerError("server", "no luck", http_status=500)
REFUSED = RunnerError("bad_request", "no such parameter", http_status=400)
BAD_KEY = RunnerError("auth", "wrong key", http_status=401)


def tea_plan(count: int = 1) -> Plan:
    """Return episodes whose user wants tea."""
    user = PlayedUser("u", "You want tea.")
    samples = tuple(
        sample(number, target="tea", episode=Episode(played_user=user, limits=EpisodeLimits(turns=4)))
        for number in range(count)
    )
    made = plan(load=Load("concurrency", 1), samples=samples, scorer_name="contains")
    return replace(made, users={"u": replace(model("u"), name="user-model")})


def go(
    folder: Path,
    user_turns: list[Any] = LINES,
    *,
    made: Plan | None = None,
    settings: RunSettings = FAST,
    replies: list[Any] = REPLIES,
    halt_after: int | None = None,
    resume: bool = False,
) -> tuple[RunManifest, TurnRunner, TurnRunner]:
    """Run a plan, and return its manifest, the runner of the model and that of the user."""
    under_test = TurnRunner(model(), replies)
    user = TurnRunner(replace(model("u"), name="user-model"), user_turns)

    async def main() -> RunManifest:
        halt = StopSignal()
        given = replace(settings, make_user_runner=lambda _: user)
        resumed = read_manifest(folder) if resume else None
        with RunWriter(folder) as writer:
            watch = Watch(halt, halt_after)
            return await run(
                made or tea_plan(), {"m": under_test}, writer, given, watch, halt, resumed_manifest=resumed
            )

    return asyncio.run(main()), under_test, user


def rows(folder: Path, phase: str, *columns: str) -> list[tuple[Any, ...]]:
    found = read_attempts([folder])
    found = found[found["phase"] == phase].sort_values(["sample_id", "attempt"])[list(columns)].astype(object)
    return list(found.where(found.notna(), None).itertuples(index=False, name=None))


def episode(folder: Path, *columns: str) -> tuple[Any, ...]:
    (found,) = read_trajectories([folder])[list(columns)].itertuples(index=False, name=None)
    return tuple(found)


def test_the_users_lines_reach_the_model(tmp_path: Path) -> None:
    """Two replies, and after the second the user ends it."""
    manifest, under_test, user = go(tmp_path)

    assert "complete" == manifest.state
    assert ["What is 0 + 1?", "What do you want?", "Tea, please."] == [
        message.text for message in under_test.prompts[1]
    ]
    assert ("done", "the user ended the conversation", 2, True) == episode(
        tmp_path, "termination", "reason", "turns", "success"
    )
    assert ["assistant", "user"] == [message.role for message in user.prompts[0]][-2:]


def test_each_request_to_the_user_is_a_row_that_ends_nothing(tmp_path: Path) -> None:
    """Two requests in a cell of their own, with the user's model; the model's rows are two as well."""
    go(tmp_path)

    assert [
        ("m|sums|c1|user", 1, False, "u", "user-model", "unscored", None),
        ("m|sums|c1|user", 2, False, "u", "user-model", "unscored", None),
    ] == rows(
        tmp_path, "user", "cell_id", "attempt", "final", "model_id", "model_asked", "outcome", "trajectory_id"
    )
    assert [(1, False), (2, True)] == rows(tmp_path, "measure", "attempt", "final")
    assert [] == verify_run(tmp_path)


def test_the_episode_knows_the_users_tokens(tmp_path: Path) -> None:
    """Two lines of 10 tokens in and 5 out each; those of the model are another 20 and 10."""
    go(tmp_path)

    assert (20, 10, 20, 10) == episode(
        tmp_path, "user_input_tokens", "user_output_tokens", "input_tokens", "output_tokens"
    )


def test_the_user_is_asked_at_temperature_0_with_the_seed(tmp_path: Path) -> None:
    """Of the plan, which is 7; the model under test has its own parameters."""
    _, under_test, user = go(tmp_path)

    assert (0.0, 7, 1_024) == (
        user.requests[0].params.temperature,
        user.requests[0].params.seed,
        user.requests[0].params.max_tokens,
    )
    assert under_test.requests[0].params.temperature is None


def test_the_manifest_names_the_user(tmp_path: Path) -> None:
    """Apart from the models that are compared."""
    manifest, _, _ = go(tmp_path)

    assert (["m"], ["u"]) == ([entry.id for entry in manifest.models], [entry.id for entry in manifest.users])


def test_a_retry_of_the_user_is_a_row_and_no_retry_of_the_model(tmp_path: Path) -> None:
    """The first try at its first line fails; the episode goes on as if nothing had been."""
    go(tmp_path, [LINES[0], [BROKEN, saying("Tea, please.")], LINES[2]])

    assert [(1, "server"), (2, None), (3, None)] == rows(tmp_path, "user", "attempt", "failure_kind")
    assert ("done", 0, True) == episode(tmp_path, "termination", "retries", "success")


def test_a_user_that_fails_for_good_is_infra(tmp_path: Path) -> None:
    """The model has answered once and is not asked again; its reply counts as cost and not as wrong."""
    _, under_test, _ = go(tmp_path, [LINES[0], [REFUSED]])

    assert 1 == len(under_test.prompts)
    assert [(True, "infra", "environment", None)] == rows(
        tmp_path, "measure", "final", "outcome", "failure_kind", "score"
    )
    assert [("infra", "bad_request")] == rows(tmp_path, "user", "outcome", "failure_kind")
    termination, reason = episode(tmp_path, "termination", "reason")
    assert ("infra", True) == (termination, "'u' that plays the user failed: bad_request" in reason)


def test_a_user_that_is_given_up_gives_the_model_up(tmp_path: Path) -> None:
    """Three refused keys: nothing is scored, the episodes stay unfinished, and a resumed run plays them."""
    manifest, under_test, _ = go(tmp_path, [LINES[0], [BAD_KEY]], made=tea_plan(3))

    assert "failed" == manifest.state
    assert "'u', which plays its user, was given up" in manifest.failures[0].message
    assert 1 == len(under_test.prompts)
    assert [] == [found for found in rows(tmp_path, "measure", "final") if found[0]]

    manifest, _, _ = go(tmp_path, made=tea_plan(3), resume=True)
    assert "complete" == manifest.state
    assert 3 == sum(final for (final,) in rows(tmp_path, "measure", "final"))
    assert [] == verify_run(tmp_path)


def test_a_resumed_run_goes_on_counting_the_users_attempts(tmp_path: Path) -> None:
    """Stopped after the first reply, the episode starts again: its user has rows 1, then 2 and 3."""
    go(tmp_path, halt_after=1)
    before = rows(tmp_path, "user", "attempt")
    go(tmp_path, resume=True)

    after = rows(tmp_path, "user", "attempt")
    assert len(before) + 2 == len(after)
    assert list(range(1, len(after) + 1)) == [number for (number,) in after]


def test_the_budget_counts_the_user(tmp_path: Path) -> None:
    """A dollar a row of the user and none for the model: after $2 no further episode starts."""
    settings = replace(FAST, max_usd=Decimal(2), price_attempt=lambda row: Decimal(int(row.phase == "user")))
    manifest, _, user = go(tmp_path, made=tea_plan(4), settings=settings)

    assert ("stopped", True) == (manifest.state, str(manifest.reason).startswith("--max-usd 2 reached: $2"))
    assert 2 == len(user.prompts)


def test_a_resumed_run_has_paid_for_its_users(tmp_path: Path) -> None:
    """The $2 of the first session leave nothing of a budget of $2."""
    settings = replace(FAST, price_attempt=lambda row: Decimal(int(row.phase == "user")))
    go(tmp_path, made=tea_plan(3), settings=settings, halt_after=2)
    manifest, _, user = go(
        tmp_path, made=tea_plan(3), settings=replace(settings, max_usd=Decimal(2)), resume=True
    )

    assert ("stopped", 0) == (manifest.state, len(user.prompts))


def test_the_cache_answers_for_the_user_too(tmp_path: Path) -> None:
    """A second run asks nobody, and its rows of the user say so."""
    settings = RunSettings(RunPolicies(RetryPolicy(max_wait_s=0.0), cache=tmp_path / "cache"))
    go(tmp_path / "first", settings=settings)
    _, under_test, user = go(tmp_path / "second", settings=settings)

    assert ([], []) == (under_test.prompts, user.prompts)
    assert [(True,), (True,)] == rows(tmp_path / "second", "user", "from_cache")
    assert (True,) == episode(tmp_path / "second", "success")


@pytest.mark.parametrize("turns", [LINES, [LINES[0], [REFUSED]]])
def test_every_runner_is_closed(tmp_path: Path, turns: list[Any]) -> None:
    """The model's and its user's, however the episodes end."""
    _, under_test, user = go(tmp_path, turns)

    assert (1, 1) == (under_test.close_count, user.close_count)
    assert (1, 1) == (under_test.open_count, user.open_count)
