"""The local mirror of a run at an address: which side is copied, and what is no conflict."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import fs

from gapbench.cli import invoke
from gapbench.errors import ResultsError
from gapbench.store.object_store import LISTING_NAME, pull_run, push_run
from tests.stored_runs import AT, Elsewhere, names, text


def test_the_side_that_changed_is_copied(store: fs.S3FileSystem, sent: Path, elsewhere: Elsewhere) -> None:
    """Also under the same size; a side without news of its own never overwrites the other."""
    (sent / "run.json").write_text("RUN.json")
    push_run(sent)
    assert "RUN.json" == text(store, "run.json")
    elsewhere({"run.json": "run.JSON"})
    push_run(sent)
    assert "run.JSON" == text(store, "run.json")
    pull_run(sent)
    assert "run.JSON" == (sent / "run.json").read_text()


def test_an_upload_that_died_is_no_conflict(store: fs.S3FileSystem, sent: Path) -> None:
    """Some files were sent, and neither listing was written."""
    (sent / "attempts-00002.parquet").write_text("rows")
    (sent / "run.json").write_text("newer")
    with store.open_output_stream("bench/nightly/one/run.json") as stream:
        stream.write(b"newer")
    pull_run(sent)
    push_run(sent)

    assert ("newer", "rows") == (text(store, "run.json"), text(store, "attempts-00002.parquet"))


def test_a_run_without_a_listing_is_read_to_make_one(store: fs.S3FileSystem, sent: Path) -> None:
    """As an older gapbench sent it; the copy here is the same."""
    store.delete_file(f"bench/nightly/one/{LISTING_NAME}")
    (sent / LISTING_NAME).write_text("{half")
    pull_run(sent)
    (sent / "run.json").write_text("newer")
    push_run(sent)

    assert "newer" == text(store, "run.json")


def test_reading_does_not_forget_what_is_still_to_be_sent(store: fs.S3FileSystem, sent: Path) -> None:
    """A run whose upload failed is read by its address, twice, and sent."""
    (sent / "run.json").write_text("newer")
    pull_run(sent)
    pull_run(sent)
    push_run(sent)

    assert "newer" == text(store, "run.json")


@pytest.mark.parametrize("name", ["run.json", "journal-00002.jsonl"])
def test_both_sides_changed_copies_nothing(
    store: fs.S3FileSystem, sent: Path, elsewhere: Elsewhere, name: str
) -> None:
    """Neither way; rows that are still in a journal count."""
    elsewhere({"run.json": "theirs"})
    (sent / name).write_text("ours")
    for copy in (pull_run, push_run):
        with pytest.raises(ResultsError, match="have both changed"):
            copy(sent)

    assert ("theirs", "ours") == (text(store, "run.json"), (sent / name).read_text())


def test_a_file_lost_here_is_fetched_again(store: fs.S3FileSystem, sent: Path) -> None:
    """A mirror is a copy; an upload deletes nothing there either."""
    (sent / "payload-00001.parquet").unlink()
    push_run(sent)
    pull_run(sent)

    assert "payload-00001.parquet" == (sent / "payload-00001.parquet").read_text()


def test_a_run_that_was_never_sent_is_told_from_none(
    store: fs.S3FileSystem, sent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named with what sends it; no run at all is one line too."""
    store.delete_dir("bench/nightly")
    assert 2 == invoke(["report", f"{AT}/one"])
    assert (
        f"was not uploaded completely: `bench run --resume one --out {AT}` sends it"
        in capsys.readouterr().err
    )
    assert 2 == invoke(["report", f"{AT}/none"])
    assert "is not a run: it has no run.json" in capsys.readouterr().err


def test_answers_that_wait_for_their_score_go_along(
    sent: Path, store: fs.S3FileSystem, elsewhere: Elsewhere
) -> None:
    """The machine that resumes the run scores them; then they wait on neither side."""
    (sent / "waiting-00001.jsonl").write_text("answers")
    push_run(sent)
    assert "answers" == text(store, "waiting-00001.jsonl")

    elsewhere({"waiting-00001.jsonl": None, "attempts-00002.parquet": "their rows"})
    pull_run(sent)

    assert not (sent / "waiting-00001.jsonl").exists()
    assert "their rows" == (sent / "attempts-00002.parquet").read_text()
    assert "one/waiting-00001.jsonl" not in names(store)


def test_joined_parts_replace_the_small_ones_in_the_store(sent: Path, store: fs.S3FileSystem) -> None:
    """Part 2 was sent; then the writer joined it to part 1."""
    (sent / "attempts-00002.parquet").write_text("rows")
    push_run(sent)
    (sent / "attempts-00002.parquet").unlink()
    (sent / "attempts-00001.parquet").rename(sent / "attempts-00001-00002.parquet")
    push_run(sent)

    assert ["one/attempts-00001-00002.parquet"] == [name for name in names(store) if "attempts-" in name]


def test_joined_parts_replace_the_small_ones_in_the_mirror(sent: Path, elsewhere: Elsewhere) -> None:
    """Another machine joined them."""
    joined = "attempts-00001-00002.parquet"
    elsewhere({"attempts-00001.parquet": None, joined: "all rows"})
    pull_run(sent)

    assert [joined] == [path.name for path in sent.glob("attempts-*")]
