"""A replay of traffic beside the traffic itself, on a real vLLM: tokens, cache hits and first-token times.

Acceptance 3 of the issue on traffic: the twin, which has no word of the original, is within 3 % of it. ``original``:
sessions of two routes with a system prompt each, sent with their text. ``again``: the same once more, as a measure of
what differs between two runs anyway. ``blocks``: the twin of the original's own rows by the hashes of its prompt blocks.
``cached``: the twin by the sessions and the cached tokens that the server reported. Each starts with an empty cache.
The length of a word in tokens and the tokens of the chat template are measured at the start. The four take turns, in
another order in each round, and first-token times are of all rounds together: a single run differs from its own repetition
by a tenth and more.
Run: ``make test-vllm`` once for the environment, then ``.venv/bin/python benchmarks/replay_twin.py`` (ten minutes).
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
from collections.abc import Iterator, Mapping, Sequence
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
from gapbench.suite.replay.word_streams import WordStreams
from tests.vllm.real import MODEL, SERVE_ARGS, SERVE_ENV, VLLM_PYTHON, free_port, stop, wait_until_ready

BLOCK_TOKENS = 32
REPLY_TOKENS = 16
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


def measure_fit(url: str) -> tuple[float, int]:
    """Return the words for a token, and the tokens of the template, by two prompts of 10 and 60 words."""
    few, many = (
        len(tokens_of(url, [{"role": "user", "content": WordStreams(0).text("probe", words)}]))
        for words in (10, 60)
    )
    tokens_per_word = (many - few) / 50
    return 1 / tokens_per_word, round(few - 10 * tokens_per_word)


def write_log(file: Path, sessions: int) -> None:
    """Write sessions of three turns: a start every 0.8 s on average, and about a second to think."""
    draw = random.Random(5)
    text = "abcdefghijklmnopqrstuvwxyz    "
    rows, start_s = [], 0.0
    for session in range(sessions):
        start_s += draw.expovariate(1 / 0.8)
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
                    "prompt": messages, "took": 0.2, "output": REPLY_TOKENS,
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
    folder: Path, url: str, name: str, table: str, **settings: Any
) -> tuple[Path, dict[str, int], list[float]]:
    """Replay a table with an empty cache; return the run, its counts and its first-token times in seconds."""
    post(f"{url}/reset_prefix_cache")
    model = {"id": "tiny", "runner": "vllm", "model": "tiny", "weights": "open", "base_url": f"{url}/v1"}
    suite = {
        "name": name,
        "models": [model],
        "loads": [{"replay": {"traffic": table, **settings}, "workers": 1}],
    }
    (folder / f"{name}.yaml").write_text(json.dumps(suite))
    bench(folder, "run", f"{name}.yaml", "-y", "--out", str(folder / "results"))
    run = max((folder / "results").glob(f"{name}-*"), key=lambda path: path.stat().st_mtime_ns)
    rows = read_attempts([run])
    first_s = (rows["first_token_s"] - rows["sent_s"]).dropna()
    counts = {
        "requests": len(rows),
        "failed": int((rows["outcome"] == "infra").sum()),
        "input_tokens": int(rows["input_tokens"].sum()),
        "cached_input_tokens": int(rows["cached_input_tokens"].fillna(0).sum()),
        "output_tokens": int(rows["output_tokens"].sum()),
    }
    return run, counts, [float(value) for value in first_s]


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
        if name not in {"requests", "failed"}
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--url", help="a vLLM that runs already, started with VLLM_SERVER_DEV_MODE=1")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_log(folder / "log.jsonl", given.sessions)
        bench(folder, "traffic", "import", "log.jsonl", "--map", "log.yaml", "--out", "log.parquet")
        with serving(folder, given.url) as url:
            words_per_token, template_tokens = measure_fit(url)
            fit = {"words_per_token": words_per_token, "template_tokens": template_tokens}
            send(folder, url, "warm", "log.parquet", period="2026-01-05T09:00:00/5s")
            run, _, _ = send(folder, url, "source", "log.parquet")
            write_twin(folder, run, url)
            kinds: list[tuple[str, str, dict[str, Any]]] = [
                ("original", "log.parquet", {}), ("blocks", "blocks.parquet", fit),
                ("again", "log.parquet", {}), ("cached", "cached.parquet", fit),
            ]  # fmt: skip
            counts: dict[str, dict[str, int]] = {}
            first_s: dict[str, list[float]] = {}
            for number in range(given.rounds):
                for at in range(len(kinds)):
                    kind, table, settings = kinds[(at + number) % len(kinds)]
                    _, found, times_s = send(folder, url, kind, table, **settings)
                    assert counts.setdefault(kind, found) == found, f"{kind}: {found} after {counts[kind]}"
                    first_s.setdefault(kind, []).extend(times_s)
    runs: dict[str, dict[str, Any]] = {
        kind: {
            **counts[kind],
            "first_token_p50_s": float(np.quantile(first_s[kind], 0.5)),
            "first_token_p95_s": float(np.quantile(first_s[kind], 0.95)),
        }
        for kind, _, _ in kinds
    }
    original = runs["original"]
    percent = {name: differences(original, figures) for name, figures in runs.items() if name != "original"}
    exact = ("input_tokens", "cached_input_tokens", "output_tokens")
    within = {name: all(abs(percent[name][key]) <= 3 for key in exact) for name in ("blocks", "cached")}
    times = ("first_token_p50_s", "first_token_p95_s")
    times_within = {name: all(abs(percent[name][key]) <= 3 for key in times) for name in percent}
    write(
        "replay_twin",
        {
            "sessions": given.sessions, "rounds": given.rounds, "block_tokens": BLOCK_TOKENS, **fit, "runs": runs, "percent_of_original": percent,
            "tokens_and_cache_hits_within_3_percent": within, "first_token_times_within_3_percent": times_within,
            "load_average": os.getloadavg(),
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
