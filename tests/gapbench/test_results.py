"""The Python API over finished runs: its figures are those of the command line, and its names are pinned."""

from __future__ import annotations

import inspect
import json
import random
from pathlib import Path

import pytest

import gapbench as gb
from gapbench import formatting
from gapbench.analysis.frames import COLUMNS
from gapbench.cli import invoke
from gapbench.errors import InputError, ResultsError
from gapbench.store.derived_columns import DERIVED
from gapbench.store.schema import ATTEMPT_SCHEMA
from gapbench.values import Attempt
from tests.run_folders import make_answers, make_attempt, write_run

SIGNATURES = {
    "read": "(runs: 'str | os.PathLike[str] | Sequence[str | os.PathLike[str]]') -> 'Results'",
    "run": (
        "(suite: 'str | os.PathLike[str]', *, models: 'Sequence[str] | None' = None, "
        "tasks: 'Sequence[str] | None' = None, limit: 'int | None' = None, out: 'str | os.PathLike[str]' = 'results', "
        "max_usd: 'float | None' = None, allow_code: 'bool' = False, until_sure: 'bool' = False, batch: 'bool' = False, "
        "cache: 'str | os.PathLike[str] | None' = None, preflight: 'bool' = True) -> 'Results'"
    ),
    "Results.attempts": "(self, columns: 'Sequence[str] | None' = None) -> 'pd.DataFrame'",
    "Results.cost": "(self) -> 'CostTable'",
    "Results.answer": "(self) -> 'str'",
    "Results.gap": (
        "(self, *, margin_points: 'float | None' = None, all_pairs: 'bool' = False, "
        "against: 'str | None' = None) -> 'GapTable'"
    ),
    "Results.with_prices": (
        "(self, prices: 'Mapping[str, float | str] | None' = None, *, "
        "suite: 'str | os.PathLike[str] | None' = None) -> 'Results'"
    ),
    "Results.with_weights": "(self, weights: \"Literal['traffic', 'equal']\") -> 'Results'",
    "Results.plot_accuracy": "(self, *, title: 'str' = '', size_in: 'tuple[float, float] | None' = None) -> 'Chart'",
    "Results.plot_cost": "(self, *, title: 'str' = '', size_in: 'tuple[float, float] | None' = None) -> 'Chart'",
    "Results.ladders": "(self) -> 'list[Ladder]'",
    "Results.plot_rungs": (
        "(self, task: 'str', *, title: 'str' = '', size_in: 'tuple[float, float] | None' = None) -> 'Chart'"
    ),
    "Results.plot_gap": "(self, *, title: 'str' = '', size_in: 'tuple[float, float] | None' = None) -> 'Chart'",
    "Results.plot_latency": (
        "(self, metric: \"Literal['response_s', 'ttft_s']\" = 'response_s', *, title: 'str' = '', "
        "size_in: 'tuple[float, float] | None' = None) -> 'Chart'"
    ),
    "Results.samples": "(self, limit: 'int' = 1000) -> 'pd.DataFrame'",
    "Results.summary": "(self) -> 'Summary'",
    "Chart.save": "(self, path: 'str | os.PathLike[str]') -> 'Path'",
    "Chart.to_bytes": "(self, file_format: 'str') -> 'bytes'",
    "Chart.to_svg": "(self) -> 'str'",
    "CostTable.to_json": "(self) -> 'dict[str, Any]'",
    "GapTable.headline": "(self) -> 'str'",
    "GapTable.main_rows": "(self) -> 'pd.DataFrame'",
    "GapTable.to_json": "(self) -> 'dict[str, Any]'",
    "Summary.level": "(self, level: 'str') -> 'pd.DataFrame'",
    "Summary.to_json": "(self) -> 'dict[str, Any]'",
}
"""What is stable. To add a parameter or a method, add it here; to change or remove one, follow docs/reference/python-api.md."""
ATTRIBUTES = {"failures", "folders", "models", "notes", "simulated", "state", "tasks"}


def random_run(folder: Path, seed: int) -> Path:
    """Write a run of two or three models over two tasks, with failures, partial scores and unknown token counts."""
    draw = random.Random(seed)
    rows: list[Attempt] = []
    for model in ("closed-a", "open-a", "open-b")[: draw.choice([2, 3])]:
        for task in ("reasoning/sums", "extraction/fields"):
            rows += [
                make_attempt(
                    model_id=model,
                    task=task,
                    sample_id=str(item),
                    outcome=draw.choice(["correct", "correct", "wrong", "infra", "unparsed"]),
                    input_tokens=draw.randint(10, 2_000),
                    output_tokens=draw.randint(1, 300),
                    scheduled_s=float(item),
                    sent_s=item + 0.1,
                    first_token_s=item + 0.2,
                    first_answer_s=item + 0.2,
                    last_token_s=item + 0.9,
                    done_s=item + draw.uniform(1, 3),
                )
                for item in range(draw.randint(8, 25))
            ]
    cost = {"input_usd_per_mtok": draw.uniform(0.1, 5), "output_usd_per_mtok": draw.uniform(1, 20)}
    return write_run(
        folder, rows, open_a={"cost": cost}, open_b={"cost": {"gpus": 2, "usd_per_gpu_hour": 2.5}}
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of a closed model that is right 16 times of 20 and an open one with 11."""
    return write_run(tmp_path / "run-1", [*make_answers("closed-a", 16, 20), *make_answers("open-a", 11, 20)])


@pytest.mark.parametrize("seed", range(12))
def test_figures_are_those_of_the_command_line(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the gap, the cost and the summary, for twelve generated runs."""
    folder = random_run(tmp_path / "run-1", seed)
    results = gb.read(folder)

    for made, command in ((results.gap(), "gap"), (results.cost(), "cost")):
        assert 0 == invoke([command, str(folder), "--json"])
        assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(made.to_json()))
    assert 0 == invoke(["report", str(folder), "--json"])
    assert json.loads(capsys.readouterr().out)["rows"] == json.loads(
        json.dumps(results.summary().to_json()["rows"])
    )


def test_all_pairs_and_a_margin_are_those_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `bench gap --all-pairs --margin 5`."""
    folder = random_run(tmp_path / "run-1", 3)
    assert 0 == invoke(["gap", str(folder), "--json", "--all-pairs", "--margin", "5"])

    expected = json.loads(capsys.readouterr().out)
    assert expected == json.loads(json.dumps(gb.read(folder).gap(margin_points=5, all_pairs=True).to_json()))


def test_other_prices_are_those_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `bench cost --price`: a GPU at $5 an hour costs twice as much as at $2.50, and the first results stay."""
    folder = random_run(tmp_path / "run-1", 0)
    before = gb.read(folder)
    after = before.with_prices({"open-b.usd_per_gpu_hour": 5.0})
    assert 0 == invoke(["cost", str(folder), "--json", "--price", "open-b.usd_per_gpu_hour=5.0"])

    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(after.cost().to_json()))
    first, second = (made.cost().exact_usd["open-b"] for made in (before, after))
    assert first is not None
    assert second == 2 * first
    with pytest.raises(InputError, match="did you mean 'usd_per_gpu_hour'"):
        before.with_prices({"open-b.usd_per_gpu_hours": 5.0})


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        (
            {"open-b": 5.0},
            "found with_prices({'open-b': 5.0}); write with_prices({\"MODEL.key\": value}), such as {\"llama-70b.",
        ),
        (
            {"open-b.usd_per_gpu_hours": 5.0},
            "found with_prices({'open-b.usd_per_gpu_hours': 5.0}): no key 'usd_per_gpu_hours'; did you mean 'usd_per_gpu_hour'?",
        ),
        (
            {"open-b.gpus": 0},
            "found with_prices({'open-b.gpus': 0}); gpus is a number above 0",
        ),
        (
            {"open-x.usd_per_gpu_hour": 5.0},
            "with_prices({'open-x.usd_per_gpu_hour': 5.0}): no model 'open-x' in these runs; did you mean 'open-b'?",
        ),
        (
            {"open-b.as_of": "yesterday"},
            "with_prices({'open-b.as_of': 'yesterday'}): ",
        ),
    ],
)  # fmt: skip
def test_a_wrong_price_says_what_to_write_in_python(
    tmp_path: Path, prices: dict[str, float | str], words: str
) -> None:
    """No option of the command line is named."""
    with pytest.raises(InputError) as caught:
        gb.read(random_run(tmp_path / "run-1", 0)).with_prices(prices).cost()
    assert str(caught.value).startswith(words)
    assert "--price" not in str(caught.value)


def test_the_answer_is_that_of_the_command_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first three lines of `bench gap`."""
    assert 0 == invoke(["gap", str(run)])
    printed = [line.split() for line in capsys.readouterr().out.splitlines()[:3]]

    assert printed == [line.split() for line in gb.read(run).answer().splitlines()[:3]]


def test_public_names_and_signatures_are_pinned() -> None:
    """A change here is a change for every script; see docs/reference/python-api.md for what it takes."""
    found = {}
    for name in gb.__all__:
        value = getattr(gb, name)
        if not inspect.isclass(value):
            found[name] = str(inspect.signature(value))
            continue
        methods = inspect.getmembers(value, inspect.isfunction)
        found |= {
            f"{name}.{method}": str(inspect.signature(function))
            for method, function in methods
            if method[0] != "_"
        }
    properties = {
        name for name, _ in inspect.getmembers(gb.Results, lambda value: isinstance(value, property))
    }

    assert SIGNATURES == found
    assert {"Chart", "CostTable", "GapTable", "Results", "Summary", "read", "run"} == set(gb.__all__)
    assert {name for name in properties if name[0] != "_"} | {"folders", "notes"} == ATTRIBUTES


def test_every_public_name_is_documented() -> None:
    """Each has a docstring; a function with parameters explains each of them."""
    for name in SIGNATURES:
        value = gb
        for part in name.split("."):
            value = getattr(value, part)
        documented = inspect.getdoc(value) or ""

        assert documented, name
        if name.startswith(("read", "run", "Results", "Chart.save")):
            for parameter in list(inspect.signature(value).parameters):  # type: ignore[arg-type] # a function, by its name
                assert parameter == "self" or f"\n    {parameter}: " in documented, (name, parameter)


def test_any_attempt_column_can_be_asked_for(run: Path) -> None:
    """Finding 33: stored ones and derived ones, in the order asked, and nothing else."""
    results = gb.read(run)
    columns = ["finish_reason", "ttft_s", "answer"]

    assert columns == list(results.attempts(columns))
    assert [*ATTEMPT_SCHEMA.names, *DERIVED] == list(results.attempts([*ATTEMPT_SCHEMA.names, *DERIVED]))
    assert {*COLUMNS, *DERIVED} - {"tpot_s"} == set(results.attempts())
    assert 40 == len(results.attempts(["score"])) == len(results.attempts())


def test_an_unknown_attempt_column_is_refused(run: Path) -> None:
    """Finding 33: with the nearest names."""
    with pytest.raises(InputError, match="no column 'finish_reasons'; did you mean 'finish_reason'"):
        gb.read(run).attempts(["finish_reasons"])


def test_a_changed_frame_changes_no_figure(run: Path) -> None:
    """A new column in the frame of a user is not in the results."""
    results = gb.read(run)
    frame = results.attempts()
    frame["score"] = 0.0

    assert 27.0 == results.attempts()["score"].sum()
    assert 0.8 == results.summary().level("model").set_index("model_id").loc["closed-a", "accuracy"]


def test_samples_have_texts_and_scores(run: Path) -> None:
    """One row for each of 2 models and 3 requests, with prompt, target and reply."""
    samples = gb.read(run).samples(limit=3)

    assert 6 == len(samples)
    assert {"closed-a", "open-a"} == set(samples["model_id"])
    assert [0, 0, 1, 1, 2, 2] == list(samples["item"])
    assert ("[]", "4", '"4"', 1.0) == tuple(samples.iloc[0][["messages", "reply", "target", "score"]])


def test_everything_is_shown_in_one_line(run: Path) -> None:
    """Finding 34: a cell of a notebook that ends in ``runs`` printed 42,488 characters."""
    results = gb.read(run)
    shown = [
        repr(made) for made in (results, results.gap(), results.cost(), results.summary(), results.plot_gap())
    ]

    assert "<gapbench.Results: 1 run, 2 models, 1 task, 40 requests, complete>" == shown[0]
    assert all(len(text) < 300 and "\n" not in text for text in shown)


def test_notebooks_show_escaped_html(tmp_path: Path) -> None:
    """A model that is named like a tag is text, in every table."""
    name = "<img src=x onerror=alert(1)>"
    rows = [*make_answers("closed-a", 16, 20), *make_answers(name, 11, 20)]
    results = gb.read(write_run(tmp_path / "run-1", rows))

    for made in (results, results.gap(), results.cost(), results.summary()):
        shown = made._repr_html_()
        assert "<img" not in shown
        assert "&lt;img" in shown


def test_notebooks_show_dollars_as_the_command_line_does(run: Path) -> None:
    """Dollars of 1,000 tasks, and a notebook does not take two dollar signs for mathematics."""
    results = gb.read(run)
    one = results.cost().frame.set_index("model_id").loc["closed-a", "usd_per_task"]

    assert formatting.format_usd_per_1000(one) in results.cost()._repr_html_()
    assert "$/1k tasks" in results.summary()._repr_html_()
    assert results.cost()._repr_html_().startswith('<div class="tex2jax_ignore mathjax_ignore">')


def test_a_folder_and_a_pattern_and_a_list_are_read(tmp_path: Path) -> None:
    """Two runs each."""
    runs = [write_run(tmp_path / name, make_answers("closed-a", 1, 2)) for name in ("night-1", "night-2")]

    for named in (tmp_path, str(tmp_path), str(tmp_path / "night-*"), runs, [str(run) for run in runs]):
        assert tuple(runs) == gb.read(named).folders


def test_what_is_no_run_is_an_error_at_once(tmp_path: Path) -> None:
    """Before a table is asked for."""
    with pytest.raises(ResultsError, match="there is no run folder"):
        gb.read(tmp_path / "none")
    with pytest.raises(ResultsError, match="no run was named"):
        gb.read([])
