"""What an object store or its address cannot do is said in one line, before the first request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyarrow import fs

from gapbench.cli import invoke
from gapbench.errors import InputError
from gapbench.store.object_store import address_of, mirror_of, push_run
from tests.run_folders import make_attempt, manifest
from tests.stored_runs import AT, RUN


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


def test_results_may_lie_in_a_folder_with_a_colon(at: pytest.MonkeyPatch) -> None:
    """Arrow would take a relative one for an address."""
    assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet", "--out", "out:1"])
    (run,) = Path("out:1").iterdir()
    assert 0 == invoke(["score", str(run), "--scorer", "exact"])
    assert 0 == invoke(["report", str(run), "--csv", "a:b.csv", "--parquet", "a:b.parquet"])
    assert 0 == invoke(["runs", "verify", str(run)])
