"""A weighted sample of a team's traffic as a suite, with a holdout apart."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gapbench.errors import InputError
from gapbench.traffic.redaction import Redaction
from gapbench.traffic.sampling_frame import (
    Check,
    Feature,
    LoggedPrompt,
    SamplingFrame,
    calls_of,
    iterate_requests,
    schema_of,
    template_of,
    text_of,
)
from gapbench.traffic.stratified_draw import Allocation, draw_prompts

_LENGTHS = ("short", "medium", "long")
_NOT_WORD = re.compile(r"[^a-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """How a sample is drawn.

    Attributes:
        size: Prompts to draw, the holdout included.
        by: What strata are made of, besides the route and the kind of check.
        allocation: See :data:`gapbench.traffic.stratified_draw.Allocation`.
        holdout: Share of the prompts that go into the holdout, 0 to below 1.
        seed: Equal seeds give equal samples.
    """

    size: int
    by: tuple[Feature, ...] = ("route", "length", "tools")
    allocation: Allocation = "proportional"
    holdout: float = 0.0
    seed: int = 7


@dataclass(frozen=True, slots=True)
class SampleItem:
    """One item of the sample.

    Attributes:
        task: Name of its task.
        check: What its reply is compared by.
        row: What the data file has of it.
    """

    task: str
    check: Check
    row: Mapping[str, Any]


@dataclass(slots=True)
class TrafficSample:
    """A sample.

    Attributes:
        items: The sample, by task and then by place in the tables.
        holdout: The items that are kept apart; no source of them is in ``items``.
        categories: Category of each task.
        strata: Requests, distinct prompts and drawn prompts of each stratum.
        empty_holdout: Strata of which nothing is in the holdout.
    """

    items: list[SampleItem]
    holdout: list[SampleItem]
    categories: dict[str, str]
    strata: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    empty_holdout: list[str] = field(default_factory=list)


def draw_sample(
    tables: Sequence[Path], frame: SamplingFrame, options: SampleOptions, redaction: Redaction
) -> TrafficSample:
    """Return a sample of traffic tables.

    Args:
        tables: The tables that ``frame`` was read from.
        frame: Their distinct prompts.
        options: How it is drawn.
        redaction: Applied to every text; it counts what it changes.

    Raises:
        InputError: There are more strata than prompts to draw.
        ResultsError: A table cannot be read.
    """
    _redact_names(frame.prompts, redaction)
    labels = _strata(frame.prompts, options.by)
    names = sorted(set(labels))
    if len(names) > options.size:
        raise InputError(
            f"the traffic has {len(names)} strata by {', '.join(options.by)} and kind of check, and {options.size} items cannot cover "
            f"them; give -n {len(names) * 5} or more, or fewer features under --by"
        )
    code_of = {name: code for code, name in enumerate(names)}
    codes = np.array([code_of[label] for label in labels])
    requests = np.array([prompt.requests for prompt in frame.prompts])
    drawn = draw_prompts(requests, codes, options.size, allocation=options.allocation, seed=options.seed)
    chosen = [frame.prompts[place] for place in drawn.places]
    strata = [labels[place] for place in drawn.places]
    apart = _choose_holdout(chosen, strata, options)
    weights = _weights_of_parts(drawn.weights, strata, apart)
    tasks = _task_names(frame.prompts)
    by_place = {
        prompt.place: (prompt, stratum, weight, kept)
        for prompt, stratum, weight, kept in zip(chosen, strata, weights, apart, strict=True)
    }
    parts: tuple[list[SampleItem], list[SampleItem]] = ([], [])
    clusters: dict[str, str] = {}
    for row in iterate_requests(tables, by_place.keys()):
        prompt, stratum, weight, kept = by_place[row["place"]]
        item = {**_item(row, prompt.check, redaction), "stratum": stratum, "weight": round(float(weight), 6)}
        # The hash of a text would confirm a guess of what was taken out of it.
        named = prompt.cluster
        if named.startswith("template-"):
            named = clusters.setdefault(named, template_of(prompt.route, text_of(item["messages"])))
        item = {"id": f"r{prompt.place + 1}", **item, "cluster": named}
        parts[kept].append(SampleItem(tasks[prompt.route, prompt.check], prompt.check, item))
    ends = Counter(strata)
    sizes = Counter(labels)
    by_stratum: Counter[str] = Counter()
    for label, prompt in zip(labels, frame.prompts, strict=True):
        by_stratum[label] += prompt.requests
    held = {item.row["stratum"] for item in parts[1]}
    return TrafficSample(
        sorted(parts[0], key=lambda item: item.task),
        sorted(parts[1], key=lambda item: item.task),
        {task: _word(route) for (route, _), task in tasks.items()},
        {name: (by_stratum[name], sizes[name], ends[name]) for name in names},
        [name for name in names if name not in held] if options.holdout else [],
    )


def _redact_names(prompts: Sequence[LoggedPrompt], redaction: Redaction) -> None:
    """Redact routes and models, which name strata, tasks and files."""
    names = {name for prompt in prompts for name in (prompt.route, prompt.model) if name is not None}
    clean = {name: str(redaction.apply(name)) for name in sorted(names)}
    for prompt in prompts:
        prompt.route = clean[prompt.route]
        prompt.model = None if prompt.model is None else clean[prompt.model]


def _strata(prompts: Sequence[LoggedPrompt], by: Sequence[Feature]) -> list[str]:
    """Return the stratum of each prompt in words. Route and check are always part: a task is about one of each."""
    chars = np.array([prompt.chars for prompt in prompts])
    requests = np.array([prompt.requests for prompt in prompts])
    order = np.argsort(chars, kind="stable")
    shares = np.cumsum(requests[order]) / requests.sum()
    ends = [int(chars[order][np.searchsorted(shares, third)]) for third in (1 / 3, 2 / 3)]
    found: list[str] = []
    for prompt in prompts:
        parts = [prompt.route, prompt.check]
        if "length" in by:
            parts.append(_LENGTHS[sum(prompt.chars > end for end in ends)])
        if "tools" in by:
            parts.append("tools" if prompt.has_tools else "no tools")
        if "model" in by:
            parts.append(prompt.model or "model unknown")
        found.append(" · ".join(parts))
    return found


def _choose_holdout(
    prompts: Sequence[LoggedPrompt], strata: Sequence[str], options: SampleOptions
) -> list[bool]:
    """Return which items are kept apart: whole clusters, and never all items of a stratum."""
    wanted = Counter({name: math.floor(count * options.holdout) for name, count in Counter(strata).items()})
    members: dict[str, list[int]] = {}
    for place, prompt in enumerate(prompts):
        members.setdefault(prompt.cluster, []).append(place)
    clusters = list(members)
    np.random.default_rng(options.seed).shuffle(clusters)
    apart = [False] * len(prompts)
    for cluster in clusters:
        needed = Counter(strata[place] for place in members[cluster])
        if all(wanted[name] >= count for name, count in needed.items()):
            wanted -= needed
            for place in members[cluster]:
                apart[place] = True
    return apart


def _weights_of_parts(weights: Any, strata: Sequence[str], apart: Sequence[bool]) -> list[float]:
    """Return weights with which each part stands for all requests of its strata."""
    whole: dict[str, float] = {}
    parts: dict[tuple[str, bool], float] = {}
    for weight, stratum, kept in zip(weights, strata, apart, strict=True):
        whole[stratum] = whole.get(stratum, 0.0) + float(weight)
        parts[stratum, kept] = parts.get((stratum, kept), 0.0) + float(weight)
    return [
        float(weight) * whole[stratum] / parts[stratum, kept]
        for weight, stratum, kept in zip(weights, strata, apart, strict=True)
    ]


def _task_names(prompts: Sequence[LoggedPrompt]) -> dict[tuple[str, Check], str]:
    """Return a name for the task of each route and check: the route's, and the check where it has several."""
    checks: dict[str, list[Check]] = {}
    for prompt in prompts:
        of_route = checks.setdefault(prompt.route, [])
        if prompt.check not in of_route:
            of_route.append(prompt.check)
    found: dict[tuple[str, Check], str] = {}
    for route in sorted(checks):
        for check in sorted(checks[route]):
            name = _word(route) if len(checks[route]) == 1 else f"{_word(route)}-{check}"
            taken, number = set(found.values()), 2
            free = name
            while free in taken:
                free, number = f"{name}-{number}", number + 1
            found[route, check] = free
    return found


def _word(route: str) -> str:
    """Return a route as a word that a suite accepts."""
    plain = unicodedata.normalize("NFKD", route).encode("ascii", "ignore").decode().lower()
    found = _NOT_WORD.sub("-", plain).strip("-_")[:60]
    return found if found[:1].isalpha() else f"route-{found}".strip("-")


def _item(row: Mapping[str, Any], check: Check, redaction: Redaction) -> dict[str, Any]:
    """Return the columns of an item: what is asked, and what its reply is compared with."""
    item: dict[str, Any] = {"messages": redaction.apply(orjson.loads(row["messages"]))}
    if row["tools"] is not None:
        item["tools"] = redaction.apply_to_schema(orjson.loads(row["tools"]))
    schema = schema_of(row["parameters"])
    if schema is not None:
        item["schema"] = redaction.apply_to_schema(schema)
    if check == "calls":
        item["target"] = redaction.apply(calls_of(row["reply_tool_calls"]))
    elif check in ("label", "judge"):
        item["target"] = redaction.apply(str(row["reply"]).strip())
    elif check == "schema":
        item["reply"] = redaction.apply(str(row["reply"]).strip())
    return item
