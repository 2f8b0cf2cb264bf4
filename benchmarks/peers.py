"""The same load by gapbench and by its peers, in turn, against one C server: tokens per second, CPU, and scored samples.

Saturated: 64 streams of 64 tokens. Scored: 2,000 samples at concurrency 64 against 50 ms. Whole processes; a peer's tokens
per second are those it prints itself where it does, else tokens over its wall time. Peers that are not installed are left
out: ``scripts/setup_vllm_cpu.sh`` and ``benchmarks/setup_peers.sh`` make their environments.
Run: ``.venv/bin/python benchmarks/peers.py`` (about four minutes with all of them; ``--times 1`` for one round).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saturated import STREAMS, TOKENS, whole
from truth import HERE, median, ran, served, suite, write

ROOT = HERE.parent
TOKENIZER = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers, decoders
from transformers import PreTrainedTokenizerFast
vocab = {token: number for number, token in enumerate(["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())])}
tokenizer = Tokenizer(models.BPE(vocab, []))
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
made.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
made.save_pretrained(sys.argv[1])
"""


def timed(command: list[str], folder: Path, **environment: str) -> dict[str, float]:
    """Run a peer to its end; return wall time and CPU of it and its children.

    Raises:
        RuntimeError: It failed.
    """
    offline = {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    began_s = time.perf_counter()
    with (folder / "said.txt").open("w+") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **offline, **environment},
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise RuntimeError(
                f"{Path(command[0]).name} ended with {process.returncode}: {said.read()[-600:].replace(str(ROOT), '.')}"
            )
    return {"wall_s": time.perf_counter() - began_s, "cpu_s": usage.ru_utime + usage.ru_stime}


def vllm(url: str, folder: Path, tokenizer: Path, requests: int) -> dict[str, float]:
    """`vllm bench serve`."""
    found = timed(
        [
            str(ROOT / ".venv-vllm/bin/vllm"), "bench", "serve", "--backend", "openai-chat", "--base-url", url,
            "--endpoint", "/v1/chat/completions", "--model", "truth", "--tokenizer", str(tokenizer),
            "--dataset-name", "random", "--random-input-len", "16", "--random-output-len", str(TOKENS),
            "--num-prompts", str(requests), "--max-concurrency", str(STREAMS), "--ready-check-timeout-sec", "0",
            "--disable-tqdm", "--save-result", "--result-dir", str(folder), "--result-filename", "vllm.json",
        ],
        folder,
    )  # fmt: skip
    told = json.loads((folder / "vllm.json").read_text())
    return {**found, "tokens_per_s": requests * TOKENS / told["duration"]}


def guidellm(url: str, folder: Path, tokenizer: Path, requests: int) -> dict[str, float]:
    """GuideLLM."""
    found = timed(
        [
            str(ROOT / ".venv-peers/guidellm/bin/guidellm"), "run",
            "--backend", f"kind=openai_http,target={url},model=truth",
            "--profile", f"kind=concurrent,streams={STREAMS}", "--constraint", f"kind=max_requests,count={requests}",
            "--tokenizer", f"kind=huggingface_auto,model={tokenizer}",
            "--data", f"kind=synthetic_text,prompt_tokens=16,output_tokens={TOKENS}",
            "--disable-console", "--output", f"kind=json,path={folder / 'guidellm.json'}",
        ],
        folder,
    )  # fmt: skip
    told = json.loads((folder / "guidellm.json").read_text())["benchmarks"][0]
    return {**found, "tokens_per_s": requests * TOKENS / told["duration"]}


def aiperf(url: str, folder: Path, tokenizer: Path, requests: int) -> dict[str, float]:
    """AIPerf."""
    found = timed(
        [
            str(ROOT / ".venv-peers/aiperf/bin/aiperf"), "profile", "-m", "truth", "-u", url, "--endpoint-type", "chat",
            "--streaming", "--concurrency", str(STREAMS), "--request-count", str(requests), "--tokenizer", str(tokenizer),
            "--synthetic-input-tokens-mean", "16", "--output-tokens-mean", str(TOKENS), "--ui", "none",
            "--artifact-dir", str(folder / "aiperf"),
        ],
        folder,
        # Told to be offline, 0.13 takes a folder for a name on the hub and fails.
        HF_HUB_OFFLINE="", TRANSFORMERS_OFFLINE="",
    )  # fmt: skip
    told = json.loads(next((folder / "aiperf").rglob("profile_export_aiperf.json")).read_text())
    return {**found, "tokens_per_s": float(told["request_throughput"]["avg"]) * TOKENS}


def lm_eval(url: str, folder: Path, _: Path, samples: int) -> dict[str, float]:
    """lm-eval, generating."""
    rows = "\n".join(
        json.dumps({"question": f"Say a word, {number}.", "answer": "word"}) for number in range(samples)
    )
    (folder / "rows.jsonl").write_text(rows + "\n")
    (folder / "words.yaml").write_text(
        f"task: words\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {folder}/rows.jsonl}}}}\n"
        "test_split: test\noutput_type: generate_until\ndoc_to_text: '{{question}}'\ndoc_to_target: '{{answer}}'\n"
        "generation_kwargs: {until: ['###'], max_gen_toks: 64}\nmetric_list: [{metric: exact_match}]\n"
    )
    model = f"model=truth,base_url={url}/v1/chat/completions,num_concurrent=64,tokenizer_backend=None"
    command = [str(ROOT / ".venv-peers/lm-eval/bin/lm_eval"), "run", "--model", "local-chat-completions"]
    command += [
        "--model_args",
        model,
        "--tasks",
        "words",
        "--include_path",
        str(folder),
        "--apply_chat_template",
    ]
    return timed(command, folder, OPENAI_API_KEY="none", HF_HOME=str(folder / "hf"))


def inspect(url: str, folder: Path, _: Path, samples: int) -> dict[str, float]:
    """Inspect."""
    (folder / "words.py").write_text(
        "from inspect_ai import Task, task\nfrom inspect_ai.dataset import Sample\n"
        "from inspect_ai.scorer import includes\nfrom inspect_ai.solver import generate\n\n"
        f"@task\ndef words():\n    samples = [Sample(input=f'Say a word, {{n}}.', target='word') for n in range({samples})]\n"
        "    return Task(dataset=samples, solver=generate(), scorer=includes())\n"
    )
    command = [
        str(ROOT / ".venv-peers/inspect/bin/inspect"),
        "eval",
        "words.py",
        "--model",
        "openai-api/truth/truth",
    ]
    command += [
        "--model-base-url",
        f"{url}/v1",
        "--max-connections",
        "64",
        "--max-samples",
        "64",
        "--display",
        "none",
    ]
    return timed(command, folder, TRUTH_API_KEY="none", TRUTH_BASE_URL=f"{url}/v1")


def bare_loop(url: str, folder: Path, _: Path, samples: int) -> dict[str, float]:
    """An asyncio loop over the official SDK, in gapbench's own environment."""
    command = [
        sys.executable,
        str(HERE / "bare_loop.py"),
        f"{url}/v1",
        str(samples),
        str(folder / "rows.jsonl"),
    ]
    found = timed(command, folder)
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert sum(row["is_correct"] for row in rows) == samples
    return found


Peer = Callable[[str, Path, Any, int], dict[str, float]]
LOADS: dict[str, tuple[str, Peer]] = {
    "vllm bench serve": (".venv-vllm/bin/vllm", vllm),
    "GuideLLM": (".venv-peers/guidellm/bin/guidellm", guidellm),
    "AIPerf": (".venv-peers/aiperf/bin/aiperf", aiperf),
}
SCORERS: dict[str, tuple[str, Peer]] = {
    "bare SDK loop": ("benchmarks/bare_loop.py", bare_loop),
    "lm-eval": (".venv-peers/lm-eval/bin/lm_eval", lm_eval),
    "Inspect": (".venv-peers/inspect/bin/inspect", inspect),
}
# Answers of 64 tokens, as those of the saturated load, in 52 ms; compared with each other only.
_LONG = f", {TOKENS} tokens"
LONG_SCORERS: dict[str, tuple[str, Peer]] = {
    f"bare SDK loop{_LONG}": ("benchmarks/bare_loop.py", bare_loop),
}


def tokenizer_in(folder: Path) -> Path | None:
    """Return a small tokenizer, made by whichever peer's environment can; None: none is installed."""
    for home in (".venv-vllm", ".venv-peers/guidellm", ".venv-peers/aiperf"):
        python = ROOT / home / "bin/python"
        if python.exists():
            made = folder / "tokenizer"
            done = subprocess.run([str(python), "-c", TOKENIZER, str(made)], check=False, capture_output=True)
            if done.returncode == 0:
                return made
    return None


def scored(samples: int, tokens: int) -> dict[str, float]:
    """Return a whole `bench run` of scored samples: each answered in 50 ms by 4 tokens, or in 52 ms by 64."""
    gap_ms = 10 if tokens == 4 else 0.5
    with (
        tempfile.TemporaryDirectory() as folder,
        served("openai", tokens, 20, 0, gap_ms, log=False) as server,
    ):
        done = ran(suite(Path(folder), server.url, "openai", samples, {"concurrency": 64}))
    return {"wall_s": done.wall_s, "cpu_s": done.cpu_s}


def _ratios(kind: str, ours: dict[str, float], peer: dict[str, float]) -> dict[str, float]:
    """Return gapbench's figures over a peer's: rate and CPU of a saturated load, wall time and CPU of scored samples."""
    rate = "tokens_per_s" if kind == "saturated" else "wall_s"
    return {name: float(f"{ours[name] / peer[name]:.3g}") for name in (rate, "cpu_s_per_1000")}


def main() -> None:
    """Take turns, keep the medians, and print each peer's ratio to gapbench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--samples", type=int, default=2_000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="names of peers")
    parser.add_argument("--name", default="peers")
    given = parser.parse_args()
    found: dict[str, dict[str, list[dict[str, float]]]] = {"saturated": {}, "scored": {}}
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as kept:
        tokenizer = tokenizer_in(Path(kept))
        for _ in range(given.times):
            found["saturated"].setdefault("gapbench", []).append(whole("openai", given.requests))
            found["saturated"].setdefault("gapbench, workers: 2", []).append(
                whole("openai", given.requests, 2)
            )
            found["scored"].setdefault("gapbench", []).append(scored(given.samples, 4))
            found["scored"].setdefault(f"gapbench{_LONG}", []).append(scored(given.samples, TOKENS))
            for kind, peers, count, tokens, first_ms, gap_ms in (
                ("saturated", LOADS, given.requests, TOKENS, 0, 0),
                ("scored", SCORERS, given.samples, 4, 20, 10),
                ("scored", LONG_SCORERS, given.samples, TOKENS, 20, 0.5),
            ):
                for name, (program, run) in peers.items():
                    wanted = given.only is None or name in given.only
                    if not wanted or name in failed or not (ROOT / program).exists():
                        continue
                    if tokenizer is None and kind == "saturated":
                        continue
                    with (
                        tempfile.TemporaryDirectory() as folder,
                        served("openai", tokens, first_ms, 0, gap_ms, log=False) as server,
                    ):
                        try:
                            done = run(server.url, Path(folder), tokenizer, count)
                        except (RuntimeError, StopIteration, OSError, KeyError) as exc:
                            failed[name] = str(exc)
                            continue
                    # A peer that ends well without having sent everything would win.
                    written, wanted_n = (
                        int(server.said.split()[-1]),
                        count * (TOKENS if kind == "saturated" else 1),
                    )
                    if written < wanted_n:
                        failed[name] = f"the server wrote {written} of {wanted_n}"
                        continue
                    found[kind].setdefault(name, []).append(done)
    figures: dict[str, Any] = {}
    for kind, count in (("saturated", given.requests), ("scored", given.samples)):
        medians = {
            name: {figure: median([run[figure] for run in runs]) for figure in runs[0]}
            for name, runs in found[kind].items()
        }
        for figure in medians.values():
            if "cpu_s" in figure:
                figure["cpu_s_per_1000"] = float(f"{figure['cpu_s'] / count * 1e3:.4g}")
        figures[kind] = medians
    figures["gapbench_to_peer"] = {
        kind: {
            name: {
                peer: _ratios(kind, figure, of)
                for peer, of in medians.items()
                if not peer.startswith("gapbench") and peer.endswith(_LONG) == name.endswith(_LONG)
            }
            for name, figure in medians.items()
            if name.startswith("gapbench")
        }
        for kind, medians in figures.items()
    }
    write(
        given.name,
        {
            "times": given.times,
            "requests": given.requests,
            "samples": given.samples,
            **figures,
            "failed": failed,
        },
    )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
