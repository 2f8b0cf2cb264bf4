"""The files of a traffic sample: a suite, and a data file for each of its tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from gapbench.atomic_write import replace_atomically
from gapbench.errors import ResultsError
from gapbench.suite.scaffold import FOOTER, suite_head
from gapbench.suite.tasks.json_schemas import find_mismatch
from gapbench.traffic.sample import SampleItem, TrafficSample
from gapbench.traffic.sampling_frame import Check

_JUDGES = """
# The judge of the tasks whose replies no program can check; it is asked after the run, by `bench judge RUN`.
# Take one that is not compared: a judge never grades its own model.
judges:
  - {id: jury, runner: openai, model: gpt-5.4-mini, weights: closed, key_env: OPENAI_API_KEY}
"""
_SCORERS: Mapping[Check, tuple[str, ...]] = {
    "calls": (
        '    target: "{target}"          # the tool calls of the log',
        "    scorer: {name: tool_calls, extra: true, check_schema: true}",
    ),
    "schema": (
        '    response_schema: "{schema}"',
        "    scorer: {name: json_schema, schema: schema, compare: false}",
    ),
    "label": (
        '    target: "{target}"          # the label of the log: agreement with it, not truth',
        "    scorer: exact",
    ),
    "judge": (
        '    target: "{target}"          # the reply of the log, shown to the judge as reference',
        "    scorer:",
        "      name: judge",
        "      model: jury",
        "      rubric: Does the reply serve the user as well as the reference does, without inventing facts?",
        "      low: 1",
        "      high: 5",
        "      pass_at: 4",
    ),
    "none": (
        "    # No reply of the log can be compared with: these requests are timed and priced, not scored.",
    ),
}


def holdout_path(suite: Path) -> Path:
    """Return where the holdout of a suite goes."""
    return suite.with_name(f"{suite.stem}-holdout{suite.suffix}")


def write_sample(
    suite: Path, sample: TrafficSample, *, max_tokens: int, simulated: bool, overwrite: bool
) -> list[Path]:
    """Write the suite of a sample, and that of its holdout if it has one; return the suites.

    Data files go to a folder next to the suite, with its name and ``-data``.

    Args:
        suite: The file of the suite.
        sample: The sample.
        max_tokens: Budget of output tokens of each request.
        simulated: Whether a simulated provider answered any of the requests.
        overwrite: Whether existing files may be replaced.

    Raises:
        ResultsError: A file exists, or cannot be written; or an earlier draw left a holdout, which this one has not.
    """
    parts = [(suite, sample.items)] + ([(holdout_path(suite), sample.holdout)] if sample.holdout else [])
    for file, _ in parts:
        for path in (file, _data_folder(file)):
            if path.exists() and not overwrite:
                raise ResultsError(
                    f"{path} already exists; choose another name with --out, or overwrite it with --force"
                )
    old = holdout_path(suite)
    if not sample.holdout and (stale := next((p for p in (old, _data_folder(old)) if p.exists()), None)):
        raise ResultsError(
            f"{stale} is of an earlier draw and may share items with this one, which has no holdout; delete it, give --holdout, "
            "or choose another name with --out"
        )
    try:
        for file, items in parts:
            _write_suite(file, items, sample.categories, max_tokens, simulated=simulated)
    except OSError as exc:
        raise ResultsError(f"cannot write {suite}: {exc.strerror or exc}; choose another place") from exc
    return [file for file, _ in parts]


def _data_folder(suite: Path) -> Path:
    return suite.with_name(f"{suite.stem}-data")


def _write_suite(
    file: Path,
    items: Sequence[SampleItem],
    categories: Mapping[str, str],
    max_tokens: int,
    *,
    simulated: bool,
) -> None:
    folder = _data_folder(file)
    folder.mkdir(parents=True, exist_ok=True)
    by_task: dict[str, list[SampleItem]] = {}
    for item in items:
        by_task.setdefault(item.task, []).append(item)
    for task, rows in by_task.items():
        with replace_atomically(folder / f"{task}.jsonl") as opened:
            opened.writelines(orjson.dumps(row.row) + b"\n" for row in rows)
    blocks = [_task_block(task, rows, categories[task], folder.name) for task, rows in by_task.items()]
    # Of an earlier draw; its texts may not have been redacted.
    for path in folder.glob("*.jsonl"):
        if path.stem not in by_task:
            path.unlink()
    has_judge = any(item.check == "judge" for item in items)
    marked = "# Some of this traffic was answered by a simulated provider of gapbench.\n" if simulated else ""
    footer = FOOTER.replace("max_tokens: 1024", f"max_tokens: {max_tokens}")
    text = f"{marked}{suite_head(file)}{''.join(blocks)}{_JUDGES if has_judge else ''}{footer}"
    with replace_atomically(file) as opened:
        opened.write(text.encode())


def _task_block(task: str, items: Sequence[SampleItem], category: str, folder: str) -> str:
    lines = [
        f"  - name: {json.dumps(task)}",
        f"    category: {json.dumps(category)}",
        f"    data: {json.dumps(f'{folder}/{task}.jsonl', ensure_ascii=False)}",
        "    data_policy: public          # private: never sent to an API that is paid by the token",
        '    id: "{id}"',
        '    messages: "{messages}"',
        '    weight: "{weight}"          # how many requests of the traffic the item stands for',
        '    stratum: "{stratum}"',
        '    cluster: "{cluster}"          # items of one session or template are not independent',
    ]
    if any("tools" in item.row for item in items):
        lines.append('    tools: "{tools}"')
    check = items[0].check
    if check == "schema" and all(_fits_schema(item) for item in items):
        lines.append('    reference: "{reply}"          # the reply of the log, which fits the schema')
    return "\n".join([*lines, *_SCORERS[check]]) + "\n"


def _fits_schema(item: SampleItem) -> bool:
    try:
        return find_mismatch(orjson.loads(item.row["reply"]), item.row["schema"]) is None
    except orjson.JSONDecodeError:
        return False
