"""The commented suite that `bench init` writes, over the user's own data where it is named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.data import Row, read_rows
from harness.errors import DocumentError

ROWS_LOOKED_AT = 200
_PROMPT_NAMES = ("question", "prompt", "input", "text", "message", "query", "instruction", "problem")
_TARGET_NAMES = ("answer", "target", "label", "expected", "output", "gold", "solution", "completion")
_ID_NAMES = ("id", "uid", "task_id", "key", "name")

HEAD = """\
# A gapbench suite. Check it with `bench validate {file}`, see what it would cost with `bench plan {file}`,
# run it with `bench run {file}`. Every key: `bench schema suite`.
name: {name}
seed: 7                      # order of samples; the same for every model
margin_points: 1.7           # a gap smaller than this makes no difference to you

models:
  # The open model that you host. Attach to a running vLLM by base_url …
  - id: open
    runner: vllm
    model: meta-llama/Llama-3.3-70B-Instruct      # the name that the server knows
    weights: open
    released: 2024-12-06
    base_url: http://127.0.0.1:8000/v1
    # … or let bench start, own and stop it: put this in place of base_url
    # serve: {{gpus: 4, args: [--max-model-len, "8192"]}}
    cost: {{gpu: H100-80GB, gpus: 4, usd_per_gpu_hour: 2.95}}   # what you pay for the GPUs

  # The closed APIs that you pay for. Keys come from the environment, never from this file.
  - id: gpt
    runner: openai
    model: gpt-5.2
    weights: closed
    released: 2025-12-11
    key_env: OPENAI_API_KEY
  - id: claude
    runner: anthropic
    model: claude-opus-4-6
    weights: closed
    released: 2026-02-05
    key_env: ANTHROPIC_API_KEY

tasks:
"""

BUILT_IN = """\
  - coding/functions           # built in; `bench list tasks` shows them all
  - {task: reasoning/arithmetic, limit: 100}
  # Your own data: a JSONL, CSV or Parquet beside this file; {column} is put in as it stands.
  # - name: tickets
  #   category: reasoning
  #   data: tickets.jsonl
  #   prompt: "{question}"
  #   target: "{answer}"
  #   scorer: choice
"""

TAIL = """
params: {temperature: 0, max_tokens: 1024}   # asked of every model; what a model refuses is dropped and said

loads:
  - {concurrency: 16}          # requests in flight
  # - {rate_rps: 4, arrivals: poisson, duration_s: 120, warmup_s: 15}

repeats: 1                     # more repeats show how steady a model is
"""


def starter(file: Path, data: Path | None) -> str:
    """Return a suite to start from.

    Args:
        file: Where it will stand; the data's path is written relative to it.
        data: JSONL, CSV or Parquet whose columns are to be used. None: built-in tasks.

    Raises:
        DocumentError: The data cannot be read, or no column looks like a prompt.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-") or "suite"
    head = HEAD.format(name=name, file=file)
    return head + (BUILT_IN if data is None else _own_task(file, data)) + TAIL


def _own_task(file: Path, data: Path) -> str:
    rows, _ = read_rows(data, ROWS_LOOKED_AT)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    target = _pick(columns, _TARGET_NAMES)
    prompt = _pick(columns, _PROMPT_NAMES) or _longest_text(
        rows, [column for column in columns if column != target]
    )
    if prompt is None:
        raise DocumentError(f"no column looks like a prompt; there are: {', '.join(columns)}", file=data)
    try:
        path = data.resolve().relative_to(file.resolve().parent)
    except ValueError:
        path = data.resolve()
    lines = [
        f"  - name: {re.sub(r'[^A-Za-z0-9._-]+', '-', data.stem).strip('-') or 'own'}",
        "    category: reasoning          # the row of the gap table; coding, reasoning, multimodal or your own word",
        f"    data: {path}",
        "    data_policy: public          # private: never sent to a closed API",
    ]
    identity = next((name for name in _ID_NAMES if name in columns and _unique(rows, name)), None)
    if identity:
        lines.append(f'    id: "{{{identity}}}"')
    lines.append(f'    prompt: "{{{prompt}}}"       # the columns are: {", ".join(columns)}')
    if target is not None:
        lines += [
            f'    target: "{{{target}}}"',
            f"    scorer: {_scorer(rows, target)}                 # `bench list scorers` shows the others",
        ]
    else:
        lines.append(
            "    # target and scorer: no column looks like an answer, so answers are timed and not scored"
        )
    return "\n".join(lines) + "\n"


def _pick(columns: Sequence[str], names: Sequence[str]) -> str | None:
    lowered = {column.lower(): column for column in columns}
    return next((lowered[name] for name in names if name in lowered), None)


def _longest_text(rows: Sequence[Row], columns: Sequence[str]) -> str | None:
    texts = [column for column in columns if all(isinstance(row.get(column), str) for row in rows)]
    return max(texts, key=lambda column: sum(len(row[column]) for row in rows), default=None)


def _unique(rows: Sequence[Row], column: str) -> bool:
    values = [str(row.get(column)) for row in rows]
    return len(set(values)) == len(values)


def _scorer(rows: Sequence[Row], column: str) -> str:
    values = [row.get(column) for row in rows]
    if all(isinstance(value, str) and re.fullmatch(r"[A-J]", value.strip()) for value in values):
        return "choice"
    if all(_is_number(value) for value in values):
        return "numeric"
    return "exact"


def _is_number(value: Any) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return True
    return isinstance(value, str) and re.fullmatch(r"[-+]?[\d,]*\.?\d+", value.strip()) is not None
