"""The app over real HTTP on loopback: who gets in, what it answers, and what it never does."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.run_folders import make_answers, write_run
from tests.view_server import TOKEN, Served, serve_view

IMAGE = b"\x89PNG\r\n\x1a\n" + b"not really"
SCRIPT = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: of 6 samples closed-a has 5 right and open-b 3; in the second both have one right less."""
    folder = tmp_path_factory.mktemp("results")
    for name, right in (("run-1", (5, 3)), ("run-2", (4, 2))):
        rows = [*make_answers("closed-a", right[0], 6), *make_answers("open-b", right[1], 6)]
        run = write_run(folder / name, rows)
        (run / "media").mkdir()
        for data in (IMAGE, SCRIPT):
            (run / "media" / hashlib.sha256(data).hexdigest()).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def served(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over both runs, with figures."""
    runs = [results / "run-1", results / "run-2"]
    with serve_view([results], tmp_path_factory.mktemp("cache"), prepared=runs) as app:
        yield app


def test_the_page_is_served_with_the_token(served: Served) -> None:
    """It is HTML, from this origin only."""
    reply = served.send("")

    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", ["", "api/runs", "static/app.js", "api/runs/run-1/notes", "no/such/path"])
@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "%00"])
def test_a_wrong_token_is_refused(served: Served, path: str, token: str) -> None:
    """403 for every path, also for those that do not exist."""
    assert 403 == served.send(path, token=token).status


@pytest.mark.parametrize(
    "host",
    ["example.org", "example.org:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.example.org:{port}", ""],
)
def test_another_host_is_refused(served: Served, host: str) -> None:
    """A site that resolves its own name to loopback gets nothing, with the token or without."""
    assert 403 == served.send("api/runs", headers={"host": host.format(port=served.port)}).status


def test_localhost_is_this_machine_too(served: Served) -> None:
    """The name of loopback is as good as its address."""
    assert 200 == served.send("api/runs", headers={"host": f"localhost:{served.port}"}).status


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://example.org"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}],
)
def test_a_page_of_another_site_reads_and_writes_nothing(served: Served, headers: dict[str, str]) -> None:
    """Even if it knew the token."""
    assert 403 == served.send("api/runs", headers=headers).status
    assert 403 == served.post("api/runs/run-1/notes", {"text": "x"}, **headers).status


@pytest.mark.parametrize("path", ["", "api/runs", "static/app.js", "api/runs/none"])
def test_every_answer_forbids_other_sources(served: Served, path: str) -> None:
    """The page may load from its own origin alone, and nothing may frame or cache it."""
    headers = served.send(path).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "http" not in headers["content-security-policy"]
    assert "nosniff" == headers["x-content-type-options"]
    assert "no-referrer" == headers["referrer-policy"]
    assert "no-store" == headers["cache-control"]


def test_the_list_has_the_figures_of_each_run(served: Served) -> None:
    """Newest first, with the gap as the analysis has it: 5/6 - 3/6 is 33.3 points."""
    runs = {run["key"]: run for run in served.get("api/runs")["runs"]}

    assert {"run-1", "run-2"} == set(runs)
    assert 100 * (5 / 6 - 3 / 6) == pytest.approx(runs["run-1"]["figures"]["gap"]["gap_points"])
    assert "ready" == runs["run-1"]["status"]


def test_a_list_that_was_seen_is_not_sent_again(served: Served) -> None:
    """A page that polls gets one word."""
    version = served.get("api/runs")["version"]

    assert {"unchanged": True, "version": version} == served.get(f"api/runs?seen={version}")


def test_samples_are_filtered_on_the_server(served: Served) -> None:
    """Right for closed-a and not for open-b are samples 3 and 4."""
    page = served.get("api/runs/run-1/samples?differs=1")

    assert ["3", "4"] == [row["sample_id"] for row in page["rows"]]
    assert (2, 6) == (page["total"], page["of"])


def test_a_sample_is_found_by_what_its_link_has(served: Served) -> None:
    """Task, id, repeat and load."""
    sample = served.get("api/runs/run-1/sample?task=reasoning/sums&id=4&repeat=0&load=c8")

    assert "4" == sample["sample_id"]
    assert ["correct", "wrong"] == [answer["outcome"] for answer in sample["answers"]]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("api/runs/none", 404, "there is no run 'none'"),
        ("api/runs/run-1/sample?item=99", 404, "no request 99"),
        ("api/runs/run-1/sample?item=-1", 400, "item: found '-1'"),
        ("api/runs/run-1/samples?sort=x", 400, "expected one of order"),
        ("api/runs/run-1/samples?outcome=good", 400, "expected one of correct"),
        ("api/runs/run-1/samples?model=gpt", 400, "'gpt' is not in this run"),
        ("api/compare/samples?run=run-1", 400, "compare 2 to 8"),
        ("api/search?q=", 400, "nothing to search for"),
        (f"api/search?q={'x' * 501}", 400, "at most 500"),
        ("api/runs/run-1/media/..%2Frun.json", 404, ""),
        (f"api/runs/run-1/media/{'0' * 64}", 404, "has no image"),
    ],
)
def test_bad_input_is_one_line(served: Served, path: str, status: int, words: str) -> None:
    """What was found and what is expected."""
    reply = served.send(path)

    assert status == reply.status
    assert words in reply.body.decode()


def test_two_runs_are_matched_by_sample(served: Served) -> None:
    """What differs anywhere: samples 2, 3 and 4 of 0 to 5; 0 and 1 are right everywhere, 5 nowhere."""
    page = served.get("api/compare/samples?run=run-1&run=run-2&differs=1")

    assert ["2", "3", "4"] == [row["sample_id"] for row in page["rows"]]
    assert [["correct", "correct"], ["correct", "wrong"]] == page["rows"][0]["outcomes"]


def test_an_image_is_sent_as_an_image(served: Served) -> None:
    """By what its bytes are, not by a name."""
    reply = served.send(f"api/runs/run-1/media/{hashlib.sha256(IMAGE).hexdigest()}")

    assert (200, "image/png", IMAGE) == (reply.status, reply.headers["content-type"], reply.body)


def test_a_drawing_that_could_run_a_script_is_not_sent(served: Served) -> None:
    """SVG is a document."""
    reply = served.send(f"api/runs/run-1/media/{hashlib.sha256(SCRIPT).hexdigest()}")

    assert 404 == reply.status
    assert SCRIPT not in reply.body


def test_a_note_is_kept_next_to_the_run(served: Served, results: Path) -> None:
    """Finding 48: one line in notes.jsonl, shown again, and gone after it is deleted."""
    note = {"text": "look again", "task": "reasoning/sums", "sample_id": "3", "repeat": 0, "load": "c8"}
    reply = served.post("api/runs/run-2/notes", note)
    kept = orjson.loads((results / "run-2" / "notes.jsonl").read_bytes())

    assert 201 == reply.status
    assert note == {name: kept[name] for name in note}
    assert [kept] == served.get("api/runs/run-2/notes")["notes"]
    origin = {"origin": f"http://127.0.0.1:{served.port}"}
    assert 200 == served.send(f"api/runs/run-2/notes/{kept['id']}", method="DELETE", headers=origin).status
    assert [] == served.get("api/runs/run-2/notes")["notes"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'{"text": ""}', "application/json"),
        (b'{"text": "x"}', "text/plain"),
        (b'{"text": "' + b"x" * 200_000 + b'"}', "application/json"),
        (b'{"text": "x", "path": "../x"}', "application/json"),
        (b'{"text": "x", "repeat": "0"}', "application/json"),
    ],
)
def test_a_bad_note_is_refused(served: Served, results: Path, body: bytes, kind: str) -> None:
    """And no file is made."""
    reply = served.send("api/runs/run-1/notes", method="POST", headers={"content-type": kind}, body=body)

    assert 400 == reply.status
    assert not (results / "run-1" / "notes.jsonl").exists()


def test_the_report_page_runs_its_own_script_only(served: Served) -> None:
    """Its policy names the hash of that script."""
    reply = served.send("report/run-1")

    assert 200 == reply.status
    assert "script-src 'sha256-" in reply.headers["content-security-policy"]


def test_a_file_outside_the_static_folder_is_not_served(served: Served) -> None:
    """Names are plain."""
    for name in ("..%2Fapp.py", "../app.py", "app.py", "%2Fetc%2Fpasswd", "missing.js"):
        assert 404 == served.send(f"static/{name}").status
