"""The plan is expanded fully, and the same input gives the same plan."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from gapbench.errors import InputError
from gapbench.suite.loads.load import RateSearch
from gapbench.suite.loads.trace import Arrival
from gapbench.suite.plan import (
    DEFAULT_DECOY,
    Cell,
    Load,
    build_plan,
    count_declaration_chars,
    count_prompt_chars,
    describe_plan,
    max_search_requests,
    merge_params,
)
from gapbench.values import (
    Image,
    Message,
    Params,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    ToolSet,
    canonical_json,
    prompt_sha256,
    remove_salt,
)
from gapbench.values.slo import Slo
from tests.makers import model, plan, sample, task


def cell(load: Load, *, count: int = 4, repeats: int = 1, seed: int = 7) -> Cell:
    return Cell(model(), task(count), load, Params(), repeats, seed)


def keys(given: Cell) -> list[tuple[str, int, str]]:
    return [(request.sample.sample_id, request.repeat, request.phase) for request in given.requests]


def test_cells_are_models_by_tasks_by_loads() -> None:
    """2 models x 1 task x 2 loads."""
    made = build_plan(
        suite="s", suite_sha256="h", seed=0, repeats=1, margin_points=1.7, defaults=Params(),
        models=[model("a"), model("b")], tasks=[task()], loads=[Load("concurrency", 1), Load("concurrency", 8)],
    )  # fmt: skip

    assert ["a|sums|c1", "a|sums|c8", "b|sums|c1", "b|sums|c8"] == [cell.cell_id for cell in made.cells]
    assert 2 * 1 * 2 * 4 == made.requests_total


def test_every_sample_is_asked_as_often_as_repeats_say() -> None:
    """4 samples x 3 repeats, each key once."""
    found = keys(cell(Load("concurrency", 2), repeats=3))

    assert 4 * 3 == len(found) == len(set(found))


def test_all_models_see_the_same_order() -> None:
    """The order depends on seed and task, not on the model."""
    made = plan(model("a"), model("b"), count=20)

    assert keys(made.cells[0]) == keys(made.cells[1])
    assert keys(made.cells[0]) != keys(replace(made.cells[0], seed=8))


def test_warm_up_requests_have_keys_of_their_own() -> None:
    """6 warm-up requests over 4 samples: repeats -1 and -2."""
    found = keys(cell(Load("concurrency", 2, warmup_requests=6)))

    assert 6 + 4 == len(set(found))
    assert {-1, -2} == {repeat for _, repeat, phase in found if phase == "warmup"}


def test_a_constant_rate_is_evenly_spaced() -> None:
    """2 a second for 3 s: 0, 0.5, … 2.5."""
    found = cell(Load("rate", 2.0, "constant", duration_s=3.0)).requests

    assert [0.0, 0.5, 1.0, 1.5, 2.0, 2.5] == [request.due_s for request in found]


def test_poisson_arrivals_have_the_mean_asked_for() -> None:
    """1,000 s at 5 a second: 5,000, within three standard deviations (3 x 71)."""
    found = cell(Load("rate", 5.0, "poisson", duration_s=1_000.0)).requests

    assert abs(len(found) - 5_000) < 3 * 5_000**0.5
    assert len({(request.sample.sample_id, request.repeat) for request in found}) == len(found)


def test_a_rates_start_is_warm_up_by_time() -> None:
    """1 a second for 4 s, the first 2 s warm-up."""
    found = cell(Load("rate", 1.0, "constant", duration_s=4.0, warmup_s=2.0)).requests

    assert ["warmup", "warmup", "measure", "measure"] == [request.phase for request in found]


def test_a_rate_can_be_capped() -> None:
    """max_requests ends it early."""
    assert 3 == len(cell(Load("rate", 10.0, "constant", duration_s=60.0, max_requests=3)).requests)


def test_parameters_are_layered() -> None:
    """Suite, then task, then model; extra is merged key by key."""
    suite = Params(max_tokens=10, temperature=0.0, extra={"a": 1, "b": 1})
    mine = Params(max_tokens=20, extra={"b": 2})

    assert Params(max_tokens=20, temperature=0.0, extra={"a": 1, "b": 2}) == merge_params(
        suite, Params(), mine
    )


def test_truth_has_a_right_and_a_wrong_reply_for_each_prompt() -> None:
    """The reference, else the target; the decoy, else a stock phrase."""
    samples = (sample(1, reference="It is 2", decoy="It is 3"), sample(2, reference=None, decoy=None))
    made = build_plan(
        suite="s", suite_sha256="h", seed=0, repeats=1, margin_points=1.7, defaults=Params(), models=[model()],
        tasks=[task(samples=samples)], loads=[Load("concurrency", 1)],
    )  # fmt: skip
    truth = {item.prompt_sha256: (item.reference, item.decoy) for item in made.truths()}

    assert {
        prompt_sha256(samples[0].messages): ("It is 2", "It is 3"),
        prompt_sha256(samples[1].messages): ("3", DEFAULT_DECOY),
    } == truth


def test_the_plan_can_be_shown() -> None:
    """One row for each cell, plain values only."""
    row = describe_plan(plan())[0]

    assert ("m|sums|c2", 4, "concurrency 2") == (row["cell_id"], row["requests"], row["load"])


def test_prompt_characters_are_counted() -> None:
    """'What is 1 + 1?' has 14."""
    assert 14 == count_prompt_chars(sample(1).messages)


def test_salt_starts_the_prompt_and_is_the_same_for_all_models() -> None:
    """Both models are sent the same bytes; the sample itself, which is hashed, stays as it is."""
    load = Load("rate", 2.0, "constant", duration_s=3.0, salt="cell")
    first, second = (Cell(model(name), task(4), load, Params(), 1, 7) for name in ("a", "b"))
    request = first.requests[0]
    sent = first.messages(request)

    assert sent == second.messages(second.requests[0])
    assert re.fullmatch(r"\[#[0-9a-f]{8}\] What is \d \+ 1\?", sent[0].text)
    assert request.sample.messages == remove_salt(sent)
    assert prompt_sha256(request.sample.messages) == prompt_sha256(remove_salt(sent))


def test_salt_differs_where_a_cache_would_answer() -> None:
    """Between loads, between repeats of a sample within a cell, and between seeds; within one round it is shared."""
    load = Load("rate", 2.0, "constant", duration_s=4.0, salt="cell")
    here, there = cell(load), cell(replace(load, repetition=2))
    words = [here.messages(request)[0].text[:11] for request in here.requests]

    assert 8 == len(words)
    assert [1, 1] == [len(set(words[:4])), len(set(words[4:]))]
    assert words[0] != words[4]
    assert words[0] != there.messages(there.requests[0])[0].text[:11]
    assert words[0] != cell(load, seed=8).messages(here.requests[0])[0].text[:11]


def test_salt_for_each_request_differs_within_a_round() -> None:
    """Four samples, four words."""
    here = cell(Load("rate", 2.0, "constant", duration_s=2.0, salt="request"))

    assert 4 == len({here.messages(request)[0].text[:11] for request in here.requests})


def test_without_salt_the_prompt_is_the_samples() -> None:
    """As accuracy runs have it."""
    here = cell(Load("concurrency", 2))

    assert here.requests[0].sample.messages is here.messages(here.requests[0])


def test_a_replay_asks_what_the_trace_asked() -> None:
    """A named sample, the next in order, a made-up prompt with a budget of its own and nothing to score."""
    trace = (Arrival(0.0, "s2"), Arrival(0.5), Arrival(1.0, None, 20, 5), Arrival(1.5, "s2"))
    here = cell(Load("replay", 2.0, trace=trace))
    found = here.requests

    assert ["s2", "trace-000002", "s2"] == [found[k].sample.sample_id for k in (0, 2, 3)]
    assert [0.0, 0.5, 1.0, 1.5] == [request.due_s for request in found]
    assert (5, False) == (here.params_of(found[2]).max_tokens, found[2].is_scored)
    assert here.params == here.params_of(found[0])
    assert 1 == found[3].repeat
    assert len({(request.sample.sample_id, request.repeat) for request in found}) == 4


def test_a_trace_that_names_no_sample_is_refused() -> None:
    """With the load, the sample and the task."""
    with pytest.raises(InputError, match="asks for sample 'nobody', which task 'sums' does not have"):
        _ = cell(Load("replay", 1.0, trace=(Arrival(0.0, "nobody"),))).requests


def test_a_search_is_planned_and_its_cells_are_made_as_they_are_tried() -> None:
    """No cell before the first try; a try is a cell of its own, named by rate and repetition."""
    search = RateSearch(Slo(ttft_s=1.0), 1.0, 8.0, 0.1, 3, Load("search", 1.0, duration_s=10.0))
    made = build_plan(
        suite="s", suite_sha256="h", seed=0, repeats=1, margin_points=1.7, defaults=Params(), models=[model()],
        tasks=[task()], loads=[], searches=[search],
    )  # fmt: skip
    planned = made.searches[0]

    assert ((), "m|sums|search") == (made.cells, planned.search_id)
    assert "m|sums|s4#2" == planned.cell_at(4.0, 2).cell_id
    assert ("m", "sums") == (made.models[0].id, made.tasks[0].name)
    assert "search 1 to 8 rps" == describe_plan(made)[0]["load"]
    assert max_search_requests(planned) == search.max_tries * 81


@pytest.mark.parametrize(("load", "label"), [(Load("concurrency", 16), "c16"), (Load("rate", 2.5), "r2.5")])
def test_a_load_has_a_label(load: Load, label: str) -> None:
    """It stands in the cell's id."""
    assert label == load.label


def test_a_simulated_provider_gets_the_turns_of_an_episode() -> None:
    """Right and wrong ones, as the task gives them."""
    right, wrong = (Message("assistant", (Text(text),)) for text in ("Done.", "No."))
    samples = (sample(0, reference_turns=(right,), decoy_turns=(wrong, wrong)),)
    made = plan(samples=samples)

    assert [((right,), (wrong, wrong))] == [
        (item.reference_turns, item.decoy_turns) for item in made.truths()
    ]


def test_calls_and_results_are_part_of_a_prompts_length() -> None:
    """2 + (4 + 7) + 3: text, name and arguments, result. Media have no characters."""
    messages = (
        Message("user", (Text("hi"), Image("image/png", b"x"))),
        Message("assistant", (ToolCall("1", "find", '{"a":1}'),)),
        Message("tool", (ToolResult("1", "find", "abc"),)),
    )

    assert 16 == count_prompt_chars(messages)


def test_declarations_have_a_length() -> None:
    """That of their JSON; none without tools."""
    tools = ToolSet((Tool("find", "", {"type": "object"}),))

    assert 0 == count_declaration_chars(sample(0))
    assert len(canonical_json(tools.as_json())) == count_declaration_chars(sample(0, tools=tools))
