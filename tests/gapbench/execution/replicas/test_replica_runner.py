"""One model at several addresses: who gets a request, what a dead replica costs, and what the rows say."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import DocumentError, RunnerError, SetupError
from gapbench.execution.replicas.choice import PREFIX_CHARS, choose_replica, prefix_key_of
from gapbench.execution.replicas.replica import FIRST_WAIT_S, Replica
from gapbench.execution.replicas.replica_runner import ReplicaRunner
from gapbench.execution.run import RunSettings
from gapbench.execution.setup import make_ad_hoc_model
from gapbench.runner import account_of
from gapbench.store import read_payload
from gapbench.suite.plan import Load
from gapbench.suite.suite import load_suite
from gapbench.values import Message, Model, Request, Session, Text
from gapbench.values.policies import RetryPolicy, RunPolicies
from gapbench.values.requests import Params
from tests.gapbench.execution.test_run import ANSWERS, frame, go
from tests.makers import ScriptedRunner, model, plan

ADDRESSES = ("http://a:8000/v1", "http://b:8000/v1", "http://c:8000/v1")
REFUSED = RunnerError("connect", "connection refused")


class Clock:
    """Stands until it is moved."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def made(count: int = 3, clock: Clock | None = None) -> list[Replica]:
    return [Replica(address, ScriptedRunner(model()), clock or Clock()) for address in ADDRESSES[:count]]


def at(*addresses: str, **changes: Any) -> Model:
    return model(base_url=addresses[0], replicas=addresses, **changes)


def test_the_replica_with_the_least_in_flight_is_next() -> None:
    """2, 1 and 3 in flight: the second."""
    replicas = made()
    for replica, count in zip(replicas, (2, 1, 3), strict=True):
        replica.in_flight = count

    assert ADDRESSES[1] == choose_replica(replicas, 0).address


def test_a_tie_goes_round() -> None:
    """Three idle replicas and four requests in turn: a, b, c, a."""
    replicas = made()

    assert ["a", "b", "c", "a"] == [choose_replica(replicas, n).address[7] for n in range(4)]


def test_one_conversation_stays_at_one_replica() -> None:
    """Its later turns have the same system prompt and first question."""
    first = (Message("system", (Text("Be brief."),)), Message("user", (Text("Hello"),)))
    later = (*first, Message("assistant", (Text("Hi"),)), Message("user", (Text("And now?"),)))

    assert prefix_key_of(first) == prefix_key_of(later)


def test_prompts_with_the_same_long_start_share_a_key() -> None:
    """They differ after the first 1,024 characters."""
    start = "x" * PREFIX_CHARS

    assert prefix_key_of((Message("user", (Text(start + "1"),)),)) == prefix_key_of(
        (Message("user", (Text(start + "2"),)),)
    )


def test_a_prefix_is_sent_to_the_same_replica_by_every_process() -> None:
    """Whatever wins a tie: 12 times the same, and 60 prefixes use all three."""
    chosen = {choose_replica(made(), first, "a prompt").address for first in range(12)}
    spread = {choose_replica(made(), 0, f"prompt {n}").address for n in range(60)}

    assert 1 == len(chosen)
    assert 3 == len(spread)


def test_a_busy_replica_passes_a_prefix_on() -> None:
    """Of 11 requests in flight, 5 are at most 1.25 x 12 / 3, and 6 are more; with less load, 4 stay."""
    replicas = made()
    favorite = choose_replica(replicas, 0, "a prompt")
    favorite.in_flight = 3
    assert favorite is choose_replica(replicas, 0, "a prompt")
    others = [replica for replica in replicas if replica is not favorite]
    favorite.in_flight, others[0].in_flight, others[1].in_flight = 4, 4, 3
    assert favorite is choose_replica(replicas, 0, "a prompt")
    favorite.in_flight = 6

    assert favorite is not choose_replica(replicas, 0, "a prompt")


@pytest.mark.parametrize(
    ("kinds", "is_in_use"),
    [
        (["connect"], False),
        (["server", "server"], True),
        (["server", "server", "timeout"], False),
        (["server", "server", None, "server"], True),
        (["server", "bad_request", "server", "server"], True),
        (["rate_limit"] * 9, True),
    ],
)
def test_failures_in_a_row_take_a_replica_out(kinds: list[str | None], is_in_use: bool) -> None:
    """Three, or one that the next request would share."""
    (replica,) = made(1)
    for kind in kinds:
        replica.begin()
        replica.end(kind)

    assert is_in_use == replica.is_in_use


def test_a_replica_is_tried_with_one_request_and_used_again() -> None:
    """After 5 s one request tries it; its failure makes it wait 10 s more, and its answer brings it back."""
    clock = Clock()
    first, second = made(2, clock)
    first.take_out("refused")
    assert second is choose_replica([first, second], 0)
    clock.now_s += FIRST_WAIT_S
    assert first is choose_replica([first, second], 0)
    first.begin()
    assert second is choose_replica([first, second], 0)
    first.end("connect")
    clock.now_s += 9.0
    assert second is choose_replica([first, second], 0)
    clock.now_s += 1.0
    assert first is choose_replica([first, second], 0)
    first.begin()
    first.end(None)

    assert first.is_in_use


SETTINGS = RunSettings(RunPolicies(RetryPolicy(max_attempts=3, max_wait_s=0.0)))


def replicated(scripts: dict[str, dict[str, list[Any]]], **changes: Any) -> ReplicaRunner:
    """Return the runner of a model whose replicas answer by a script each."""
    return ReplicaRunner(
        at(*scripts, **changes), lambda single: ScriptedRunner(single, scripts[single.base_url or ""])
    )


def test_each_row_names_its_replica(tmp_path: Path) -> None:
    """40 requests, one after another: half of them to each."""
    runner = replicated({ADDRESSES[0]: ANSWERS, ADDRESSES[1]: ANSWERS})
    one_by_one = Load("concurrency", 1)
    go(tmp_path / "run", plan(runner.model, count=40, load=one_by_one), {"m": runner}, SETTINGS)  # type: ignore[dict-item]

    assert {ADDRESSES[0]: 20, ADDRESSES[1]: 20} == frame(tmp_path / "run")["replica"].value_counts().to_dict()


def test_one_address_is_not_recorded(tmp_path: Path) -> None:
    """The column is null."""
    go(tmp_path / "run", plan(), {"m": ScriptedRunner(model(), ANSWERS)}, SETTINGS)

    assert frame(tmp_path / "run")["replica"].isna().all()


def test_a_dead_replica_costs_no_answer(tmp_path: Path) -> None:
    """All 40 are answered; the failures name the replica, and the model is not given up though more than 10 fail at once."""
    runner = replicated({ADDRESSES[0]: ANSWERS, ADDRESSES[1]: {"*": [REFUSED]}})
    load = Load("concurrency", 30)
    manifest, _ = go(
        tmp_path / "run",
        plan(runner.model, count=40, load=load),
        {"m": runner},  # type: ignore[dict-item]
        SETTINGS,
    )
    rows = frame(tmp_path / "run")
    failed = rows[rows["outcome"] == "infra"]

    assert "complete" == manifest.state
    assert 40 == (rows["final"] & (rows["outcome"] == "correct")).sum()
    assert {ADDRESSES[1]} == set(failed["replica"])
    errors = read_payload([tmp_path / "run"])["error"].dropna()
    assert all(error.startswith(f"{ADDRESSES[1]}: ") for error in errors)


def test_a_model_without_a_living_replica_is_given_up(tmp_path: Path) -> None:
    """The failures are then those of the model."""
    runner = replicated({address: {"*": [RunnerError("auth", "wrong key")]} for address in ADDRESSES[:2]})
    manifest, _ = go(
        tmp_path / "run",
        plan(runner.model, count=40, load=Load("concurrency", 1)),
        {"m": runner},  # type: ignore[dict-item]
        SETTINGS,
    )

    assert "failed" == manifest.state


def test_replicas_that_cannot_be_reached_are_left_out(tmp_path: Path) -> None:
    """One of two has nothing behind its address; with both so, the model cannot be opened."""
    said: list[str] = []
    session = Session(tmp_path, notify=said.append)

    class Unreachable(ScriptedRunner):
        def endpoint(self) -> str | None:
            return "http://127.0.0.1:9/v1" if self.model.base_url == ADDRESSES[1] else None

    half = ReplicaRunner(at(*ADDRESSES[:2]), Unreachable)
    asyncio.run(half.open(session))

    assert [True, False] == [replica.is_in_use for replica in half.replicas]
    assert [ADDRESSES[1]] == [line.split()[1] for line in said if "left out" in line]
    none = ReplicaRunner(at(ADDRESSES[1], ADDRESSES[1]), Unreachable)
    with pytest.raises(SetupError, match="none of 2 replicas"):
        asyncio.run(none.open(session))


def test_replicas_that_differ_are_said(tmp_path: Path) -> None:
    """Two versions of the server are not one model."""
    said: list[str] = []

    class Versioned(ScriptedRunner):
        async def facts(self) -> dict[str, Any]:
            return {"vllm": "0.31" if self.model.base_url == ADDRESSES[0] else "0.32"}

    runner = ReplicaRunner(at(*ADDRESSES[:2]), Versioned)
    asyncio.run(runner.open(Session(tmp_path, notify=said.append)))

    assert ["m: its replicas differ in vllm"] == said


def test_prefix_affinity_is_on_request() -> None:
    """By default a call has no key."""
    request = Request(model(), (Message("user", (Text("Hello"),)),), Params())
    scripts: dict[str, dict[str, list[Any]]] = {address: {} for address in ADDRESSES[:2]}

    assert replicated(scripts).prepare(request).prefix_key is None
    assert replicated(scripts, replica_choice="prefix").prepare(request).prefix_key is not None


def test_replicas_share_one_account() -> None:
    """In any order."""
    assert account_of(at(*ADDRESSES)) == account_of(at(*reversed(ADDRESSES)))
    assert account_of(at(*ADDRESSES)) != account_of(replace(model(), base_url=ADDRESSES[0]))


SUITE = """
name: s
models:
  - {{id: m, runner: openai, model: llama, weights: open, base_url: {urls}}}
tasks: [reasoning/arithmetic]
"""


def suite_with(folder: Path, urls: str) -> Path:
    (folder / "s.yaml").write_text(SUITE.format(urls=urls))
    return folder / "s.yaml"


@pytest.mark.parametrize(
    ("urls", "replicas"),
    [
        ("http://a/v1", ()),
        ("[http://a/v1]", ()),
        ("[http://a/v1, http://b/v1]", ("http://a/v1", "http://b/v1")),
    ],
)
def test_a_suite_lists_addresses(tmp_path: Path, urls: str, replicas: tuple[str, ...]) -> None:
    """A list of one is one address."""
    found = load_suite(suite_with(tmp_path, urls)).models_by_id()["m"]

    assert ("http://a/v1", replicas) == (found.base_url, found.replicas)


@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        ("[http://a/v1, http://a/v1/]", "listed twice"),
        ("[http://a/v1, b]", "expected an address"),
        ("[]", "base_url"),
    ],
)
def test_wrong_addresses_are_refused(tmp_path: Path, urls: str, problem: str) -> None:
    """With the file and the line."""
    with pytest.raises(DocumentError, match=problem) as wrong:
        load_suite(suite_with(tmp_path, urls))

    assert "s.yaml:4" in str(wrong.value)


def test_the_command_line_lists_addresses() -> None:
    """With commas."""
    found = make_ad_hoc_model("vllm", "org/llama", "http://a/v1,http://b/v1")

    assert ("llama", ("http://a/v1", "http://b/v1")) == (found.id, found.replicas)
