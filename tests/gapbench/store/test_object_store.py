"""Runs on an S3-compatible server on loopback: written, seen whole, read and resumed from elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyarrow import fs

from gapbench.analysis.frames import load_runs
from gapbench.cli import invoke
from gapbench.errors import InputError, ResultsError
from gapbench.store import read_attempts
from gapbench.store.object_store import LISTING_NAME, PROBE_NAME, address_of, mirror_of, pull_run, push_run
from tests.run_folders import make_attempt, manifest

SUITE = """\
name: far
models:
  - id: open
    runner: sim
    weights: open
    sim: {protocol: openai, skill: 0.5, ttft_s: 0.001, gap_s: 0}
    cost: {input_usd_per_mtok: 10, output_usd_per_mtok: 10}
tasks:
  - {name: sums, category: reasoning, data: q.jsonl, id: "{id}", prompt: "{question}", target: "{answer}", scorer: numeric}
loads: [{concurrency: 1}]
params: {max_tokens: 64}
"""
AT = "s3://bench/nightly"
RUN = ["run", "suite.yaml", "--yes", "--quiet", "--out", AT]
HALF = [*RUN, "--max-usd", "0.001"]
"""Stops after about ten of twenty requests."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a real S3 server (moto's) on this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{port}/moto-api/", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except OSError:
            time.sleep(0.1)  # polling a server of another's: it offers no other sign
        else:
            return
    pytest.fail("moto_server did not come up")


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Stand on a machine with a suite of 20 questions and AWS's variables, at a server that is not there."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    rows = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1} for n in range(20)]
    for machine in ("here", "elsewhere"):
        (tmp_path / machine).mkdir()
        monkeypatch.chdir(tmp_path / machine)
        Path("q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        Path("suite.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path / "here")
    return monkeypatch


@pytest.fixture
def store(server: str, at: pytest.MonkeyPatch) -> fs.S3FileSystem:
    """An empty bucket `bench`."""
    at.setenv("AWS_ENDPOINT_URL", server)
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST")).close()
    made = fs.S3FileSystem(
        endpoint_override=server.removeprefix("http://"),
        scheme="http",
        region="us-east-1",
        allow_bucket_creation=True,
    )
    made.create_dir("bench")
    return made


def names(store: fs.S3FileSystem) -> list[str]:
    """Return what lies below the address, by run and name."""
    found = store.get_file_info(fs.FileSelector("bench/nightly", recursive=True, allow_not_found=True))
    files = [info.path.removeprefix("bench/nightly/") for info in found if info.type == fs.FileType.File]
    return sorted(name for name in files if name != PROBE_NAME and not name.endswith(LISTING_NAME))


def only_run(store: fs.S3FileSystem) -> str:
    (run,) = {name.split("/")[0] for name in names(store)}
    return run


def test_a_run_is_sent_read_elsewhere_and_resumed_there(
    store: fs.S3FileSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its parts and manifest lie in the bucket, no lock and no journal; a machine without the mirror reads it."""
    assert 0 == invoke(RUN)
    sent, run = names(store), only_run(store)
    kinds = {name.split("/")[1] for name in sent}

    assert {"run.json", "attempts-00001.parquet", "payload-00001.parquet", "logs", "report.html"} <= kinds
    assert not [name for name in sent if "lock" in name or "journal" in name or name.endswith(".tmp")]
    shutil.rmtree("results")
    capsys.readouterr()
    assert 0 == invoke(["report", f"{AT}/{run}", "--json"])
    assert 20 == json.loads(capsys.readouterr().out)["rows"][0]["done"]
    shutil.rmtree("results")
    assert 0 == invoke([*RUN, "--resume", run])
    assert 1 == len([name for name in names(store) if "attempts-" in name])


def test_the_run_just_written_is_sent(store: fs.S3FileSystem) -> None:
    """Also where an older one in the mirror looks newer."""
    assert 0 == invoke(RUN)
    before = set(names(store))
    run = only_run(store)
    future = time.time() + 3_600
    os.utime(Path("results/.remote/s3/bench/nightly", run, "run.json"), (future, future))
    assert 0 == invoke(RUN)

    assert [name for name in names(store) if name.endswith("/run.json") and name not in before]


def test_a_stale_copy_is_brought_up_before_its_run_goes_on(
    store: fs.S3FileSystem, at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Begun here and finished elsewhere: going on here asks nobody and overwrites nothing."""
    assert 1 == invoke(HALF)
    assert f"--out {AT}\n" in capsys.readouterr().err
    run = only_run(store)
    at.chdir("../elsewhere")
    assert 0 == invoke([*RUN, "--resume", run])
    parts = {
        name: store.get_file_info(f"bench/nightly/{name}").mtime_ns for name in names(store) if "parq" in name
    }
    at.chdir("../here")
    assert 0 == invoke([*RUN, "--resume", run])

    mirror = mirror_of(f"{AT}/{run}")
    assert mirror is not None
    assert 20 == len(read_attempts([mirror]))
    assert parts == {name: store.get_file_info(f"bench/nightly/{name}").mtime_ns for name in parts}
    assert {"attempts-00001.parquet", "attempts-00002.parquet"} == {
        path.name for path in mirror.glob("attempts-*")
    }


def test_a_run_that_went_on_on_both_sides_is_refused(
    store: fs.S3FileSystem, at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before a request is sent; what is here stays, and so does what is there."""
    assert 1 == invoke(HALF)
    run = only_run(store)
    at.chdir("../elsewhere")
    assert 0 == invoke([*RUN, "--resume", run])
    at.chdir("../here")
    there = names(store)
    own = Path("results/.remote/s3/bench/nightly", run, "attempts-00002.parquet")
    own.write_bytes(b"rows of this machine")
    capsys.readouterr()

    assert 2 == invoke([*RUN, "--resume", run])
    said = capsys.readouterr().err
    assert f"{AT}/{run} and its copy results/.remote/s3/bench/nightly/{run} have both changed" in said
    assert (b"rows of this machine", there) == (own.read_bytes(), names(store))


@pytest.fixture
def sent(store: fs.S3FileSystem) -> Path:
    """A mirrored run of three files, sent once."""
    run = mirror_of(f"{AT}/one")
    assert run is not None
    run.mkdir(parents=True)
    for name in ("run.json", "attempts-00001.parquet", "payload-00001.parquet"):
        (run / name).write_text(name)
    assert f"{AT}/one" == push_run(run)
    return run


def text(store: fs.S3FileSystem, name: str) -> str:
    with store.open_input_stream(f"bench/nightly/one/{name}") as stream:
        return str(stream.read().decode())


Elsewhere = Callable[[dict[str, str | None]], None]


@pytest.fixture
def elsewhere(sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    """Fetch the run on another machine, change files there (None deletes one), and send it."""

    def change(files: dict[str, str | None]) -> None:
        with monkeypatch.context() as there:
            (tmp_path / "another machine").mkdir(exist_ok=True)
            there.chdir(tmp_path / "another machine")
            pull_run(sent)
            for name, content in files.items():
                if content is None:
                    (sent / name).unlink()
                else:
                    (sent / name).write_text(content)
            push_run(sent)

    return change


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


def test_every_reader_takes_an_address(
    store: fs.S3FileSystem, at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine that has no copy: list, verify, gap, compare, a baseline; by address, and by id below one."""
    assert 0 == invoke(RUN)
    run = only_run(store)
    at.chdir("../elsewhere")
    capsys.readouterr()

    assert 0 == invoke(["runs", "list", "--out", AT])
    assert capsys.readouterr().out.startswith(f"{AT}/{run}  complete, ")
    assert not Path("results").exists()
    assert 0 == invoke(["runs", "verify", "--out", AT])
    assert f"{AT}/{run}: whole\n" == capsys.readouterr().out
    for given in ([f"{AT}/{run}"], [run, "--out", AT]):
        shutil.rmtree("results")
        assert 0 == invoke(["runs", "verify", *given])
    assert 0 == invoke(["gap", f"{AT}/{run}", "--json"])
    assert 0 == invoke(["compare", f"{AT}/{run}", f"{AT}/{run}"])
    assert 0 == invoke(["compare", run, run, "--out", AT])
    assert 0 == invoke(["baseline", "set", f"{AT}/{run}"])
    shutil.rmtree("results/.remote")
    assert 0 == invoke(["compare", "nightly", f"{AT}/{run}"])


def test_an_imported_log_is_sent(store: fs.S3FileSystem) -> None:
    """As a run of one's own is."""
    log = Path(__file__).parent / "importers/logs/inspect/capitals.json"
    assert 0 == invoke(["import", str(log), "--weights", "open", "--out", AT])

    assert f"{only_run(store)}/run.json" in names(store)


def test_later_scores_are_sent(store: fs.S3FileSystem) -> None:
    """Scored on one machine, read on all."""
    assert 0 == invoke(RUN)
    assert 0 == invoke(["score", f"{AT}/{only_run(store)}", "--scorer", "exact"])

    assert f"{only_run(store)}/scores-00001.parquet" in names(store)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ["serve-metrics", AT],
            "`bench serve-metrics results/.remote/s3/bench/nightly` follows the runs of this machine",
        ),
        (
            ["runs", "verify", f"{AT}/one", "--repair"],
            "copy results/.remote/s3/bench/nightly/one to another folder",
        ),
        (["score", f"{AT}/one", "--undo"], "delete the scores at"),
        (["baseline", "set", f"{AT}/one", "--out", AT], "baselines are stored on the local disk"),
    ],
    ids=["serve-metrics", "repair", "undo", "baseline"],
)
def test_what_an_address_cannot_do_is_one_line(
    sent: Path, command: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what would."""
    (sent / "run.json").write_text(json.dumps(manifest([make_attempt()]).as_json()))
    push_run(sent)

    assert 2 == invoke(command)
    told = capsys.readouterr().err
    assert said in told
    assert 1 == told.count("\n")


def test_a_store_that_refuses_is_found_out_before_the_first_request(
    store: fs.S3FileSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    """No such bucket: nothing is spent, no run is begun."""
    assert 2 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--out", "s3://no-such-bucket/x"])
    assert "cannot write results to s3://no-such-bucket/x: " in capsys.readouterr().err
    assert not list(Path("results").rglob("run.json"))


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("http://127.0.0.1:9", "cannot write results to s3://bench/nightly: "),
        ("127.0.0.1:9000", "AWS_ENDPOINT_URL is '127.0.0.1:9000'; expected an address"),
    ],
    ids=["not there", "no address"],
)
def test_a_server_that_is_not_there_is_found_out_before_the_first_request(
    at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], endpoint: str, said: str
) -> None:
    """In one line."""
    at.setenv("AWS_ENDPOINT_URL", endpoint)

    assert 2 == invoke(RUN)
    told = capsys.readouterr().err
    assert said in told
    assert 1 == told.count("\n")
    assert not list(Path("results").rglob("run.json"))


@pytest.mark.parametrize(
    "given",
    ["gs://bucket/x", "s3://", "s3:///x", "s3:bucket/x", "s3:/bucket", "file:///x", "s3://b/../x", "S3://"],
)
def test_what_is_no_address_is_refused_before_the_first_request(
    at: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: str
) -> None:
    """Nothing is written, here or there."""
    assert 2 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--out", given])
    assert f"{given!r} cannot hold results: give a folder, or s3://BUCKET/PREFIX" in capsys.readouterr().err
    assert not Path("results").exists()


def test_a_key_in_an_address_is_not_shown() -> None:
    """Arrow would take one."""
    with pytest.raises(InputError, match="must not contain a key") as caught:
        mirror_of("s3://AKIA:secret@bucket/x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("given", ["runs:2026", "out/12:30", "C:/x", "./s3:/x", "s3", ":", "a b://x"])
def test_a_path_with_a_colon_is_a_path(given: str) -> None:
    """Only a scheme with two slashes begins an address."""
    assert mirror_of(given) is None


def test_an_address_and_its_mirror_name_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However its scheme is written, and whether the folder is given from here or from the root."""
    monkeypatch.chdir(tmp_path)
    mirror = mirror_of("S3://bucket//a/b/")

    assert Path("results/.remote/s3/bucket/a/b") == mirror
    assert "s3://bucket/a/b" == address_of(mirror) == address_of(mirror.absolute())
    assert address_of(Path("results/a")) is None
    assert address_of(Path("results/.remote/s3")) is None


def test_a_run_goes_on_where_it_lies(store: fs.S3FileSystem, at: pytest.MonkeyPatch) -> None:
    """Named by its folder or its address alone: no second one begins under results/."""
    assert 1 == invoke([*HALF, "--out", "own"])
    (own,) = Path("own").iterdir()
    assert 0 == invoke(["run", "--resume", str(own), "--yes", "--quiet"])
    assert 20 == len(read_attempts([own]))
    assert not Path("results").exists()

    assert 1 == invoke(HALF)
    run = only_run(store)
    at.chdir("../elsewhere")
    assert 0 == invoke(["run", "--resume", f"{AT}/{run}", "--yes", "--quiet"])
    assert f"{run}/attempts-00002.parquet" in names(store)


def test_results_may_lie_in_a_folder_with_a_colon(at: pytest.MonkeyPatch) -> None:
    """Arrow would take a relative one for an address."""
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--out", "out:1"])
    (run,) = Path("out:1").iterdir()
    assert 0 == invoke(["score", str(run), "--scorer", "exact"])
    assert 0 == invoke(["report", str(run), "--csv", "a:b.csv", "--parquet", "a:b.parquet"])
    assert 0 == invoke(["runs", "verify", str(run)])


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


def test_python_reads_a_run_and_a_folder_of_runs_at_an_address(store: fs.S3FileSystem) -> None:
    """A machine without the mirror: 20 rows of the run, and of the folder that holds it alone."""
    assert 0 == invoke(RUN)
    run = only_run(store)
    for address in (AT, f"{AT}/{run}"):
        shutil.rmtree("results")

        assert 20 == len(load_runs(address).frame)


def test_logs_of_traffic_are_read_from_a_bucket(store: fs.S3FileSystem, tmp_path: Path) -> None:
    """One object, or every log below a prefix; other objects of the prefix are not."""
    row = '{"request_id": "r-%d", "spend": 1, "startTime": "2026-01-31T12:00:00Z", "model": "m"}\n'
    for name, text in {"a.jsonl": row % 1, "deep/b.jsonl": row % 2, "notes.md": "# no log"}.items():
        with store.open_output_stream(f"bench/logs/{name}") as stream:
            stream.write(text.encode())
    from gapbench.store.table_file import iterate_rows

    assert 0 == invoke(
        [
            "traffic",
            "import",
            "s3://bench/logs/a.jsonl",
            "s3://bench/logs",
            "--out",
            str(tmp_path / "t.parquet"),
        ]
    )
    assert ["s3://bench/logs/a.jsonl", "s3://bench/logs/deep/b.jsonl"] == sorted(
        row["file"] for row in iterate_rows(tmp_path / "t.parquet")
    )
    assert 2 == invoke(["traffic", "import", "s3://bench/none"])
