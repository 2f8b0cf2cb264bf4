"""A replay of traffic beside the traffic itself, on a real vLLM: tokens, cache hits and first-token times.

Acceptance 3 of the issue on traffic: the twin, which has no word of the original, is within 3 % of it. ``original``:
sessions of two routes with a system prompt each, sent with their text. ``again``: the same once more, as a measure of
what differs between two runs anyway. ``blocks``: the twin of the original's own rows by the hashes of its prompt blocks.
``cached``: the twin by the sessions and the cached tokens that the server reported. Each starts with an empty cache.
The length of a word in tokens and the tokens of the chat template are measured by ``tokenizer`` of the replay. The four take
turns; over four rounds each comes after each of the others once. First-token times are of all rounds together, without the
first seconds of each run, in which the client connects. Twins are compared with ``original`` and ``again`` together, and
``again`` with ``original``; the intervals are from 4,000 bootstrap draws of whole sessions and whole rounds, the same for
both sides of a ratio.
Run: ``make test-vllm`` once for the environment, then ``.venv/bin/python benchmarks/replay_twin.py`` (eleven minutes).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from truth import BENCH, write

sys.path.insert(0, str(Path(__file__).parents[1]))

from gapbench.store import read_attempts
from gapbench.store.table_file import iterate_rows
from gapbench.suite.replay.prompt_fit import measure_fit_at
from gapbench.suite.replay.word_streams import WordStreams
from tests.vllm.real import MODEL, SERVE_ARGS, SERVE_ENV, VLLM_PYTHON, free_port, stop, wait_until_ready

BLOCK_TOKENS = 32
WARM_UP_S = 2.0
DRAWS = 4_000
ORDERS = ((0, 1, 3, 2), (1, 2, 0, 3), (2, 3, 1, 0), (3, 0, 2, 1))
"""A Williams square: each kind follows each other one once."""
Times = dict[tuple[int, str, str], float]
"""Seconds to the first token, by round, session and request."""
SYSTEM = {
    "faq": "answer questions about orders, parcels and refunds in one short sentence, and name the rule that applies. ",
    "chat": "you are a friendly guide to the old town. you know each street, each tower and each cafe, and you never lie. ",
}


@contextmanager
def serving(folder: Path, running: str | None) -> Iterator[str]:
    """Serve the small model with a prefix cache until the block ends; or use the server that runs already."""
    if running is not None:
        yield running
        return
    port, log = free_port(), folder / "vllm.log"
    command = [
        str(VLLM_PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", str(MODEL), "--host", "127.0.0.1",
        "--port", str(port), *SERVE_ARGS, "--enable-prefix-caching", "--block-size", str(BLOCK_TOKENS),
    ]  # fmt: skip
    environment = {**os.environ, **SERVE_ENV, "VLLM_SERVER_DEV_MODE": "1"}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
    try:
        wait_until_ready(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def post(url: str, body: Any = None) -> Any:
    """Return the JSON of an answer."""
    data = json.dumps(body).encode() if body is not None else b""
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def tokens_of(url: str, messages: Any) -> list[int]:
    """Return the tokens of a prompt, its template included."""
    found: list[int] = post(f"{url}/tokenize", {"model": "tiny", "messages": messages})["tokens"]
    return found


def write_log(file: Path, sessions: int, mean_gap_s: float, reply_tokens: int) -> None:
    """Write sessions of three turns: a start every ``mean_gap_s`` on average, and about a second to think."""
    draw = random.Random(5)
    text = "abcdefghijklmnopqrstuvwxyz    "
    rows, start_s = [], 0.0
    for session in range(sessions):
        start_s += draw.expovariate(1 / mean_gap_s)
        at_s, route = start_s, ("faq", "chat")[session % 2]
        messages = [{"role": "system", "content": SYSTEM[route]}]
        for _ in range(3):
            messages = [
                *messages,
                {"role": "user", "content": "".join(draw.choices(text, k=draw.randint(20, 60)))},
            ]
            rows.append(
                {
                    "at": f"2026-01-05T09:{int(at_s // 60):02d}:{at_s % 60:09.6f}Z", "route": route, "session": f"s{session}",
                    "prompt": messages, "took": 0.2, "output": reply_tokens,
                }
            )  # fmt: skip
            messages = [*messages, {"role": "assistant", "content": "".join(draw.choices(text, k=20))}]
            at_s += 0.2 + draw.uniform(0.5, 1.5)
    file.write_text("\n".join(map(json.dumps, rows)) + "\n")
    keys = {"time": "at", "route": "route", "session": "session", "messages": "prompt", "latency_s": "took"}
    keys["output_tokens"] = "output"
    file.with_suffix(".yaml").write_text(json.dumps(keys))


def bench(folder: Path, *arguments: str) -> None:
    """Run a command of gapbench."""
    done = subprocess.run([*BENCH, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def send(
    folder: Path, url: str, name: str, table: str, number: int = 0, **settings: Any
) -> tuple[Path, dict[str, int], Times]:
    """Replay a table with an empty cache; return the run, its counts, and the first-token times after the warm-up."""
    post(f"{url}/reset_prefix_cache")
    model = {"id": "tiny", "runner": "vllm", "model": "tiny", "weights": "open", "base_url": f"{url}/v1"}
    suite = {
        "name": name,
        "models": [model],
        "loads": [{"replay": {"traffic": table, **settings}, "workers": 1, "warmup_s": WARM_UP_S}],
    }
    (folder / f"{name}.yaml").write_text(json.dumps(suite))
    bench(folder, "run", f"{name}.yaml", "-y", "--out", str(folder / "results"))
    run = max((folder / "results").glob(f"{name}-*"), key=lambda path: path.stat().st_mtime_ns)
    rows = read_attempts([run])
    timed = rows[(rows["phase"] == "measure") & rows["first_token_s"].notna()]
    names = zip(timed["cluster_id"].astype(str), timed["sample_id"].astype(str), strict=True)
    first_s = (timed["first_token_s"] - timed["sent_s"]).astype(float)
    counts = {
        "requests": len(rows),
        "failed": int((rows["outcome"] == "infra").sum()),
        "input_tokens": int(rows["input_tokens"].sum()),
        "cached_input_tokens": int(rows["cached_input_tokens"].fillna(0).sum()),
        "output_tokens": int(rows["output_tokens"].sum()),
    }
    return run, counts, {(number, *name): value for name, value in zip(names, first_s, strict=True)}


def write_twin(folder: Path, run: Path, url: str) -> None:
    """Write the original's rows as tables without text: one with the hashes of the prompts' blocks, one without."""
    bench(folder, "traffic", "import", str(run), "--out", "rows.parquet")
    bench(folder, "traffic", "import", str(run), "--out", "cached.parquet", "--no-text")
    hashes: list[list[str]] = []
    for row in iterate_rows(folder / "rows.parquet", ["messages"]):
        messages = [
            {"role": turn["role"], "content": as_text(turn["content"])}
            for turn in json.loads(row["messages"])
        ]
        tokens = tokens_of(url, messages)
        ends = range(BLOCK_TOKENS, len(tokens) + 1, BLOCK_TOKENS)
        hashes.append([sha256(json.dumps(tokens[:end]).encode()).hexdigest()[:16] for end in ends])
    table = pq.read_table(folder / "cached.parquet")
    table = table.append_column("prefix_blocks", pa.array(hashes, pa.list_(pa.string())))
    sizes = pa.array([BLOCK_TOKENS] * len(hashes), pa.int32())
    pq.write_table(table.append_column("prefix_block_tokens", sizes), folder / "blocks.parquet")


def as_text(content: Any) -> str:
    """Return the text of a message's content."""
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def differences(original: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, float]:
    """Return by how much each figure of a run differs from the original's, in percent."""
    return {
        name: round(100 * (other[name] / value - 1), 2) if value else 0.0
        for name, value in original.items()
        if name not in {"requests", "failed", "first_token_times"}
    }


def compare(
    times: Mapping[str, Times], one: Sequence[str], other: Sequence[str], share: float, seed: int = 1
) -> dict[str, float]:
    """Return the ratio of a quantile of some kinds to that of others, with its 95 % bootstrap interval.

    Sessions and rounds are drawn with replacement, each draw for all kinds at once: the request of a session in a round has
    the weight of its session times that of its round.
    """
    keys = [key for kind in (*one, *other) for key in times[kind]]
    rounds = sorted({number for number, _, _ in keys})
    sessions = sorted({session for _, session, _ in keys})

    def quantile_of(kinds: Sequence[str]) -> Callable[[Any, Any], float]:
        found = [(value, key) for kind in kinds for key, value in times[kind].items()]
        found.sort()
        values = np.array([value for value, _ in found])
        of_round = np.array([rounds.index(number) for _, (number, _, _) in found])
        of_session = np.array([sessions.index(session) for _, (_, session, _) in found])

        def weighted(round_weight: Any, session_weight: Any) -> float:
            above = np.cumsum(round_weight[of_round] * session_weight[of_session])
            return float(values[np.searchsorted(above, share * above[-1])])

        return weighted

    upper, lower = quantile_of(one), quantile_of(other)
    draw = np.random.default_rng(seed)

    def weights(count: int) -> Any:
        return np.bincount(draw.integers(count, size=count), minlength=count)

    point = upper(np.ones(len(rounds)), np.ones(len(sessions))) / lower(
        np.ones(len(rounds)), np.ones(len(sessions))
    )
    drawn = []
    for _ in range(DRAWS):
        pair = weights(len(rounds)), weights(len(sessions))
        drawn.append(upper(*pair) / lower(*pair))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"ratio": round(point, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def median_over_rounds(times: Times) -> list[float]:
    """Return for each request its median over the rounds."""
    by_request: dict[str, list[float]] = {}
    for (_, _, request), value in times.items():
        by_request.setdefault(request, []).append(value)
    return [float(np.median(values)) for values in by_request.values()]


def compare_times(times: Mapping[str, Times]) -> dict[str, Any]:
    """Return how the first-token times of the kinds compare."""
    originals = ("original", "again")
    found: dict[str, Any] = {}
    for name, share in (("p50", 0.5), ("p95", 0.95)):
        ratios = {kind: compare(times, (kind,), originals, share) for kind in ("blocks", "cached")}
        ratios["again_to_original"] = compare(times, ("again",), ("original",), share)
        found[name] = {
            kind: {
                **ratio,
                "within_3_percent": abs(ratio["ratio"] - 1) <= 0.03,
                "interval_has_1": ratio["low"] <= 1 <= ratio["high"],
            }
            for kind, ratio in ratios.items()
        }
        of_medians = {kind: float(np.quantile(median_over_rounds(one), share)) for kind, one in times.items()}
        base = (of_medians["original"] + of_medians["again"]) / 2
        found[f"{name}_of_medians_over_rounds"] = {
            kind: round(value / base, 4) for kind, value in of_medians.items()
        }
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument(
        "--rounds", type=int, default=4, help="a multiple of 4 has each kind at each place equally often"
    )
    parser.add_argument("--mean-gap-s", type=float, default=0.4, help="between the starts of two sessions")
    parser.add_argument("--reply-tokens", type=int, default=8)
    parser.add_argument("--name", default="replay_twin", help="name of the result; - prints it only")
    parser.add_argument("--url", help="a vLLM that runs already, started with VLLM_SERVER_DEV_MODE=1")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_log(folder / "log.jsonl", given.sessions, given.mean_gap_s, given.reply_tokens)
        bench(folder, "traffic", "import", "log.jsonl", "--map", "log.yaml", "--out", "log.parquet")
        with serving(folder, given.url) as url:
            fit = {"tokenizer": url}
            measured = measure_fit_at(url, WordStreams(0))
            send(folder, url, "warm", "log.parquet", period="2026-01-05T09:00:00/5s")
            run, _, _ = send(folder, url, "source", "log.parquet")
            write_twin(folder, run, url)
            kinds: list[tuple[str, str, dict[str, Any]]] = [
                ("original", "log.parquet", {}), ("blocks", "blocks.parquet", fit),
                ("again", "log.parquet", {}), ("cached", "cached.parquet", fit),
            ]  # fmt: skip
            counts: dict[str, dict[str, int]] = {}
            times: dict[str, Times] = {}
            for number in range(given.rounds):
                for at in ORDERS[number % len(ORDERS)]:
                    kind, table, settings = kinds[at]
                    _, found, times_s = send(folder, url, kind, table, number, **settings)
                    assert counts.setdefault(kind, found) == found, f"{kind}: {found} after {counts[kind]}"
                    times.setdefault(kind, {}).update(times_s)
    runs: dict[str, dict[str, Any]] = {
        kind: {
            **counts[kind],
            "first_token_times": len(times[kind]),
            "first_token_p50_s": float(np.quantile(list(times[kind].values()), 0.5)),
            "first_token_p95_s": float(np.quantile(list(times[kind].values()), 0.95)),
        }
        for kind, _, _ in kinds
    }
    original = runs["original"]
    percent = {name: differences(original, figures) for name, figures in runs.items() if name != "original"}
    exact = ("input_tokens", "cached_input_tokens", "output_tokens")
    within = {name: all(abs(percent[name][key]) <= 3 for key in exact) for name in ("blocks", "cached")}
    result = {
        "sessions": given.sessions, "rounds": given.rounds, "mean_gap_s": given.mean_gap_s, "block_tokens": BLOCK_TOKENS,
        "words_per_token": measured.words_per_token, "template_tokens": measured.template_tokens, "runs": runs,
        "percent_of_original": percent, "tokens_and_cache_hits_within_3_percent": within,
        "first_token_times": compare_times(times), "load_average": os.getloadavg(),
    }  # fmt: skip
    if given.name == "-":
        print(json.dumps(result, indent=2))
    else:
        write(given.name, result)


if __name__ == "__main__":
    main()
