"""300 mutated suites: never a traceback; exit 2 with one line that names file and place, or 0 where still valid."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.cli import invoke
from gapbench.suite import suite as suite_module
from gapbench.suite.documents import Document
from gapbench.suite.tasks.builtin import builtin_folder
from gapbench.suite.tasks.loader import load_task
from gapbench.suite.tasks.schema import TaskDocument
from gapbench.suite.tasks.task import Task

ROOT = Path(__file__).parents[1]
SUITES = sorted((ROOT / "tasks" / "suites").glob("*.yaml"))
OWN = """\
name: mine
seed: 7
models:
  - id: a
    runner: openai
    model: gpt-5.2
    weights: closed
    base_url: http://127.0.0.1:9/v1
    key_env: SOME_KEY_NAME
    limits: {requests_per_min: 60, tokens_per_min: 90000}
    cost: {input_usd_per_mtok: 1.25, output_usd_per_mtok: 10}
  - {id: b, runner: sim, weights: open, released: 2026-01-02, sim: {protocol: anthropic, skill: {reasoning: 0.5}}}
tasks:
  - reasoning/arithmetic
  - {task: reasoning/arithmetic, limit: 3, params: {max_tokens: 10}}
  - {name: sums, category: reasoning, data: q.jsonl, id: "{id}", prompt: "{question}", target: "{answer}", scorer: {name: numeric}}
loads:
  - {concurrency: 4, warmup_requests: 2}
  - {rate_rps: 4, duration_s: 10, arrivals: constant}
params: {max_tokens: 64, temperature: 0, stop: ["x"]}
retries: {attempts: 3, max_wait_s: 10, per_run: 100}
timeouts: {connect_s: 5, first_token_s: 10, read_s: 20, total_s: 60}
breaker: {failures: 5, probes: 2, wait_s: 1}
repeats: 2
"""
VALUES = (
    "null", "~", "[]", "{}", "-1", "0", "1e400", ".nan", "true", "'x'", "[1, {a: [}]", "!!python/object:os.system x",
    "&a [*a]", "{{", "\x00", "\t", "9" * 400, "\ud7ff", "é" * 300, "- - -", "!!set {a}", "2026-13-45", "off", "../../../etc/passwd", "/dev/zero", "*", "%", "@", "{a: 1, a: 2}", "<<: 3", "|", "sk-aaaaaaaaaaaaaaaaaaaaaaaa",
)  # fmt: skip


def mutated(text: str, seed: int) -> str:
    """Return a text with one to four mutations drawn by ``seed``."""
    draw = random.Random(seed)
    for _ in range(draw.randint(1, 4)):
        lines = text.split("\n")
        line = draw.randrange(len(lines))
        kind = draw.randrange(8)
        if kind == 0:
            del lines[line]
        elif kind == 1:
            lines.insert(line, lines[draw.randrange(len(lines))])
        elif kind == 2 and ":" in lines[line]:
            lines[line] = lines[line].split(":", 1)[0] + ": " + draw.choice(VALUES)
        elif kind == 3 and lines[line]:
            at = draw.randrange(len(lines[line]))
            lines[line] = lines[line][:at] + draw.choice(VALUES) + lines[line][at:]
        elif kind == 4 and lines[line]:
            at = draw.randrange(len(lines[line]))
            lines[line] = lines[line][:at] + lines[line][at + 1 :]
        elif kind == 5:
            lines[line] = " " * draw.randrange(9) + lines[line].lstrip()
        elif kind == 6:
            words = re.split(r"(\w+)", lines[line])
            words[draw.randrange(len(words))] = draw.choice(VALUES)
            lines[line] = "".join(words)
        else:
            lines = lines[: max(1, line)]
        text = "\n".join(lines)
    return text


@pytest.fixture(autouse=True, scope="module")
def _read_built_in_tasks_once() -> Iterator[None]:
    """Only the suites are mutated; reading the tasks of each again would take most of the time."""
    read: dict[tuple[object, ...], Task] = {}

    def load_once(document: TaskDocument, source: Document, *given: object, **named: object) -> Task:
        if not source.file.is_relative_to(builtin_folder()):
            return load_task(document, source, *given, **named)  # type: ignore[arg-type]
        key = (source.file, repr(document), repr(given), repr(sorted(named)), named.get("seed"))
        if key not in read:
            read[key] = load_task(document, source, *given, **named)  # type: ignore[arg-type]
        return read[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suite_module, "load_task", load_once)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the data that the suite names."""
    made = tmp_path_factory.mktemp("suites")
    (made / "q.jsonl").write_text('{"id": "1", "question": "What is 1 + 1?", "answer": 2}\n')
    return made


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(which=st.integers(0, len(SUITES)), seed=st.integers(0, 2**32))
def test_a_mutated_suite_is_refused_in_one_line_or_valid(folder: Path, which: int, seed: int) -> None:
    """Whatever is done to it."""
    text = OWN if which == len(SUITES) else SUITES[which].read_text(encoding="utf-8")
    file = folder / "mutated.yaml"
    file.write_bytes(mutated(text, seed).encode("utf-8", "surrogatepass"))
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = invoke(["validate", str(file)])
    said = err.getvalue()

    assert code in {0, 2}, said
    if code == 2:
        assert 1 == len(said.strip().splitlines()), said
        assert "Traceback" not in said
        assert re.search(r"mutated\.yaml(:\d+)?: ", said) or ".yaml" in said or "q.jsonl" in said, said
        assert "sk-aaaaaaaaaaaaaaaaaaaaaaaa" not in said
