"""The commented suite that `bench init` writes, for the user's data if it is given."""

from __future__ import annotations

import json
import os.path
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from gapbench.errors import DocumentError
from gapbench.suite.column_roles import ColumnRoles, guess_roles
from gapbench.suite.conversation_columns import find_conversation_column
from gapbench.suite.tasks.dataset import FORMATS, read_rows
from gapbench.suite.tasks.plain_values import Row
from gapbench.suite.tasks.template import format_names, placeholder, quoted_placeholder

MAX_INSPECTED_ROWS = 200
_IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp"})

HEADER_TEMPLATE = """\
# A gapbench suite. Check it with `bench validate {command}`, see what it would cost with
# `bench plan {command}`, run it with `bench run {command}`. Every key: `bench schema suite`.
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

BUILTIN_TASKS_SECTION = """\
  - coding/functions           # built in; `bench list tasks` shows them all
  - {task: reasoning/arithmetic, limit: 100}
  # Your own data: a JSON, CSV or Parquet file next to this file; {column} is replaced by the row's value.
  # `bench init NAME.yaml --from DATA` writes this part for your columns.
  # - name: tickets
  #   category: reasoning
  #   data: tickets.jsonl
  #   prompt: "{question}"
  #   target: "{answer}"
  #   scorer: choice
"""

FOOTER = """
params: {temperature: 0, max_tokens: 1024}   # sent to every model; a parameter that a model refuses is dropped and reported

loads:
  - {concurrency: 16}          # requests in flight
  # - {rate_rps: 4, arrivals: poisson, duration_s: 120, warmup_s: 15}

repeats: 1                     # more repeats show how much answers vary
"""


NameLog = Callable[[Path], str | None]
"""Returns what log of requests a file is, such as "LiteLLM spend logs". None: it is no log."""


def _name_no_log(_: Path) -> None:
    return None


def suite_scaffold(file: Path, data: Path | Sequence[Path] | None, name_log: NameLog = _name_no_log) -> str:
    """Return a suite to start from.

    Args:
        file: Path of the new suite; the paths of the data are written relative to it.
        data: JSON, CSV or Parquet files whose columns to use, and folders of them. None: built-in tasks.
        name_log: Recognizes logs, whose columns are no task.

    Raises:
        DocumentError: A file cannot be read, is a log, or no column of it looks like a prompt, or a folder has no file
            to use.
    """
    head = suite_head(file)
    given = [data] if isinstance(data, Path) else list(data or ())
    names: set[str] = set()
    tasks = "".join(task for path in given for task in _tasks_of(file, path, names, name_log))
    return head + (tasks or BUILTIN_TASKS_SECTION) + FOOTER


def suite_head(file: Path) -> str:
    """Return a new suite up to its tasks: name, margin, and models to start from."""
    command = str(file) if str(file).isprintable() else file.name.encode("unicode_escape").decode()
    return HEADER_TEMPLATE.format(name=_quote_yaml(_name_from_file(file, "suite")), command=command)


def _tasks_of(file: Path, data: Path, names: set[str], name_log: NameLog) -> Iterator[str]:
    """Yield a task block for a file, or for each usable file of a folder, with a comment on the others."""
    if not data.is_dir():
        yield _user_task(file, data, names, name_log)
        return
    tables = data_files(data)
    blocks: list[str] = []
    problems: list[str] = []
    for table in tables:
        try:
            blocks.append(_user_task(file, table, names, name_log))
        except DocumentError as exc:
            problems.append(f"{table.name}: {exc.problem}")
    if not blocks:
        images = sum(path.suffix.lower() in _IMAGE_SUFFIXES for path in data.iterdir())
        if images and not tables:
            raise DocumentError(
                f"is a folder of {images} images without a table; write {data.name}.csv next to it with a column of paths, "
                f"such as {data.name}/1.png, and columns question and answer, and give that file",
                file=data,
            )
        why = "; ".join(problems[:3]) or f"none of its files ends in {', '.join(FORMATS)}"
        raise DocumentError(f"has no file to make a task of: {why}", file=data)
    yield from blocks
    yield from (f"  # Left out: {' '.join(problem.split())}\n" for problem in problems)


def data_files(folder: Path) -> list[Path]:
    """Return the data files directly in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in FORMATS and path.is_file())


def _user_task(file: Path, data: Path, names: set[str], name_log: NameLog) -> str:
    """Return the task block: the guessed role of each column, with comments that help to correct it."""
    log = name_log(data)
    is_log = f"is a log of requests ({log}), and no task; {_import_command(data)}"
    try:
        rows, _ = read_rows(data, lambda _: range(MAX_INSPECTED_ROWS))
    except DocumentError as exc:
        if log is None:
            raise
        raise DocumentError(is_log, file=data) from exc  # the import reads what is not broken
    every = list(dict.fromkeys(key for row in rows for key in row))
    roles = guess_roles(rows, data.parent)
    # A log's columns are times, counts and ids; only its conversations can be asked again.
    recorded, problem = find_conversation_column(
        rows, () if roles.prompt and log is None else roles.conversations
    )
    if log is not None and recorded is None:
        raise DocumentError(is_log, file=data)
    if roles.prompt is None and recorded is None:
        raise DocumentError(problem or _describe_missing_prompt(every), file=data)
    category = (
        "conversation"
        if recorded
        else "coding"
        if roles.is_code
        else "multimodal"
        if roles.image
        else "reasoning"
    )
    lines = [
        f"  - name: {_quote_yaml(_new_name(_name_from_file(data, 'own'), names))}",
        f"    category: {category}          # the row of the gap table; coding, reasoning, multimodal or your own word",
        f"    data: {_quote_yaml(os.path.relpath(data, file.parent))}",
        "    data_policy: public          # private: never sent to a third-party API",
        f"    # The columns are: {format_names(every)}",
    ]
    if log is not None:
        lines.append(f"    # This is a log of requests ({log}); {_import_command(data)}")
    if roles.identity is not None:
        lines.append(f"    id: {quoted_placeholder(roles.identity)}")
    if recorded is not None:
        lines += recorded.task_lines()
        return "\n".join([*lines, *_label_yaml(roles)]) + "\n"
    assert roles.prompt is not None
    if roles.image is not None:
        where = (
            "addresses, fetched when the suite is read"
            if roles.has_image_urls
            else "paths relative to the data"
        )
        lines.append(f"    images: [{quoted_placeholder(roles.image)}]          # {where}")
        lines += ["    image_urls: true"] if roles.has_image_urls else []
    scoring = _scoring_yaml(rows, roles)
    if roles.options is None and any("scorer: choice" in line for line in scoring):
        lines.append(
            "    # The answers are letters: say in the prompt what each means, such as `A) billing`, and ask for the letter."
        )
    lines.append(f"    prompt: {_prompt_yaml(roles.prompt, roles.options)}")
    lines += [*scoring, *_label_yaml(roles)]
    return "\n".join(lines) + "\n"


def _import_command(data: Path) -> str:
    name = str(data) if str(data).isprintable() else data.name.encode("unicode_escape").decode()
    return f"read its volume, tokens and cost with `bench traffic import {name}`"


def _label_yaml(roles: ColumnRoles) -> list[str]:
    """Return the lines of clusters and tags."""
    lines: list[str] = []
    if roles.cluster is not None:
        lines.append(
            f"    cluster: {quoted_placeholder(roles.cluster)}          # rows of one source are not independent"
        )
    if roles.tags:
        listed_tags = ", ".join(map(quoted_placeholder, roles.tags))
        lines.append(f"    tags: [{listed_tags}]          # to look at parts of the result")
    return lines


def _describe_missing_prompt(columns: Sequence[str]) -> str:
    """Return why no task can be made of some columns, and what to do."""
    listed = f"the columns are: {format_names(columns)}"
    return f"no column looks like a prompt; {listed}. Rename one to `question` and give it to every row"


def _new_name(name: str, names: set[str]) -> str:
    """Return a name that no other task has, and add it to the names."""
    free = next(
        candidate
        for number in count(1)
        if (candidate := name if number == 1 else f"{name}-{number}") not in names
    )
    names.add(free)
    return free


def _prompt_yaml(column: str, options: str | None) -> str:
    if options is None:
        return (
            f"{quoted_placeholder(column)}       # add instructions for the model before or after the column"
        )
    return (
        f"|\n      {placeholder(column)}\n\n      Options, A first: {placeholder(options)}\n"
        "      Answer with the letter of the right option."
    )


def _scoring_yaml(rows: Sequence[Row], roles: ColumnRoles) -> list[str]:
    if roles.is_code:
        return [
            "    scorer: code                 # runs the column `test` in a sandbox; `bench doctor` shows it"
        ]
    if roles.target is None:
        return [
            "    # target and scorer: no column looks like an answer, so replies are timed and not scored"
        ]
    scorer, why = _guess_scorer(rows, roles.target, has_options=roles.options is not None)
    return [
        f"    target: {quoted_placeholder(roles.target)}",
        f"    scorer: {scorer}                 # {why}; `bench list scorers` shows the others",
    ]


def _quote_yaml(text: str) -> str:
    """Return text as YAML, quoted if necessary."""
    is_plain = re.fullmatch(r"[A-Za-z][A-Za-z0-9_./-]*", text)
    words = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
    return text if is_plain and text.lower() not in words else json.dumps(text)


def _name_from_file(file: Path, default: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._") or default


def _guess_scorer(rows: Sequence[Row], column: str, *, has_options: bool) -> tuple[str, str]:
    """Return the scorer that fits a column of targets, and what the column looks like."""
    values = [row[column] for row in rows if row[column] not in ("", None)]
    texts = [value for value in values if isinstance(value, str)]
    all_text = bool(values) and len(texts) == len(values)
    if values and (has_options or (all_text and all(re.fullmatch(r"[A-J]", text.strip()) for text in texts))):
        return "choice", "letters of options"
    if values and all(map(_is_number, values)):
        return "numeric", "numbers"
    if all_text and all("####" in text for text in texts):
        return "numeric", "solutions that end in #### and a number"
    if all_text and all(_is_math(text) for text in texts):
        return "math", "formulas"
    if values and all(isinstance(value, dict) or _is_json_object(value) for value in values):
        return "json", "JSON objects, compared field by field"
    if values and all(isinstance(value, list) for value in values):
        return "exact", "lists: each of them is accepted"
    if all_text and sum(len(text.split()) for text in texts) > 12 * len(texts):
        return "rouge", "long texts, compared by what they share; a judge may suit better"
    return "exact", "short texts"


def _is_math(text: str) -> bool:
    return "\\boxed" in text or bool(re.search(r"\\(?:d?frac|sqrt|pi|begin|cdot|left|infty)\b", text))


def _is_json_object(value: Any) -> bool:
    try:
        return isinstance(value, str) and isinstance(json.loads(value), dict)
    except (ValueError, RecursionError):
        return False


def _is_number(value: Any) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return True
    return isinstance(value, str) and re.fullmatch(r"[-+]?[\d,]*\.?\d+", value.strip()) is not None
