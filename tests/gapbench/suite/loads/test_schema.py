"""The loads of a suite: every form, what it becomes, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gapbench.suite.loads.load import Load
from gapbench.suite.loads.schema import LoadDocument
from gapbench.values.slo import Slo


def document_of(**given: Any) -> LoadDocument:
    return LoadDocument.model_validate(given)


def loads(**given: Any) -> list[Load]:
    return document_of(**given).to_loads()


def labels(**given: Any) -> list[str]:
    return document_of(**given).labels()


def test_a_list_is_one_load_for_each_level() -> None:
    """A sweep of concurrency, and one of rates with repetitions."""
    assert ["c1", "c8", "c64"] == labels(concurrency=[1, 8, 64])
    assert ["r1#1", "r1#2", "r2.5#1", "r2.5#2"] == labels(rate_rps=[1, 2.5], duration_s=10, repeats=2)


def test_a_name_stands_for_kind_and_value() -> None:
    """With the level behind it in a sweep."""
    assert ["night"] == labels(rate_rps=4, duration_s=10, name="night")
    assert ["night-4", "night-8"] == labels(rate_rps=[4, 8], duration_s=10, name="night")


def test_gamma_needs_its_spread() -> None:
    """And takes it over."""
    load = loads(rate_rps=4, duration_s=10, arrivals="gamma", cv=2.5)[0]

    assert ("gamma", 2.5) == (load.arrivals, load.cv)


def test_a_ramp_has_its_mean_for_a_value() -> None:
    """From 1 to 20 a second: 10.5."""
    load = loads(ramp={"from_rps": 1, "to_rps": 20}, duration_s=60)[0]

    assert ("ramp", 10.5, 1, 20, "ramp1-20") == (
        load.kind,
        load.value,
        load.from_rps,
        load.to_rps,
        load.label,
    )


def test_adaptive_is_a_kind_of_its_own() -> None:
    """Its times are of no controlled load, and its label says so."""
    load = loads(concurrency=64, adaptive=True)[0]

    assert ("adaptive", "a64") == (load.kind, load.label)


def test_a_search_is_no_load_but_a_search() -> None:
    """Its levels are tried as it goes."""
    document = document_of(
        search={"slo": {"ttft_s": 0.5, "attainment": 0.99}, "from_rps": 1, "to_rps": 64},
        duration_s=30,
        warmup_s=5,
    )
    found = document.to_search()

    assert found is not None
    assert ([], ["search"]) == (document.to_loads(), document.labels())
    assert (Slo(ttft_s=0.5, attainment=0.99), 1, 64, 0.05, 3) == (
        found.slo,
        found.from_rps,
        found.to_rps,
        found.tolerance,
        found.repeats,
    )
    assert ("search", 30, 5, "cell") == (
        found.load.kind,
        found.load.duration_s,
        found.load.warmup_s,
        found.load.salt,
    )


def test_a_replay_reads_its_trace(tmp_path: Path) -> None:
    """Relative to the suite; its value is the mean rate: three requests in two seconds at twice the speed are 3 a second."""
    (tmp_path / "day one.jsonl").write_text('{"at_s": 0}\n{"at_s": 1}\n{"at_s": 2}\n')
    load = document_of(replay={"trace": "day one.jsonl", "speed": 2}).to_loads(tmp_path)[0]

    assert (3, 3.0, "replay-day-one") == (len(load.trace), load.value, load.label)
    assert load.trace_sha256 is not None


@pytest.mark.parametrize(
    ("given", "salt"),
    [
        ({"concurrency": 8}, None),
        ({"concurrency": [8]}, "cell"),
        ({"rate_rps": 1, "duration_s": 1}, "cell"),
        ({"ramp": {"from_rps": 1, "to_rps": 2}, "duration_s": 1}, "cell"),
        ({"rate_rps": 1, "duration_s": 1, "salt": False}, None),
        ({"concurrency": 8, "salt": True}, "cell"),
        ({"concurrency": 8, "salt": "request"}, "request"),
    ],
)
def test_timing_loads_are_salted_unless_the_suite_asks_for_the_cache(
    given: dict[str, Any], salt: str | None
) -> None:
    """Schedules and sweeps are; a single concurrency, as accuracy suites have it, is not."""
    assert salt == loads(**given)[0].salt


@pytest.mark.parametrize(("workers", "expected"), [("auto", None), (3, 3)])
def test_workers(workers: Any, expected: int | None) -> None:
    """Auto is decided when the machine is known."""
    assert expected == loads(concurrency=8, workers=workers)[0].workers


RATE = {"rate_rps": 1, "duration_s": 10}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "found none"),
        ({"concurrency": 1, **RATE}, "found concurrency and rate_rps"),
        ({"rate_rps": 1}, "rate_rps needs duration_s"),
        ({"ramp": {"from_rps": 1, "to_rps": 2}}, "ramp needs duration_s"),
        ({**RATE, "warmup_requests": 3}, "under a schedule give warmup_s"),
        ({"concurrency": 1, "duration_s": 3}, "duration_s goes with rate_rps or ramp or search or replay"),
        ({"concurrency": 1, "repeats": 3}, "repeats goes with"),
        ({**RATE, "adaptive": True}, "adaptive goes with concurrency"),
        ({**RATE, "warmup_s": 10}, "warmup_s must be shorter than duration_s"),
        ({**RATE, "arrivals": "gamma"}, "gamma needs it"),
        ({**RATE, "cv": 2}, "cv goes with arrivals: gamma"),
        ({"rate_rps": [1, 90_000], "duration_s": 1_000}, "are more than 10000000"),
        ({"rate_rps": [], "duration_s": 1}, "at least 1 item"),
        ({"search": {"slo": {}, "from_rps": 1, "to_rps": 2}, "duration_s": 1}, "give at least one limit"),
        (
            {"search": {"slo": {"ttft_s": 1}, "from_rps": 2, "to_rps": 2}, "duration_s": 1},
            "from_rps must be below to_rps",
        ),
        ({"concurrency": 1, "workers": 0}, "workers"),
        ({"concurrency": 1, "name": "a|b"}, "name"),
    ],
)
def test_a_fault_is_refused(given: dict[str, Any], said: str) -> None:
    """With what would do."""
    with pytest.raises(ValidationError) as caught:
        document_of(**given)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("given", "is_one_of_several", "is_timed"),
    [
        ({"concurrency": 8}, False, False),
        ({"concurrency": 8}, True, True),
        ({"concurrency": [1, 8]}, False, True),
        ({"concurrency": 8, "warmup_requests": 4}, False, True),
        ({"concurrency": 8, "adaptive": True}, True, False),
        ({"concurrency": [1, 8], "timed": False}, True, False),
        ({"concurrency": 8, "timed": True}, False, True),
        ({"rate_rps": 2, "duration_s": 5}, False, True),
        ({"ramp": {"from_rps": 1, "to_rps": 2}, "duration_s": 5}, False, True),
    ],
)
def test_which_loads_are_timed(given: dict[str, Any], *, is_one_of_several: bool, is_timed: bool) -> None:
    """Every schedule, and a number in flight that is compared with others, warmed up, or says so."""
    made = document_of(**given).to_loads(is_one_of_several=is_one_of_several)

    assert {is_timed} == {load.is_timed for load in made}


def test_a_schedule_is_always_timed() -> None:
    """The key goes with concurrency only, and not with a number that changes."""
    with pytest.raises(ValidationError, match="timed goes with concurrency"):
        document_of(rate_rps=2, duration_s=5, timed=False)
    with pytest.raises(ValidationError, match="timed and adaptive exclude each other"):
        document_of(concurrency=8, adaptive=True, timed=True)
