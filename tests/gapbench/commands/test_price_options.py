"""Other prices for finished runs: `--price`, `--suite`, `--prices` and the price book of the configuration folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.run_folders import make_attempt, write_run
from tests.two_models import command_output

SELF = {"runner": "vllm", "cost": {"gpu": "H100-80GB", "gpus": 4, "usd_per_gpu_hour": 2.95}}
OWN_PRICES = """\
prices:
  - {provider: openai, model: gpt-5.2, input: 1, output: 10}
gpus:
  - {gpu: H100-80GB, usd_per_gpu_hour: 9.9}
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """30 requests of 1,000 and 100 tokens at GPT-5.2's price, and 30 on four H100 for 100 s."""
    models = ("closed-a", "open-a")
    rows = [make_attempt(model_id=model, sample_id=str(k)) for model in models for k in range(30)]
    return write_run(tmp_path / "run-1", rows, open_a=SELF)


def bills(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return the rows of `bench cost` by model, with its warnings."""
    found = json.loads(command_output(capsys, "cost", *arguments, "--json"))
    return {row["model_id"]: row for row in found["rows"]} | {"warnings": found["warnings"]}


def test_a_price_of_the_command_line_needs_no_new_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Finding 2: 100 s x 4 GPUs x $9.90 / 3,600 = $1.10; the change is printed."""
    found = bills(capsys, str(run), "--price", "open-a.usd_per_gpu_hour=9.9")

    assert found["open-a"]["usd"] == pytest.approx(100 * 4 * 9.9 / 3600)
    assert found["warnings"] == [
        "open-a: other price than in its run, by --price: usd_per_gpu_hour 2.95 -> 9.9"
    ]


def test_one_token_price_keeps_the_others(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Output at $20 and input at GPT-5.2's $1.75: 1,000 x 1.75 + 100 x 20 = $3.75 per 1,000 tasks."""
    found = bills(capsys, str(run), "--price", "closed-a.output_usd_per_mtok=20")["closed-a"]

    assert found["usd_per_task"] * 1000 == pytest.approx(3.75)
    assert found["price_source"] == "--price"


def test_token_prices_replace_gpu_hours(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A self-hosted model at a host's prices: 1,000 x 1 + 100 x 2 = $1.20 per 1,000 tasks."""
    prices = ("--price", "open-a.input_usd_per_mtok=1", "--price", "open-a.output_usd_per_mtok=2")
    found = bills(capsys, str(run), *prices)["open-a"]

    assert (found["kind"], found["usd_per_task"] * 1000) == ("api", pytest.approx(1.2))


def test_a_suite_gives_its_costs(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Finding 2: the suite with a new price, with the rest of it not read; a model without a cost has its list price."""
    suite = tmp_path / "new.yaml"
    suite.write_text("models: [{id: open-a, cost: {gpus: 2, usd_per_gpu_hour: 1.8}}]\n")
    found = bills(capsys, str(run), "--suite", str(suite))

    assert found["open-a"]["usd"] == pytest.approx(100 * 2 * 1.8 / 3600)
    assert found["closed-a"]["usd_per_task"] * 1000 == pytest.approx(3.15)
    assert "by new.yaml" in found["warnings"][0]


def test_a_file_of_prices_is_above_the_suite(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """$1 and $10 a million: 1,000 x 1 + 100 x 10 = $2.00 per 1,000 tasks; and the GPU by its name."""
    file = tmp_path / "company.yaml"
    file.write_text(OWN_PRICES)
    found = bills(capsys, str(run), "--prices", str(file))

    assert found["closed-a"]["usd_per_task"] * 1000 == pytest.approx(2)
    assert found["open-a"]["usd"] == pytest.approx(100 * 4 * 9.9 / 3600)
    assert found["closed-a"]["price_source"] == "your prices"
    # The next command in this process has the packaged prices again.
    assert bills(capsys, str(run))["closed-a"]["usd_per_task"] * 1000 == pytest.approx(3.15)


def test_the_users_price_book_is_below_the_suite(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It replaces list prices, says so, and leaves the suite's own $2.95 alone."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "gapbench").mkdir()
    (tmp_path / "gapbench" / "prices.yaml").write_text(OWN_PRICES)
    found = json.loads(command_output(capsys, "cost", str(run), "--json"))
    rows = {row["model_id"]: row for row in found["rows"]}

    assert rows["closed-a"]["usd_per_task"] * 1000 == pytest.approx(2)
    assert rows["open-a"]["usd"] == pytest.approx(100 * 4 * 2.95 / 3600)
    assert found["price_book"].endswith("your 2 prices (prices.yaml)")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("open-b.usd_per_gpu_hour=1", "no model 'open-b' in these runs; did you mean 'open-a'?"),
        ("open-a.usd_per_gpu_hr=1", "no key 'usd_per_gpu_hr'; did you mean 'usd_per_gpu_hour'?"),
        ("open-a.usd_per_gpu_hour=cheap", "usd_per_gpu_hour is a number of dollars, 0 or more"),
        ("open-a.usd_per_gpu_hour=nan", "usd_per_gpu_hour is a number of dollars, 0 or more"),
        ("open-a.gpus=0", "gpus is a number above 0"),
        ("open-a.as_of=yesterday", "--price 'open-a.as_of=yesterday'"),
        ("usd_per_gpu_hour=1", "write MODEL.key=value"),
    ],
)
def test_a_wrong_price_is_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], option: str, said: str
) -> None:
    """It names what was found and what would do."""
    assert said in command_output(capsys, "cost", str(run), "--price", option, code=2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "prices: [{provider: openai, model: m, input: cheap, output: 1}]",
            ":1: prices[0].input: found 'cheap'",
        ),
        ("prices:\n  - {provider: openai, model: m, input: 1}\n", ":2: prices[0].output: is missing"),
        ("gpus:\n  - {gpu: X, usd_per_gpu_hour: 1, lo: 2}\n", ":2: gpus[0].lo: unknown key"),
        (
            "prices: [{provider: p, model: m, input: 1, output: 1, currency: EUR}]",
            "prices in EUR need usd_per_unit",
        ),
        ("a: [", "cannot be read as YAML"),
        ("- 1", "found [1]"),
    ],
)
def test_a_wrong_price_file_names_its_line(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """File, line and key."""
    file = tmp_path / "company.yaml"
    file.write_text(text)

    assert said in command_output(capsys, "cost", str(run), "--prices", str(file), code=2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [{id: other}]", "has no model of these runs; they have: closed-a, open-a"),
        ("models: [{id: open-a, cost: {usd_per_gpu_hour: -1}}]", "models[0].cost"),
        ("tasks: []", "found no models with an id"),
    ],
)
def test_a_suite_without_a_price_names_its_key(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    """A suite of other models would change nothing."""
    suite = tmp_path / "new.yaml"
    suite.write_text(text)

    assert said in command_output(capsys, "cost", str(run), "--suite", str(suite), code=2)


@pytest.mark.parametrize("command", [["gap"], ["report"], ["tiers"]])
def test_every_table_of_dollars_has_the_change(
    run: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    """Overrides are printed by each command, and are in its JSON."""
    option = ("--price", "open-a.usd_per_gpu_hour=9.9")

    assert "usd_per_gpu_hour 2.95 -> 9.9" in " ".join(
        command_output(capsys, *command, str(run), *option).split()
    )
    assert "usd_per_gpu_hour 2.95 -> 9.9" in command_output(capsys, *command, str(run), *option, "--json")


def test_compare_prices_both_runs_alike(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tenfold price of both sides is no change in cost; one cell of GPU time has no noise to test (exit 1)."""
    rows = [
        make_attempt(run_id="run-2", model_id=model, sample_id=str(k))
        for model in ("closed-a", "open-a")
        for k in range(30)
    ]
    new = write_run(tmp_path / "run-2", rows, open_a=SELF)
    option = ("--price", "open-a.usd_per_gpu_hour=29.5", "--fail-on", "cost_per_task>+10%")
    found = json.loads(command_output(capsys, "compare", str(run), str(new), *option, "--json", code=1))

    assert [(row["model_id"], row["base"], row["new"]) for row in found["rows"]][1] == (
        "open-a", pytest.approx(100 * 4 * 29.5 / 3600 / 30), pytest.approx(100 * 4 * 29.5 / 3600 / 30),
    )  # fmt: skip
    assert "usd_per_gpu_hour 2.95 -> 29.5" in found["warnings"][0]
