"""Rows and images: every format gives the same, a damaged file names its line."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.errors import DocumentError, SetupError
from gapbench.suite.tasks.dataset import (
    FORMATS,
    read_hugging_face,
    read_rows,
)

ROWS: list[dict[str, Any]] = [{"id": n, "question": f"What is {n}, “really”?", "x": None} for n in range(5)]


def write(folder: Path, content: bytes | str, name: str = "q.jsonl") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def refused(file: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        read_rows(file, None)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{file.parent}/")


def test_jsonl_keeps_types(tmp_path: Path) -> None:
    """Numbers, nulls, nested values; the hash is of the bytes."""
    text = jsonl(ROWS)
    rows, digest = read_rows(write(tmp_path, text), None)

    assert (ROWS, hashlib.sha256(text.encode()).hexdigest()) == (rows, digest)


def test_jsonl_of_other_hands_is_read(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, empty lines, U+2028 within a text, no last line end."""
    text = '\ufeff{"a": 1}\r\n\r\n  \n{"a": "x\u2028y"}'

    assert [{"a": 1}, {"a": "x\u2028y"}] == read_rows(write(tmp_path, text), None)[0]


def test_csv_has_a_header_and_text(tmp_path: Path) -> None:
    """A byte order mark, quotes, commas and line ends within quotes, an empty line."""
    text = '\ufeffid,question\n1,"a, ""b""\nc"\n\n2,é\n'

    assert [{"id": "1", "question": 'a, "b"\nc'}, {"id": "2", "question": "é"}] == (
        read_rows(write(tmp_path, text, "q.csv"), None)[0]
    )


def test_csv_fields_may_be_long(tmp_path: Path) -> None:
    """The csv module's own bound is 131 072 characters."""
    rows, _ = read_rows(write(tmp_path, f"id,text\n1,{'x' * 200_000}\n", "q.csv"), None)

    assert 200_000 == len(rows[0]["text"])


def test_parquet_gives_what_was_put_in(tmp_path: Path) -> None:
    """Columns with types."""
    pd.DataFrame(ROWS).to_parquet(tmp_path / "q.parquet")

    assert ROWS == read_rows(tmp_path / "q.parquet", None)[0]


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet", ".JSONL"])
def test_the_chosen_rows_are_read_in_file_order(tmp_path: Path, ending: str) -> None:
    """The hash is of the whole file all the same."""
    file = tmp_path / f"q{ending}"
    if ending == ".parquet":
        pd.DataFrame(ROWS).to_parquet(file)
    elif ending == ".csv":
        pd.DataFrame(ROWS).to_csv(file, index=False)
    else:
        write(tmp_path, jsonl(ROWS), file.name)
    rows, digest = read_rows(file, lambda _: [1, 0])

    assert ([r["question"] for r in ROWS[:2]], hashlib.sha256(file.read_bytes()).hexdigest()) == (
        [r["question"] for r in rows], digest,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("q.jsonl", "", "q.jsonl: no rows; a task needs at least one"),
        ("q.jsonl", "\n\n", "no rows"),
        ("q.jsonl", '{"a": 1}\n{"id": 1', "q.jsonl:2: not JSON: Expecting ',' delimiter at character 9; each line is one JSON object"),
        ("q.json", '[{"a": 1},\n{"a": 2]', "q.json:2: not JSON: Expecting ',' delimiter at character 8; expected an array of objects, or one"),
        ("q.json", '[{"a": 1}, 5]', "q.json: item 2 is 5; each item is one JSON object"),
        ("q.json", '[{"a": "\\ud800"}]', "q.json:1: not JSON: half of a surrogate pair is not a character"),
        ("q.json", '{\n"a": 1\n}', "q.json:1: not JSON: Expecting property name enclosed in double quotes at character 2; each line is one JSON object, or the whole file an array of them"),
        ("q.json", "[]", "q.json: no rows"),
        ("q.jsonl", '{"id": 1}\n[1]\n', "q.jsonl:2: found '[1]'; each line is one JSON object"),
        ("q.jsonl", '{"a": NaN}', "q.jsonl:1: not JSON: NaN is not valid JSON, write null"),
        ("q.jsonl", '{"a": "\\ud800"}', "q.jsonl:1: not JSON: half of a surrogate pair is not a character"),
        ("q.jsonl", '{"a": ' + "9" * 5000 + "}", "q.jsonl:1: not JSON: Exceeds the limit"),
        ("q.jsonl", '{"a": ' + "[" * 100_000, "q.jsonl:1: not JSON: nested too deep"),
        ("q.jsonl", b'{"a": 1}\n{"a": "\xff"}', "q.jsonl:2: byte 0xff is not UTF-8; save the file as UTF-8"),
        ("q.csv", "", "q.csv: no rows"),
        ("q.csv", "a,b\n", "no rows"),
        ("q.csv", "a,b\n1,2\n1,2,3\n", "q.csv:3: found 3 fields where the header names 2; put a field that holds a comma"),
        ("q.csv", "a,b\n1\n", "q.csv:2: found 1 fields where the header names 2"),
        ("q.csv", "a,a\n1,2\n", "q.csv:1: the header a, a has the same name twice, 'a'"),
        ("q.csv", "a,\n1,2\n", "q.csv:1: the header a,  has an empty name"),
        ("q.csv", 'a,b\n"1,2\n', "q.csv:2: not CSV: unexpected end of data; check the quotes"),
        ("q.csv", b"a,b\n1,\xe9\n", "q.csv:2: byte 0xe9 is not UTF-8"),
        ("q.parquet", "", "q.parquet: not Parquet"),
        ("q.parquet", "PAR1 and then nothing PAR1", "q.parquet: not Parquet"),
        ("q.txt", "x", "q.txt: cannot read a .txt file; expected .jsonl, .json, .csv, .tsv, .parquet: save it as one of them"),
        ("q.csv", "a;b\n1;2;3\n", "q.csv:2: found 3 fields where the header names 2; put a field that holds a semicolon"),
        ("q", "x", "cannot read a file without ending"),
    ],
)  # fmt: skip
def test_a_damaged_file_names_its_line(tmp_path: Path, name: str, content: bytes | str, said: str) -> None:
    """Where it has lines."""
    assert said in refused(write(tmp_path, content, name))


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    """Columns are not enough."""
    pd.DataFrame({"a": []}).to_parquet(tmp_path / "q.parquet")

    assert "no rows" in refused(tmp_path / "q.parquet")


@pytest.mark.parametrize("name", ["none.jsonl", "a\0.jsonl", "x" * 300 + ".jsonl"])
def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path, name: str) -> None:
    """Missing, or a name that cannot be."""
    assert "cannot be read" in refused(tmp_path / name)


def test_a_folder_names_the_files_in_it(tmp_path: Path) -> None:
    """`data: .` is a try at all of them."""
    (tmp_path / "folder.jsonl").mkdir()
    assert "folder.jsonl: is a folder; name a file in it; none in it ends in .jsonl" in refused(
        tmp_path / "folder.jsonl"
    )
    write(tmp_path / "folder.jsonl", "a\n1\n", "q.tsv")
    write(tmp_path / "folder.jsonl", "", "notes.md")

    assert refused(tmp_path / "folder.jsonl").endswith("is a folder; name a file in it; there are: q.tsv")


@pytest.mark.parametrize("name", ["q.json", "q.jsonl", "q.JSON"])
def test_an_array_of_objects_is_rows(tmp_path: Path, name: str) -> None:
    """Under either ending; as are objects by the line."""
    assert ROWS == read_rows(write(tmp_path, "\n" + json.dumps(ROWS, indent=1), name), None)[0]
    assert ROWS == read_rows(write(tmp_path, jsonl(ROWS), name), None)[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.csv", 'id;question\n1;"a; b, c"\n'),
        ("q.csv", '"id";"question"\n"1";"a; b, c"\n'),
        ("q.tsv", "id\tquestion\n1\ta; b, c\n"),
        ("q.csv", "id\tquestion\n1\ta; b, c\n"),
        ("q.tsv", 'id,question\n1,"a; b, c"\n'),
    ],
)
def test_the_header_says_what_stands_between(tmp_path: Path, name: str, text: str) -> None:
    """Commas, semicolons as spreadsheets of half of Europe write them, or tabs."""
    assert [{"id": "1", "question": "a; b, c"}] == read_rows(write(tmp_path, text, name), None)[0]


def test_a_semicolon_in_a_name_between_commas_is_part_of_it(tmp_path: Path) -> None:
    """Commas are looked for first."""
    assert [{"id": "1", "a;b": "2"}] == read_rows(write(tmp_path, "id,a;b\n1,2\n", "q.csv"), None)[0]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80), ending=st.sampled_from(FORMATS))
def test_any_bytes_are_rows_or_one_line(tmp_path: Path, content: bytes, ending: str) -> None:
    """Never another exception."""
    try:
        assert read_rows(write(tmp_path, content, f"q{ending}"), None)[0]
    except DocumentError as exc:
        assert "\n" not in str(exc)


def test_a_hugging_face_data_set_gives_its_rows(tmp_path: Path) -> None:
    """A folder of JSONL is a data set to `datasets`, without a hub; the hash names split and content."""
    write(tmp_path, jsonl(ROWS), "train.jsonl")
    rows, digest = read_hugging_face({"hf": str(tmp_path), "split": "train"}, lambda _: [2, 0, 1])
    again = read_hugging_face({"hf": str(tmp_path), "split": "train"}, None)

    assert ROWS[:3] == rows
    assert (5, digest) == (len(again[0]), again[1])


def test_named_files_of_a_data_set_are_read_beside_a_script(tmp_path: Path) -> None:
    """Their rows in the order of the files, from a folder that has a loading script; no script is run."""
    write(tmp_path, jsonl(ROWS[:2]), "a.jsonl")
    write(tmp_path, jsonl(ROWS[2:3]), "b.jsonl")
    write(tmp_path, "raise SystemExit", f"{tmp_path.name}.py")
    rows, _ = read_hugging_face({"hf": str(tmp_path), "files": ["b.jsonl", "a.jsonl"], "split": "test"}, None)

    assert [ROWS[2], *ROWS[:2]] == rows


def test_named_files_of_the_hub_are_taken_at_their_revision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The address has the commit; without one it is the branch main."""
    asked: list[dict[str, Any]] = []

    def load(**given: Any) -> None:
        asked.append(given)
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("datasets.load_dataset", load)
    for more in ({"revision": "abc"}, {}):
        with pytest.raises(SetupError, match="cannot be loaded: division by zero"):
            read_hugging_face({"hf": "o/n", "files": ["x/t6.jsonl"], "split": "test", **more}, None)

    files = [["hf://datasets/o/n@abc/x/t6.jsonl"], ["hf://datasets/o/n@main/x/t6.jsonl"]]
    assert asked == [{"path": "json", "data_files": {"test": one}, "split": "test"} for one in files]


@pytest.mark.parametrize("split", ["test", "train[:0]"])
def test_a_data_set_without_the_split_is_said(tmp_path: Path, split: str) -> None:
    """Absent, or without rows; one line."""
    write(tmp_path, jsonl(ROWS), "train.jsonl")

    with pytest.raises(SetupError, match="split") as caught:
        read_hugging_face({"hf": str(tmp_path), "split": split}, None)
    assert "\n" not in str(caught.value)


def test_a_data_set_that_cannot_be_had_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the hub's client fails; the word names the set and what would do."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)

    with pytest.raises(
        SetupError, match=r"data set 'nobody/nothing-here' cannot be loaded: .*bring a file"
    ) as caught:
        read_hugging_face({"hf": "nobody/nothing-here", "split": "test"}, None)
    assert "\n" not in str(caught.value)


def test_without_the_package_the_remedy_is_named() -> None:
    """None in sys.modules is how Python marks a package that cannot be imported."""
    code = (
        "import sys; sys.modules['datasets'] = None\n"
        "from gapbench.suite.tasks.dataset import read_hugging_face\n"
        "from gapbench.errors import SetupError\n"
        "try: read_hugging_face({'hf': 'a/b'}, None)\n"
        "except SetupError as exc: print(exc)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "data set 'a/b': the package `datasets` is missing; pip install datasets" == shown.stdout.strip()


def test_lists_of_images_of_a_data_set_are_bytes(tmp_path: Path) -> None:
    """As stored and not decoded, alone and in a list, beside NaN and a class label."""
    datasets = pytest.importorskip("datasets")
    picture = {"bytes": b"\x89PNG\r\n\x1a\n...", "path": None}
    features = datasets.Features(
        {"q": datasets.Value("string"), "x": datasets.Value("float32"), "one": datasets.Image(), "many": datasets.List(datasets.Image()), "label": datasets.ClassLabel(names=["no", "yes"])}
    )  # fmt: skip
    rows = [{"q": "a", "x": float("nan"), "one": picture, "many": [picture, picture], "label": 1}]
    datasets.Dataset.from_list(rows, features=features).to_parquet(tmp_path / "train.parquet")

    found, _ = read_hugging_face({"hf": str(tmp_path), "split": "train"}, None)

    assert [{**rows[0], "x": None}] == found
