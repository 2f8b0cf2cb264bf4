"""Tables as spreadsheets, other programs and people write them, against what a person expects."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.errors import InputError
from gapbench.suite.column_roles import guess_roles
from gapbench.suite.scaffold import suite_scaffold
from gapbench.suite.suite import load_suite
from gapbench.suite.tasks.dataset import read_rows
from gapbench.suite.tasks.loader import load_task, read_task

CASES = Path(__file__).parents[2] / "cases" / "tables"


def cases(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((CASES / name).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("case", cases("cases.yaml"), ids=lambda case: case["about"])
def test_a_table_gives_what_a_person_expects(tmp_path: Path, case: dict[str, Any]) -> None:
    """Prompts, targets and ids, or the message with file, line and key."""
    (tmp_path / case["name"]).write_bytes(case["file"].encode("utf-8"))
    document = {"name": "t", "category": "r", "data": case["name"], "scorer": "exact", **case["task"]}
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(document, allow_unicode=True, width=10_000), "utf-8")
    found: dict[str, list[Any]] = {}
    try:
        samples = load_task(*read_task(tmp_path / "task.yaml"), None).samples
        found["prompts"] = [sample.messages[-1].text for sample in samples]
        found["targets"] = [sample.target for sample in samples]
        found["ids"] = [sample.sample_id for sample in samples]
    except InputError as exc:
        assert case.get("error", "no error") in str(exc)
        return

    assert "error" not in case
    expected = {name: case[name] for name in ("prompts", "targets", "ids") if name in case}
    assert expected == {name: found[name] for name in expected}


@pytest.mark.parametrize("case", cases("init.yaml"), ids=lambda case: ", ".join(case["header"]))
def test_init_chooses_the_columns_of_a_person(tmp_path: Path, case: dict[str, Any]) -> None:
    """By name in many languages, else by what the values look like; the suite that it writes loads."""
    text = io.StringIO()
    csv.writer(text).writerows([case["header"], *case["rows"]])
    data, file = tmp_path / "t.csv", tmp_path / "s.yaml"
    data.write_text(text.getvalue(), encoding="utf-8")
    rows, _ = read_rows(data, None)
    roles = guess_roles(rows, tmp_path)

    assert (case["prompt"], case.get("target"), case.get("id"), case.get("options")) == (
        roles.prompt, roles.target, roles.identity, roles.options,
    )  # fmt: skip
    assert tuple(case.get("tags", ())) == roles.tags
    file.write_text(suite_scaffold(file, data), encoding="utf-8")
    samples = load_suite(file).load_tasks()[0].samples
    at = [name.strip() for name in case["header"]].index(case["prompt"])
    for sample, row in zip(samples, case["rows"], strict=True):
        assert sample.messages[0].text.startswith(row[at])


FORMATS = ("csv", "jsonl", "json", "parquet")
SCRIPTS = [
    "question", "Question Text", "質問", "问题", "질문", "вопрос", "السؤال", "प्रश्न", "คำถาม", "câu hỏi", "שאלה", "ερώτηση", "հարց", "კითხვა",
    "frage (neu)", "it's", 'the "best"', "a.b", "a-b", "a:b", "100 %", "x/y", "[q]", "#q", "q?", "q!", "$q", "a, b", "a;b", "👍", "𝒬", "a}b",
    "{q}", "line\nbreak",
]  # fmt: skip


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("name", SCRIPTS)
def test_any_name_in_any_format(tmp_path: Path, name: str, ending: str) -> None:
    """Three rows are written with this name; their values are the prompts and the targets, whatever the name is."""
    values = [f"{name} {n}?" for n in range(3)]
    rows = [{"id": str(n), name: value, "other": "no"} for n, value in enumerate(values)]
    file = tmp_path / f"t.{ending}"
    if ending == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), file)
    elif ending == "csv":
        with file.open("w", encoding="utf-8", newline="") as opened:
            csv.writer(opened).writerows([list(rows[0]), *(list(row.values()) for row in rows)])
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        file.write_text(f"[{','.join(lines)}]" if ending == "json" else "\n".join(lines), encoding="utf-8")
    is_plain = not set(name) & set("{}\n")
    template = f"{{{name}}}" if is_plain else f"{{{json.dumps(name)}}}"
    document = {
        "name": "t", "category": "r", "data": file.name, "id": "{id}",
        "prompt": f"<{template}>", "target": template, "scorer": "exact",
    }  # fmt: skip
    (tmp_path / "task.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    samples = load_task(*read_task(tmp_path / "task.yaml"), None).samples

    assert [(f"<{value}>", value) for value in values] == [
        (sample.messages[0].text, sample.target) for sample in samples
    ]
