"""A real model behind real vLLM calls tools: five of them, over three APIs, in episodes that `bench run` plays."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from gapbench.analysis.quality.gap import gap
from gapbench.store import read_attempts, read_manifest, read_payload, read_trajectories
from gapbench.suite.tasks.loader import load_task, read_task
from gapbench.values import Model, Params, Request, Response, Sample, canonical_json, sha256
from gapbench_runners.anthropic import AnthropicRunner
from gapbench_runners.openai import OpenAIRunner
from gapbench_runners.vllm.runner import VllmRunner
from tests.gapbench_runners.replay import Replay, ask
from tests.vllm.library.episodes import FOLDER, Play, draw_episode, run_tool

pytestmark = pytest.mark.vllm
APIS = ("chat", "messages", "responses")
PARAMS = {"temperature": 0, "max_tokens": 160}


def draw_plays() -> dict[str, Play]:
    """Return the episodes: every case of the desk, with pairs of books that the model was never trained on."""
    draw = random.Random(3)
    cases: dict[str, dict[str, Any]] = {
        "lend-and-reserve": {"frees": (True, False)},
        "reserve-and-lend": {"frees": (False, True)},
        "lend-both": {"frees": (True, True)},
        "reserve-both": {"frees": (False, False)},
        "lend-one": {"frees": (True,)},
        "nobody": {"frees": (True, False), "known": False},
    }
    return {name: draw_episode(draw, test=True, **case) for name, case in cases.items()}


PLAYS = draw_plays()


def write_task(folder: Path) -> Path:
    """Write the task with its tools and episodes, and return its file."""
    for name in ("task.yaml", "tools.py"):
        (folder / name).write_text((FOLDER / name).read_text())
    rows = [
        {
            "id": name,
            "request": play.request,
            "state": play.state,
            "turns": play.turns,
            "expected": play.expected,
        }
        for name, play in PLAYS.items()
    ]
    (folder / "episodes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "task.yaml"


def grown(before: Mapping[str, float], after: Mapping[str, float], name: str) -> float:
    return after[name] - before[name]


def server_counts(url: str) -> dict[str, float]:
    """Return the server's counters of tokens, as Prometheus reads them."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as reply:
        text = reply.read().decode()
    found = re.findall(r"^(vllm:(?:prompt|generation)_tokens_total)\{.*\} (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


@pytest.fixture(scope="module")
def run(tools_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """A finished run over the three APIs, and what it added to the server's counters."""
    folder = tmp_path_factory.mktemp("tools")
    write_task(folder)
    before = server_counts(tools_url)
    ended = bench_run(folder, suite_of(tools_url))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    after = server_counts(tools_url)
    return folder / ended.stdout.strip().splitlines()[-1], {
        name: grown(before, after, name) for name in after
    }


def suite_of(url: str, **settings: Any) -> dict[str, Any]:
    """Return a suite that plays the task over the three APIs of one server."""
    attached = {"model": "tiny", "weights": "open", "tool_parser": "hermes"}
    return {
        "name": "tools", "params": PARAMS, "tasks": [{"task": "task.yaml", **settings}], "loads": [{"concurrency": 3}],
        "models": [
            {"id": "chat", "runner": "vllm", "base_url": f"{url}/v1", **attached},
            {"id": "messages", "runner": "anthropic", "base_url": url, **attached},
            {"id": "responses", "runner": "openai", "api": "responses", "base_url": f"{url}/v1", **attached},
        ],
    }  # fmt: skip


def bench_run(folder: Path, suite: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run a suite in a folder."""
    (folder / "suite.yaml").write_text(yaml.safe_dump(suite))
    command = [
        sys.executable, "-m", "gapbench.cli", "run", "suite.yaml", "--yes", "--quiet", "--allow-code", "--out", "results",
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=500)


@pytest.fixture(scope="module")
def rows(run: tuple[Path, dict[str, float]]) -> pd.DataFrame:
    """The attempts of that run with their payloads, turn by turn."""
    key = ["cell_id", "sample_id", "repeat", "attempt"]
    frame = read_attempts([run[0]]).merge(read_payload([run[0]]), on=["run_id", *key])
    return frame.sort_values(["model_id", "sample_id", "turn"])


@pytest.fixture(scope="module")
def episodes(run: tuple[Path, dict[str, float]]) -> pd.DataFrame:
    """The episodes of that run."""
    return read_trajectories([run[0]]).set_index(["model_id", "sample_id"]).sort_index()


def calls_of(turns: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the recorded calls of some turns, in their order."""
    return [call for text in turns["calls"].dropna() for call in json.loads(text)]


def what_was_said(turns: pd.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Yield the text, and the names and arguments of the calls, of each turn."""
    for at in range(len(turns)):
        turn = turns.iloc[at : at + 1]
        calls = [(call["name"], json.loads(call["arguments_json"])) for call in calls_of(turn)]
        yield (*turn.iloc[0][["sample_id", "turn", "reply"]], calls)


def test_every_episode_is_played_to_its_end(episodes: pd.DataFrame) -> None:
    """3 APIs x 6 episodes; none is lost and none runs into a limit."""
    assert {(api, name) for api in APIS for name in PLAYS} == set(episodes.index)
    assert set(episodes["termination"]) == {"done"}


def test_the_model_solves_them(episodes: pd.DataFrame) -> None:
    """It reaches the expected state over each API, also with books that it never saw together."""
    assert episodes["success"].all(), episodes[~episodes["success"].astype(bool)]["reason"]


@pytest.mark.parametrize("api", APIS)
def test_all_five_tools_are_called(rows: pd.DataFrame, api: str) -> None:
    """Over each API."""
    assert {call["name"] for call in calls_of(rows[rows["model_id"] == api])} == {
        "find_member", "find_book", "lend_book", "reserve_book", "send_note",
    }  # fmt: skip


@pytest.mark.parametrize("api", APIS)
def test_several_calls_come_in_one_reply(rows: pd.DataFrame, api: str) -> None:
    """A member and two books; then a loan and a reservation; a note; and two replies without a call."""
    turns = rows[(rows["model_id"] == api) & (rows["sample_id"] == "lend-and-reserve")]

    assert [3, 2, 1, 0, 0] == turns["tool_calls"].tolist()


def test_the_final_state_is_that_of_an_independent_replay(rows: pd.DataFrame, episodes: pd.DataFrame) -> None:
    """The recorded calls, made again in this process without the sandbox, give the same results and the same state."""
    for episode in episodes.reset_index().to_dict("records"):
        api, name = str(episode["model_id"]), str(episode["sample_id"])
        state = copy.deepcopy(PLAYS[name].state)
        turns = rows[(rows["model_id"] == api) & (rows["sample_id"] == name)]
        for call in calls_of(turns):
            assert call["result"] == run_tool(state, call["name"], json.loads(call["arguments_json"]))
        assert episode["state_sha256"] == sha256(canonical_json(state))


@pytest.mark.parametrize("api", APIS)
def test_a_failed_call_is_told_to_the_model(rows: pd.DataFrame, episodes: pd.DataFrame, api: str) -> None:
    """Nobody of that name: the tool raises, and the model says so and does nothing more."""
    turns = rows[(rows["model_id"] == api) & (rows["sample_id"] == "nobody")]

    assert [True, False, False] == [call["is_error"] for call in calls_of(turns)]
    assert episodes.loc[(api, "nobody"), "calls_failed"] == 1
    assert "There is no member" in turns["reply"].iloc[1]


def test_replies_are_the_same_over_the_three_apis(rows: pd.DataFrame) -> None:
    """At temperature 0: the texts, and the names and arguments of the calls, turn by turn."""
    said = {api: list(what_was_said(rows[rows["model_id"] == api])) for api in APIS}

    assert said["chat"] == said["messages"] == said["responses"]


@pytest.mark.parametrize("column", ["input_tokens", "output_tokens"])
def test_token_counts_agree_between_the_apis(rows: pd.DataFrame, column: str) -> None:
    """Three protocols count one conversation alike, declared tools, calls and results included."""
    counts = rows.pivot_table(index=["sample_id", "turn"], columns="model_id", values=column, observed=True)

    assert (counts.nunique(axis=1) == 1).all(), counts[counts.nunique(axis=1) > 1]


def test_token_counts_agree_with_the_servers_own(
    run: tuple[Path, dict[str, float]], rows: pd.DataFrame, episodes: pd.DataFrame
) -> None:
    """Prometheus counted what the rows and the episodes say, over all turns of all APIs."""
    asked, made = run[1]["vllm:prompt_tokens_total"], run[1]["vllm:generation_tokens_total"]

    assert (asked, made) == (rows["input_tokens"].sum(), rows["output_tokens"].sum())
    assert (asked, made) == (episodes["input_tokens"].sum(), episodes["output_tokens"].sum())


def test_cached_tokens_agree_with_the_servers_own(
    run: tuple[Path, dict[str, float]], rows: pd.DataFrame
) -> None:
    """Each turn repeats the one before, so the server finds most of its prompt in its cache."""
    cell = next(cell for cell in read_manifest(run[0]).cells if cell.model_id == "chat")
    before, after = cell.counters_before or {}, cell.counters_after or {}
    cached = rows[rows["model_id"] == "chat"]["cached_input_tokens"].sum()

    assert cached == grown(before, after, "vllm:prompt_tokens_cached_total")
    assert cached > 0


def test_the_parts_of_an_episodes_time_add_up(episodes: pd.DataFrame) -> None:
    """Model, tools, user and queue are the whole, within a millisecond; tools took some time."""
    parts = episodes[["model_s", "tool_s", "user_s", "queue_s"]]

    assert (parts >= 0).all().all()
    assert ((parts.sum(axis=1) - episodes["wall_s"]).abs() <= 0.001).all()
    assert (episodes["tool_s"] > 0).all()


def test_times_of_calls_are_in_order(rows: pd.DataFrame) -> None:
    """Sent, first byte of a call, first whole call, done."""
    order = rows[rows["tool_calls"] > 0][["sent_s", "first_tool_call_s", "first_complete_call_s", "done_s"]]

    assert len(order) > 0
    assert (order.diff(axis=1).iloc[:, 1:] >= 0).all().all()


def test_the_parser_is_named(run: tuple[Path, dict[str, float]]) -> None:
    """In run.json, over each API; so no line says that the calls were read differently."""
    assert {"hermes"} == {model.facts["tool_call_parser"] for model in read_manifest(run[0]).models}
    assert not [line for line in gap([run[0]]).fairness if "tool calls are read" in line]


# ------------------------------------------------------------------ streams


DOORS: dict[str, tuple[Any, Model, str, str]] = {
    "chat": (VllmRunner, Model("m", "vllm", "tiny", "open"), "/v1", "/v1/chat/completions"),
    "messages": (AnthropicRunner, Model("m", "anthropic", "tiny", "open"), "", "/v1/messages"),
    "responses": (
        OpenAIRunner, Model("m", "openai", "tiny", "open", options={"api": "responses"}), "/v1", "/v1/responses",
    ),
}  # fmt: skip


def first_sample(folder: Path) -> Sample:
    document, source = read_task(write_task(folder))
    return load_task(document, source, None, allow_code=True).samples[0]


def body_for(api: str, sample: Sample) -> dict[str, Any]:
    """Return the body of an episode's first request."""
    runner, model, _, _ = DOORS[api]
    request = Request(model, sample.messages, Params(max_tokens=160, temperature=0), tools=sample.tools)
    return dict(runner(model).prepare(request).body)


def post(url: str, body: Mapping[str, Any]) -> bytes:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as reply:
        answer: bytes = reply.read()
    return answer


def calls_in_whole_reply(api: str, reply: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the calls of a reply that was not streamed."""
    match api:
        case "chat":
            calls = [call["function"] for call in reply["choices"][0]["message"]["tool_calls"]]
        case "responses":
            calls = [item for item in reply["output"] if item["type"] == "function_call"]
        case _:
            return [(part["name"], part["input"]) for part in reply["content"] if part["type"] == "tool_use"]
    return [(call["name"], json.loads(call["arguments"])) for call in calls]


def deltas_of(api: str, stream: bytes) -> dict[Any, list[str]]:
    """Return the pieces of arguments in a stream, by call."""
    pieces: dict[Any, list[str]] = {}
    for line in stream.decode().splitlines():
        if not line.startswith("data: {"):
            continue
        event = json.loads(line.removeprefix("data: "))
        if api == "chat":
            for choice in event["choices"]:
                for call in choice["delta"].get("tool_calls") or ():
                    pieces.setdefault(call["index"], []).append(call["function"].get("arguments") or "")
        elif api == "responses" and event["type"] == "response.function_call_arguments.delta":
            pieces.setdefault(event["output_index"], []).append(event["delta"])
        elif api == "messages" and event.get("delta", {}).get("type") == "input_json_delta":
            pieces.setdefault(event["index"], []).append(event["delta"]["partial_json"])
    return pieces


@pytest.mark.parametrize("size", [1_000_000, 7])
@pytest.mark.parametrize("api", APIS)
def test_our_parser_reads_the_streamed_calls_as_they_are(
    api: str, size: int, tools_url: str, tmp_path: Path
) -> None:
    """The stream's pieces put together, the reply without a stream, and our parser agree, however the bytes arrive."""
    runner, model, path, route = DOORS[api]
    sample = first_sample(tmp_path)
    body = body_for(api, sample)
    stream = post(tools_url + route, body)
    whole = {key: value for key, value in body.items() if key != "stream_options"}
    reply = json.loads(post(tools_url + route, {**whole, "stream": False}))

    replay = Replay(stream, pieces=[size] * (len(stream) // size))
    ours: Response = ask(runner, replay, model=model, path=path, messages=sample.messages, tools=sample.tools)
    streamed = {place: "".join(pieces) for place, pieces in deltas_of(api, stream).items()}

    assert ours.failure is None
    assert list(streamed.values()) == [call.arguments_json for call in ours.tool_calls]
    assert calls_in_whole_reply(api, reply) == [
        (call.name, json.loads(call.arguments_json)) for call in ours.tool_calls
    ]
    assert ["find_member", "find_book", "find_book"] == [call.name for call in ours.tool_calls]
    assert all(len(pieces) > 1 for pieces in deltas_of(api, stream).values())


# ------------------------------------------------------------------ a server without a parser


@pytest.fixture(scope="module")
def refused(vllm_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, pd.DataFrame]:
    """What a run prints against a vLLM without a parser (that of the other model), and its rows."""
    folder = tmp_path_factory.mktemp("refused")
    write_task(folder)
    ended = bench_run(folder, suite_of(vllm_url, limit=1))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    run_folder = next(line for line in ended.stdout.splitlines() if line.startswith("results/"))
    return " ".join((ended.stdout + ended.stderr).split()), read_attempts([folder / run_folder]).set_index(
        "model_id"
    )


@pytest.mark.parametrize("api", ["chat", "messages"])
def test_a_server_without_a_parser_is_told_in_one_line(refused: tuple[str, pd.DataFrame], api: str) -> None:
    """The line says what to add; the episodes count for nothing."""
    line = (
        f"{api}: no request was answered (bad_request: the server has no parser of tool calls; start vLLM with "
        "--enable-auto-tool-choice and --tool-call-parser hermes, or the parser of the model's family"
    )

    assert line in refused[0]
    assert set(refused[1].loc[[api], "outcome"]) == {"infra"}


def test_responses_without_a_parser_loses_calls_in_silence(refused: tuple[str, pd.DataFrame]) -> None:
    """There vLLM 0.32 answers with text, so nothing tells a lost call from a model that calls none (docs/how-to/tools.md)."""
    turns = refused[1].loc[["responses"]].sort_values("turn")

    assert ("wrong", 0) == (turns["outcome"].iloc[-1], turns["tool_calls"].sum())
