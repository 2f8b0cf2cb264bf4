"""Personal data in recorded traffic: counted by route and kind, and in no output."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gapbench.cli import invoke
from tests.taken_over_traffic import audit_of, record, route_of
from tests.traffic_logs import import_files

PLANTED = {
    "mail": ("email", "anna.meier@kunde.de"),
    "account": ("iban", "DE89 3704 0044 0532 0130 00"),
    "card": ("card", "4111 1111 1111 1111"),
}


def planted_records() -> list[dict[str, Any]]:
    """Return four requests of each route; half of them have personal data, in the prompt, the reply or a call."""
    records = []
    for route, (_, text) in PLANTED.items():
        call = {
            "id": "c",
            "type": "function",
            "function": {"name": "f", "arguments": json.dumps({"a": f"to\n{text}"})},
        }
        records += [
            record(route, 0, messages=[{"role": "user", "content": f"My number\n{text}\nplease"}]),
            record(route, 1, message={"content": None, "tool_calls": [call]}),
            record(route, 2),
            record(route, 3),
        ]
    return [*records, *(record("none", number) for number in range(4))]


def test_personal_data_is_counted_by_route_and_kind(tmp_path: Path) -> None:
    """2 of 4 requests on three routes, none on the fourth."""
    audit = audit_of(tmp_path, *planted_records(), personal_data=True)

    assert audit.personal_data is not None
    total, *routes = audit.personal_data
    assert (16, 16, 6, 6 / 16) == tuple(
        total[key] for key in ("requests", "requests_with_text", "requests_with_any", "personal_data_share")
    )
    shares = {row["route"]: row["personal_data_share"] for row in routes}
    assert {"mail": 0.5, "account": 0.5, "card": 0.5, "none": 0.0} == shares
    for row in routes:
        kind = PLANTED.get(row["route"], ("", ""))[0]
        assert {
            name: 2 if name == f"{kind}_requests" else 0
            for name in ("email_requests", "iban_requests", "card_requests", "phone_requests", "secret_requests")
        } == {name: row[name] for name in ("email_requests", "iban_requests", "card_requests", "phone_requests", "secret_requests")}  # fmt: skip
    assert 0.5 == route_of(audit, "mail")["personal_data_share"]


def test_a_secret_that_the_import_removed_is_flagged(tmp_path: Path) -> None:
    """Its mark is in the table."""
    secret = record("a", 0, messages=[{"role": "user", "content": f"key AKIA{'A1B2C3D4' * 2}"}])
    audit = audit_of(tmp_path, secret, record("a", 1), personal_data=True)

    assert audit.personal_data is not None
    assert 1 == audit.personal_data[0]["secret_requests"]


def test_without_texts_personal_data_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not nothing: no table, no column, and a sentence."""
    audit = audit_of(tmp_path, *planted_records(), personal_data=True, keep_texts=False)

    assert audit.personal_data is not None
    assert (None, None) == (
        audit.personal_data[0]["requests_with_any"],
        route_of(audit, "mail")["personal_data_share"],
    )
    assert 0 == invoke(["traffic", "audit", str(tmp_path / "traffic.parquet"), "--personal-data"])
    out = " ".join(capsys.readouterr().out.split())
    assert "Sensitivity of the data: not known, no text is stored." in out
    assert "Personal data: requests" not in out
    assert "these tables have no prompts: first import the log with its texts" in out


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    import_files(tmp_path, {"log.jsonl": planted_records()})
    return Path("traffic.parquet")


def test_no_output_has_what_was_found(planted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts alone: not in the terminal, Markdown, the page or JSON."""
    assert 0 == invoke(
        ["traffic", "audit", str(planted), "--personal-data", "--md", "a.md", "--html", "a.html"]
    )
    said = [capsys.readouterr().out, Path("a.md").read_text(), Path("a.html").read_text()]
    assert 0 == invoke(["traffic", "audit", str(planted), "--personal-data", "--json"])
    said.append(capsys.readouterr().out)

    for text in said:
        for _, value in PLANTED.values():
            assert value not in text
            assert value.replace(" ", "") not in text
        assert not any(part in text for part in ("anna", "kunde", "0532", "4111"))
    assert "2 (50.0 %)" in said[1]
    assert "50.0 %" in said[2]


def test_the_audit_ends_with_what_an_open_model_could_take_over(
    planted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last lines are the commands that check it, and the beginning has the answer; every output has the same figures."""
    assert 0 == invoke(["traffic", "audit", str(planted), "--md", "a.md", "--html", "a.html"])
    out = capsys.readouterr().out
    words = " ".join(out.split())

    said = r"an open model could take over 4 of 4 routes \(tiers? \d( and \d)?\): 100\.0 % of the requests"
    assert re.search(said, words[:600])
    assert "A tier here is a candidate by shape only: no answer was compared" in words
    assert out.rstrip().splitlines()[-5].endswith("bench traffic sample traffic.parquet --out my-suite.yaml")
    assert out.rstrip().endswith("bench tiers results/RUN --guarantee 1pp@95%")
    # 16 requests of $0.50 on one day: 8 · 365.25 / 12 = $243.50.
    for text in (out, Path("a.md").read_text(), Path("a.html").read_text()):
        assert "$244" in text
        assert "candidate by shape only" in " ".join(text.split())
    assert all(len(line) <= 80 for line in out.splitlines())
    assert 0 == invoke(["traffic", "audit", str(planted), "--json"])
    document = json.loads(capsys.readouterr().out)
    (row,) = document["take_over"]["tiers"]
    assert document["lines"] == [" ".join(line.split()) for line in document["lines"]]
    assert all(line in words for line in (*document["lines"], *document["commands"][:1]))
    assert (1, 16) == (document["schema"], row["requests"])
    assert isinstance(row["tokens"], int)
    assert "1" == row["tier"]
    assert 8 * 365.25 / 12 == pytest.approx(row["usd_a_month"]["value"])


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("options", [[], ["--personal-data"]])
def test_the_dollars_of_each_route_are_never_left_out(
    planted: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    options: list[str],
) -> None:
    """16 requests of $0.50 on a day, 4 of each route: $2 x 365.25 / 12 = $60.88. What describes a route stands below."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert 0 == invoke(["traffic", "audit", str(planted), *options])
    table = capsys.readouterr().out.partition("Each route by the shape of its requests")[2].splitlines()
    heading = next(line for line in table if line.startswith("route"))

    assert "now $ a month" in heading
    assert "open $ a month" in heading
    assert 4 == sum("$60.88" in line for line in table[:12])
    assert any(line.startswith("card: ") for line in table)
    assert all(len(line) <= columns for line in table)


@pytest.mark.parametrize(
    ("hosted", "message"),
    [
        ("groq", "found --hosted 'groq'; write PROVIDER/MODEL"),
        ("groq/nothing-1b", "--hosted groq/nothing-1b: "),
    ],
)
def test_an_open_model_without_a_price_is_refused(
    planted: Path, capsys: pytest.CaptureFixture[str], hosted: str, message: str
) -> None:
    """One line, exit 2."""
    assert 2 == invoke(["traffic", "audit", str(planted), "--hosted", hosted])
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_the_named_open_model_is_priced(planted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its provider and name are in the note."""
    assert 0 == invoke(["traffic", "audit", str(planted), "--hosted", "novita/qwen/qwen-2.5-72b-instruct"])
    assert "qwen/qwen-2.5-72b-instruct at novita" in " ".join(capsys.readouterr().out.split())
