"""Two runs of one suite: what flipped, what is noise, and what the change is put down to."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from gapbench.analysis.regression.diff import RunDiff, diff_runs
from gapbench.errors import ResultsError
from gapbench.report.diff import diff_table
from gapbench.values import Attempt
from tests.run_folders import make_episode

Make = Callable[..., Path]
Answers = Callable[..., list[Attempt]]
COST = {"cost": {"input_usd_per_mtok": 10, "output_usd_per_mtok": 0}}
HALF = {"cost": {"input_usd_per_mtok": 5, "output_usd_per_mtok": 0}}


def changed(rows: list[Attempt], **changes: object) -> list[Attempt]:
    return [dataclasses.replace(row, **changes) for row in rows]  # type: ignore[arg-type]  # fields by name


def test_what_flipped_is_listed(make_run: Make, answers: Answers) -> None:
    """Items 6 and 7 of ten were wrong and are right; prompt, parameters and finish stand beside them."""
    found = diff_runs(
        [make_run(answers("open-b", 6, 10), name="a")], [make_run(answers("open-b", 8, 10), name="b")]
    )
    row = found.models[0]

    assert (row["n_pairs"], row["flips"], row["flip_rate"]) == (10, 2, 0.2)
    assert row["change_points"] == pytest.approx(20)
    assert found.flips["sample_id"].tolist() == ["6", "7"]
    first = found.flips.iloc[0]
    assert (first["outcome_a"], first["outcome_b"]) == ("wrong", "correct")
    assert first["prompt_sha256_a"] == first["prompt_sha256_b"] == "preasoning/sums6"
    assert first["params_sent_a"] == '{"max_tokens":256}'
    assert first["finish_reason_a"] == "stop"
    assert first["cause"] == "noise"


def test_the_noise_floor_comes_from_repeats(make_run: Make, answers: Answers) -> None:
    """Items 0-5 right twice, 6-7 right once of two, 8-9 never: 2 of 10 pairs of answers differ."""
    rows = [*answers("open-b", 6, 10), *answers("open-b", 8, 10, repeat=1)]
    found = diff_runs([make_run(rows, name="a")], [make_run(rows, name="b")])

    assert found.models[0]["noise_flip_rate"] == pytest.approx(0.2)
    assert found.models[0]["flips"] == 0


def test_without_repeats_the_noise_is_not_known(make_run: Make, answers: Answers) -> None:
    """One answer to each item says nothing of a second."""
    rows = answers("open-b", 6, 10)

    assert (
        diff_runs([make_run(rows, name="a")], [make_run(rows, name="b")]).models[0]["noise_flip_rate"] is None
    )


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({}, "noise"),
        ({"system_fingerprint": "fp-2"}, "model"),
        ({"model_served": "gpt-5.2-later"}, "model"),
        ({"task_sha256": "t2"}, "code"),
        ({"params_sent": '{"max_tokens":512}'}, "code"),
        ({"prompt_sha256": "p2", "system_fingerprint": "fp-2"}, "code"),
    ],
)
def test_a_change_is_put_down_to_what_changed_first(
    make_run: Make, answers: Answers, changes: dict[str, object], cause: str
) -> None:
    """Our own side before the provider's, the provider's before noise."""
    later = changed(answers("open-b", 8, 10), **changes)
    found = diff_runs([make_run(answers("open-b", 6, 10), name="a")], [make_run(later, name="b")])

    points = found.models[0]["drift_points"]
    assert points[cause] == pytest.approx(20)
    assert sum(points.values()) == pytest.approx(found.models[0]["change_points"])


def test_the_engine_is_named_by_its_facts(make_run: Make, answers: Answers) -> None:
    """Another server version, and nothing else."""
    found = diff_runs(
        [make_run(answers("open-b", 6, 10), name="a", open_b={"facts": {"version": "0.15"}})],
        [make_run(answers("open-b", 8, 10), name="b", open_b={"facts": {"version": "0.16"}})],
    )

    assert found.models[0]["drift_points"]["engine"] == pytest.approx(20)
    assert {"kind": "engine", "what": "open-b", "a": {"version": "0.15"}, "b": {"version": "0.16"}} in (
        found.changes
    )


OWNED = {"vllm": "0.15", "persona": {"skill": 0.8, "seed": 1}}


def a_server(port: int, pid: int, **facts: object) -> dict[str, object]:
    """Return the facts of a server that bench started itself."""
    return {
        **OWNED,
        "base_url": f"http://127.0.0.1:{port}/v1",
        "server_pid": pid,
        "owned": {"command": ["vllm", "serve", "--port", str(port), "--seed", "1"], "pid": pid},
        **facts,
    }


def test_process_ids_and_ports_are_no_change_of_the_engine(make_run: Make, answers: Answers) -> None:
    """The same server started again: what flipped is noise."""
    found = diff_runs(
        [make_run(answers("open-b", 6, 10), name="a", open_b={"facts": a_server(40_001, 11)})],
        [make_run(answers("open-b", 8, 10), name="b", open_b={"facts": a_server(40_002, 22)})],
    )

    assert [] == found.changes
    assert found.models[0]["drift_points"]["noise"] == pytest.approx(20)


def test_of_many_facts_those_that_differ_are_told(make_run: Make, answers: Answers) -> None:
    """Each by its key with both values, inner ones too; in JSON likewise."""
    later = a_server(40_002, 22, vllm="0.16", persona={"skill": 0.9, "seed": 1})
    found = diff_runs(
        [make_run(answers("open-b", 6, 10), name="a", open_b={"facts": a_server(40_001, 11)})],
        [make_run(answers("open-b", 8, 10), name="b", open_b={"facts": later, "params": {"top_p": 0.5}})],
    )
    engine = next(row for row in found.changes if row["kind"] == "engine")
    shown = text(found)

    assert ({"vllm": "0.15", "persona.skill": 0.8}, {"vllm": "0.16", "persona.skill": 0.9}) == (
        engine["a"], engine["b"],
    )  # fmt: skip
    assert "engine: open-b vllm: 0.15 -> 0.16" in shown
    assert "engine: open-b persona.skill: 0.8 -> 0.9" in shown
    assert "code: open-b params top_p: none -> 0.5" in shown


def test_long_values_are_shown_where_they_differ(make_run: Make, answers: Answers) -> None:
    """A hundred equal characters before it tell nothing."""
    one, other = ({"facts": {"args": "-" * 100 + end}} for end in ("eager", "graphs"))
    found = diff_runs(
        [make_run(answers("open-b", 6, 10), name="a", open_b=one)],
        [make_run(answers("open-b", 6, 10), name="b", open_b=other)],
    )

    assert f"args: …{'-' * 20}eager -> …{'-' * 20}graphs" in text(found)


def test_cost_is_split_into_price_and_usage(make_run: Make, answers: Answers) -> None:
    """1,000 tokens at $10 and then 3,000 at $5: 0.010 to 0.015, price -0.005 and usage +0.010."""
    more = changed(answers("open-b", 6, 10), input_tokens=3000)
    found = diff_runs(
        [make_run(answers("open-b", 6, 10), name="a", open_b=COST)],
        [make_run(more, name="b", open_b=HALF)],
    )
    row = found.models[0]

    assert (row["usd_per_task_a"], row["usd_per_task_b"]) == (pytest.approx(0.01), pytest.approx(0.015))
    assert row["usd_price"] == pytest.approx(-0.005)
    assert row["usd_usage"] == pytest.approx(0.010)
    assert any(change["kind"] == "price" for change in found.changes)


def test_failures_are_no_flips(make_run: Make, answers: Answers) -> None:
    """A request that got no answer is left out and said."""
    later = answers("open-b", 6, 10)
    later[0] = dataclasses.replace(later[0], outcome="infra", score=None)
    found = diff_runs([make_run(answers("open-b", 6, 10), name="a")], [make_run(later, name="b")])

    assert (found.models[0]["n_pairs"], found.models[0]["flips"]) == (9, 0)
    assert "1 shared requests have no score on one side and are left out" in found.warnings


def test_models_of_one_run_only_are_named(make_run: Make, answers: Answers) -> None:
    """They have nothing to be held against."""
    found = diff_runs(
        [make_run([*answers("open-b", 6, 10), *answers("open-c", 6, 10)], name="a")],
        [make_run(answers("open-b", 6, 10), name="b")],
    )

    assert [row["model_id"] for row in found.models] == ["open-b"]
    assert "open-c is only in one of the two runs" in found.warnings


def test_runs_without_a_shared_model_are_refused(make_run: Make, answers: Answers) -> None:
    """Nothing was compared, which is not that nothing changed."""
    one, other = (make_run(answers(f"open-{name}", 6, 10), name=name) for name in "ab")

    with pytest.raises(ResultsError, match="share no model: open-a against open-b"):
        diff_runs([one], [other])


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"task": "sums"}, {"task": "poems"}, "tasks sums against poems"),
        ({"load_value": 1.0}, {"load_value": 4.0}, "loads c1 against c4"),
        ({}, {"start": 20}, "samples 0, 1, 2 and 7 more against 20, 21, 22 and 7 more"),
        ({}, {"repeat": 1}, "repeats 0 against 1"),
    ],
)
def test_why_no_request_is_in_both_is_said(
    make_run: Make, answers: Answers, first: dict[str, object], second: dict[str, object], said: str
) -> None:
    """And not that nothing changed."""
    runs = (
        make_run(answers("open-b", 6, 10, **given), name=name)
        for name, given in (("a", first), ("b", second))
    )
    found = diff_runs(*([run] for run in runs))

    assert [f"open-b: no request is in both runs: {said}"] == found.warnings
    assert "Nothing that is recorded changed" not in text(found)


def test_runs_of_two_suites_are_named(make_run: Make, answers: Answers) -> None:
    """Their requests may be the same or not."""
    one, other = (make_run(answers("open-b", 6, 10), name=name) for name in "ab")
    manifest = json.loads((other / "run.json").read_text())
    (other / "run.json").write_text(json.dumps({**manifest, "suite": "later"}))

    assert ["the runs are of two suites: unit and later"] == diff_runs([one], [other]).warnings


def test_without_a_change_of_what_was_paired_that_is_said(make_run: Make, answers: Answers) -> None:
    """The same run twice."""
    runs = (make_run(answers("open-b", 6, 10), name=name) for name in "ab")

    assert "Nothing that is recorded changed" in text(diff_runs(*([run] for run in runs)))


def text(found: RunDiff, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(diff_table(found, 1))
    out = console.file
    assert isinstance(out, io.StringIO)
    return out.getvalue()


def test_json_and_text_tell_the_same(make_run: Make, answers: Answers) -> None:
    """The shape is plain JSON; the text lists as many flips as asked."""
    found = diff_runs(
        [make_run(answers("open-b", 6, 10), name="a")], [make_run(answers("open-b", 8, 10), name="b")]
    )
    said = json.loads(json.dumps(found.to_json()))

    assert said["schema"] == 1
    assert len(said["flips"]) == 2
    assert "2 of 10" in text(found)
    assert "Flipped: 2, the first 1" in text(found)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_word_is_broken_however_narrow_the_terminal(make_run: Make, answers: Answers, width: int) -> None:
    """As a table or as lines, each figure is whole."""
    model = "open-with-a-long-name-32b"
    found = diff_runs(
        [make_run(answers(model, 6, 10), name="a")], [make_run(answers(model, 8, 10), name="b")]
    )
    lines = text(found, width).splitlines()
    words = {word.strip("(),:;") for line in lines for word in line.split()}

    assert all(len(line) <= width for line in lines)
    assert {model, "distinguishable", "60.0", "80.0", "+20.0", "reasoning/sums", "noise"} <= words


@pytest.mark.parametrize("width", [80, 110])
def test_a_flip_takes_one_line(make_run: Make, answers: Answers, width: int) -> None:
    """Finding 25: sample, both outcomes and answers, and what changed; long answers are shortened."""
    long = {"answer": "a long answer that goes on and on"}
    found = diff_runs(
        [make_run(changed(answers("open-b", 6, 10), **long), name="a")],
        [make_run(changed(answers("open-b", 8, 10), **long), name="b")],
    )
    lines = text(found, width).splitlines()
    (flip,) = [line.rstrip() for line in lines if line.startswith("6 ")]

    assert flip == "6       wrong: a long answer t…  correct: a long answer t…  nothing recorded"


def test_the_first_line_says_which_model_changed_and_why(make_run: Make, answers: Answers) -> None:
    """Finding 25: 40 of 100 fell, and nothing that is recorded changed; *noise* is no cause of that."""
    found = diff_runs(
        [make_run(answers("open-b", 90, 100), name="a")], [make_run(answers("open-b", 50, 100), name="b")]
    )
    first = text(found, 200).splitlines()[0]

    assert first.startswith("open-b: B is worse than A by 40.0 points (95 % interval ")
    assert first.endswith("by what changed for its requests: nothing recorded -40.0 (100 pairs)")


def test_without_a_change_the_first_line_says_so(make_run: Make, answers: Answers) -> None:
    """The same answers twice."""
    runs = (make_run(answers("open-b", 6, 10), name=name) for name in "ab")

    assert text(diff_runs(*([run] for run in runs))).startswith(
        "No model is shown to be better or worse in B."
    )


def test_a_flipped_episode_says_how_it_ended(make_run: Make) -> None:
    """Solved in A and not in B; both ended by themselves."""
    runs = [
        make_run(make_episode(2, model_id="open-b", outcome=outcome), name=name)
        for name, outcome in (("a", "correct"), ("b", "wrong"))
    ]
    flip = diff_runs([runs[0]], [runs[1]]).flips.iloc[0]

    assert (flip["termination_a"], flip["termination_b"]) == ("done", "done")
