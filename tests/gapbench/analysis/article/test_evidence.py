"""Published figures: read with the place of every fault, and held against the rules."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from gapbench.analysis.article.evidence import (
    FIGURES_FILE,
    SNAPSHOTS_FILE,
    SOURCES_FILE,
    Evidence,
    Snapshot,
    read_evidence,
)
from gapbench.analysis.article.evidence_entry import COLUMNS, add_figures, parse_entry
from gapbench.analysis.article.evidence_rules import rule_violations, unproven
from gapbench.errors import DocumentError, InputError

SOURCE = {
    "source": "board@0a1b2c3",
    "kind": "leaderboard",
    "read_from": "repository",
    "citation": "owner/repo/board.csv@0a1b2c3d4e5f",
    "url": "https://github.com/owner/repo/blob/0a1b2c3d4e5f/board.csv",
    "accessed": "2026-11-24",
    "file_date": "2026-02-26",
    "dated_by": "name",
    "verified": "once",
    "remark": "",
}
FIGURE = {
    **dict.fromkeys(COLUMNS, ""),
    "category": "coding",
    "benchmark": "Board",
    "snapshot": "2026-02-26",
    "model": "gpt-5.2",
    "model_key": "gpt-5.2",
    "weights": "closed",
    "license": "Proprietary",
    "released": "2025-12-11",
    "score": "80",
    "unit": "percent",
    "source": "board@0a1b2c3",
}
OPEN = {"model": "glm-5", "model_key": "glm-5", "weights": "open", "license": "MIT", "released": "2026-02-12"}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a book of a closed figure and an open one, changed as told."""

    def make(
        closed: dict[str, str] | None = None,
        other: dict[str, str] | None = None,
        source: dict[str, str] | None = None,
        snapshots: tuple[dict[str, str], ...] = (),
    ) -> Path:
        figures = [{**FIGURE, **(closed or {})}, {**FIGURE, **OPEN, "score": "75", **(other or {})}]
        tables = [
            (FIGURES_FILE, figures, COLUMNS),
            (SOURCES_FILE, [{**SOURCE, **(source or {})}], tuple(SOURCE)),
        ]
        if snapshots:
            tables.append((SNAPSHOTS_FILE, list(snapshots), Snapshot._fields))
        for name, rows, columns in tables:
            with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, columns)
                writer.writeheader()
                writer.writerows(rows)
        return tmp_path

    return make


@pytest.fixture(scope="module")
def packaged() -> Evidence:
    """Return the packaged book."""
    return read_evidence()


def test_the_packaged_book_keeps_every_rule(packaged: Evidence) -> None:
    """911 figures, each with a pinned source and a right flag."""
    assert rule_violations(packaged) == []
    assert len(packaged.figures) == 911


def test_every_packaged_source_has_a_commit_an_address_and_a_date(packaged: Evidence) -> None:
    """42 sources; the address is of the file at the cited commit."""
    assert len(packaged.sources) == 42
    for source in packaged.sources.values():
        path, _, commit = source.citation.partition(" (")[0].partition("@")
        owner, repository, file = path.split("/", 2)
        assert source.url == f"https://github.com/{owner}/{repository}/blob/{commit}/{file}"
        assert len(commit) == 40
        assert source.accessed is not None
        assert source.verified in {"once", "twice", "other version"}


def test_only_one_packaged_list_has_a_file_of_no_known_date(packaged: Evidence) -> None:
    """MMLU-Pro's table; its list is marked as rebuilt, as are three more that a later file stands for."""
    assert [source.source for source in packaged.sources.values() if source.file_date is None] == [
        "mmlu-pro@f418b11"
    ]
    assert sorted(
        (one.benchmark, one.as_of.isoformat()) for one in packaged.snapshots if one.dating == "rebuilt"
    ) == [
        ("Aider code editing", "2024-12-31"),
        ("Aider polyglot", "2025-01-31"),
        ("BigCodeBench-Hard Instruct", "2024-12-31"),
        ("MMLU-Pro", "2024-06-30"),
    ]


def test_a_good_book_has_no_fault(write: Write) -> None:
    """Two sides, one list, one source."""
    assert rule_violations(read_evidence(write())) == []


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("score", "many", "2: score: is 'many'; it must be a number"),
        ("score", "nan", "2: score: is 'nan'; it must be a finite number"),
        ("weights", "yes", "2: weights: is 'yes'; it must be one of: open, closed"),
        ("snapshot", "Feb 2026", "2: snapshot: is 'Feb 2026'; it must be a date as YYYY-MM-DD"),
        ("source", "", "2: source: must not be empty"),
        ("n", "1.5", "2: n: is '1.5'; it must be a whole number"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named(write: Write, column: str, value: str, said: str) -> None:
    """File, line and column."""
    with pytest.raises(DocumentError) as caught:
        read_evidence(write({column: value}))

    assert said in str(caught.value)


def test_a_book_of_other_columns_is_refused(tmp_path: Path) -> None:
    """The heading is the schema."""
    (tmp_path / FIGURES_FILE).write_text("model,score\na,1\n")

    with pytest.raises(DocumentError, match="lacks category, benchmark"):
        read_evidence(tmp_path)


def test_a_book_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The folder may be mistyped."""
    with pytest.raises(InputError, match="does not exist"):
        read_evidence(tmp_path / "none")


@pytest.mark.parametrize(
    ("closed", "other", "source", "said"),
    [
        ({"score": "101"}, {}, {}, "score 101 is outside 0 to 100 percent"),
        ({"ci_low": "81", "ci_high": "82"}, {}, {}, "80 is outside its interval 81 to 82"),
        ({"ci_low": "79"}, {}, {}, "an interval has two bounds"),
        ({"released": "2026-03-01"}, {}, {}, "released 2026-03-01, after its list of 2026-02-26"),
        ({"source": "else"}, {}, {}, "source 'else' is not in evidence_sources.csv"),
        ({}, {}, {"citation": "a leaderboard"}, "names no commit and no address"),
        ({}, {}, {"kind": "blog"}, "kind 'blog' must be one of"),
        ({}, {}, {"url": ""}, "board@0a1b2c3: has no address; give url=https://"),
        ({}, {}, {"url": "a leaderboard"}, "'a leaderboard' is not an address"),
        ({}, {}, {"url": "http://x.test/a"}, "'http://x.test/a' is not an address"),
        ({}, {}, {"accessed": ""}, "the date when it was read is missing; give accessed="),
        ({}, {}, {"file_date": ""}, "file_date and dated_by go together"),
        ({}, {}, {"dated_by": ""}, "file_date and dated_by go together"),
        ({}, {}, {"file_date": "2026-11-25"}, "file_date 2026-11-25 is later than accessed 2026-11-24"),
        ({}, {}, {"verified": "not found"}, "a second reading did not find its figures"),
        ({}, {"license": "Proprietary"}, {}, "flagged open under licence 'Proprietary'"),
        ({"license": "MIT"}, {}, {}, "flagged closed under licence 'MIT'"),
        ({}, {"model": "qwen2.5-max", "model_key": "qwen2.5-max"}, {}, "flagged open, is closed"),
        ({}, {"model": "qwen-max-0919", "model_key": "qwen-max-0919", "license": "Qwen"}, {}, "is closed"),
        (
            {"model": "Qwen2-VL-72B", "model_key": "qwen2-vl-72b", "released": ""},
            {},
            {},
            "flagged closed, is open",
        ),
        (
            {},
            {"model": "Llama-4-Maverick-03-26-Experimental", "model_key": "llama-4"},
            {},
            "not the one that was released",
        ),
        ({}, {"unit": "elo", "score": "1400"}, {}, "mixes units elo, percent"),
        ({}, {"category": "reasoning"}, {}, "mixes categorys coding, reasoning"),
        ({}, {"weights": "closed", "license": ""}, {}, "has only one side"),
        ({}, {"model": "gpt-5.2"}, {}, "gpt-5.2 is already in this list, at line 2"),
    ],
)
def test_each_broken_rule_is_said(
    write: Write, closed: dict[str, str], other: dict[str, str], source: dict[str, str], said: str
) -> None:
    """One book for each rule, broken in one place."""
    found = rule_violations(read_evidence(write(closed, other, source)))

    assert any(said in line for line in found), found


def snapshot(**changes: str) -> tuple[dict[str, str], ...]:
    row = {"benchmark": "Board", "snapshot": "2026-02-26", "as_of": "2026-02-26", "dating": "listed"}
    return ({**row, "listed_closed": "", "listed_open": "", **changes},)


@pytest.mark.parametrize("dating", ["listed", "rebuilt"])
def test_a_gap_of_two_snapshots_is_refused(write: Write, dating: str) -> None:
    """The closed score of one day is not set against the open score of another."""
    book = write(snapshots=snapshot(as_of="2026-01-16", dating=dating))

    assert any("as_of must be" in line for line in rule_violations(read_evidence(book)))


@pytest.mark.parametrize(
    ("file_date", "dated_by", "dating", "said"),
    [
        ("2026-02-26", "name", "listed", None),
        ("2026-02-20", "content", "listed", None),
        ("2026-03-01", "commit", "listed", "a file of 2026-03-01, so the list may have changed since"),
        ("", "", "listed", "a file of unknown date, so the list may have changed since"),
        ("2026-03-01", "commit", "rebuilt", None),
        ("", "", "rebuilt", None),
    ],
)
def test_a_list_is_read_as_it_was_on_its_date(
    write: Write, file_date: str, dated_by: str, dating: str, said: str | None
) -> None:
    """A file of a later day may lack rows that were removed or dated again; such a list is marked as rebuilt."""
    book = write(source={"file_date": file_date, "dated_by": dated_by}, snapshots=snapshot(dating=dating))
    found = rule_violations(read_evidence(book))

    assert (0 if said is None else 1) == len(found)
    assert said is None or said in found[0]


@pytest.mark.parametrize(
    ("as_of", "snapshot_day", "is_good"),
    [("2026-03-31", "2026-04-19", True), ("2026-02-28", "2026-04-19", False), ("2026-02-26", "2026-02-26", True), ("2025-12-31", "2026-04-19", True)],
)  # fmt: skip
def test_a_list_by_release_date_is_cut_at_the_end_of_its_moment(
    write: Write, as_of: str, snapshot_day: str, is_good: bool
) -> None:
    """Early 2026 ends on 31 March: a cut in February leaves out the models of March, unless the file is no younger."""
    day = {"snapshot": snapshot_day, "released": "2025-12-11"}
    book = write(day, day, snapshots=snapshot(snapshot=snapshot_day, as_of=as_of, dating="released"))
    found = rule_violations(read_evidence(book))

    assert is_good == (found == [])
    assert is_good or "models released until 2026-03-31 belong to early 2026; cut the list there" in found[0]


def test_a_book_of_version_0_1_is_read_and_told_what_it_lacks(write: Write) -> None:
    """Its sources have four columns; the addresses are asked for."""
    book = write()
    rows = [line.split(",")[:4] for line in (book / SOURCES_FILE).read_text().splitlines()]
    (book / SOURCES_FILE).write_text("".join(",".join(row) + "\n" for row in rows))
    found = rule_violations(read_evidence(book))

    assert ["has no address" in found[0], "the date when it was read is missing" in found[1]] == [True, True]
    assert len(found) == 2


def test_what_the_packaged_book_cannot_show_is_said(packaged: Evidence) -> None:
    """4 rebuilt lists, 27 files dated by the survey alone, 29 sources compared once."""
    found = unproven(packaged)

    assert 4 == sum("is rebuilt from a later file" in line for line in found)
    assert [
        "the date of the file is only the survey's word for 27 of 42 sources",
        "figures were compared with 29 of 42 sources only once, or not at all",
    ] == found[4:]


def test_a_figure_that_was_not_found_again_is_said(write: Write) -> None:
    """With what was found in its place."""
    evidence = read_evidence(write(source={"verified": "not found", "remark": "the file has 79"}))

    assert ["board@0a1b2c3: a second reading did not find its figures: the file has 79"] == unproven(evidence)


def test_a_note_explains_a_corrected_flag(write: Write) -> None:
    """A licence label that is wrong in the source may stand, when the row says so."""
    book = write({}, {"license": "proprietary (source label)", "note": "flag corrected: weights are out"})

    assert rule_violations(read_evidence(book)) == []


def cells(**changes: str) -> list[dict[str, str]]:
    row = {name: value for name, value in {**FIGURE, **SOURCE, **changes}.items() if value}
    return [parse_entry([f"{name}={value}" for name, value in row.items()])]


def test_a_figure_is_added_with_its_source(tmp_path: Path) -> None:
    """A book is begun, and the second figure of a source needs no citation."""
    book = tmp_path / "book"

    assert add_figures(book, cells()) == 1
    assert add_figures(book, cells(**OPEN)) == 1
    evidence = read_evidence(book)
    assert [one.model for one in evidence.figures] == ["gpt-5.2", "glm-5"]
    assert list(evidence.sources) == ["board@0a1b2c3"]


def test_a_figure_that_breaks_a_rule_is_not_added(tmp_path: Path) -> None:
    """Nothing is written."""
    add_figures(tmp_path, cells())
    before = (tmp_path / FIGURES_FILE).read_text()

    with pytest.raises(InputError, match=r"nothing was added: .*is already in this list"):
        add_figures(tmp_path, cells())
    assert (tmp_path / FIGURES_FILE).read_text() == before


def test_an_unread_cell_is_named_in_the_users_book(tmp_path: Path) -> None:
    """The message names the book, never a scratch folder."""
    with pytest.raises(DocumentError) as caught:
        add_figures(tmp_path / "book", cells(score="x"))

    assert str(caught.value).startswith(f"{tmp_path / 'book' / FIGURES_FILE}:2: score: is 'x'")


def test_a_mistyped_column_gets_a_hint() -> None:
    """`scor=1` is near to score."""
    with pytest.raises(InputError, match="did you mean score"):
        parse_entry(["scor=1"])
