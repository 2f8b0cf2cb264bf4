"""A replay of logged traffic: when each request is sent, in which session, and the task that holds their prompts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path

import numpy as np

from gapbench.errors import DocumentError
from gapbench.formatting import count_of
from gapbench.suite.loads.load import Load
from gapbench.suite.loads.schema import LoadDocument, ReplayDocument
from gapbench.suite.loads.trace import Arrival
from gapbench.suite.replay.logged_prompts import IMAGES_AND_FILES, TOOLS, LoggedPrompts, PromptFile
from gapbench.suite.replay.logged_requests import (
    UNKNOWN,
    LoggedRequests,
    TrafficTable,
    open_table,
    read_blocks,
    read_requests,
    read_texts,
)
from gapbench.suite.replay.made_up_prompts import plan_prompts
from gapbench.suite.replay.prompt_fit import PromptFit, measure_fit_at
from gapbench.suite.replay.traffic_sample import PromptTexts, TrafficSample
from gapbench.suite.replay.word_streams import WordStreams
from gapbench.suite.tasks.replay_selection import ReplaySelection
from gapbench.suite.tasks.task import Task
from gapbench.values import canonical_json, sha256

CATEGORY = "traffic"
_SHORT_SPAN_S = 10.0


@dataclass(frozen=True)
class Replay:
    """A replay.

    Attributes:
        loads: One load for each repetition, with the arrivals.
        task: The requests; it is sent under these loads only, and is not scored.
        notes: What the plan tells of it, one line each.
    """

    loads: tuple[Load, ...]
    task: Task
    notes: tuple[str, ...]


def open_replay(document: LoadDocument, folder: Path, seed: int, limit: int | None = None) -> Replay:
    """Return the replay of a traffic table.

    Args:
        document: The load; it has a replay with ``traffic``.
        folder: What its path is relative to.
        seed: Seed of the made-up prompts.
        limit: Send no more than the first N requests. None: as the load says.

    Raises:
        DocumentError: The table cannot be read, or holds nothing to send.
    """
    asked = document.replay
    assert asked is not None
    assert asked.traffic is not None
    file = folder / asked.traffic
    with open_table(file) as table:
        requests = read_requests(table, asked, file)
        logged, in_parts, not_whole = _read_prompts(table, requests)
        if not len(requests):
            reasons = "; ".join(f"{count:,} {reason}" for reason, count in requests.left_out.items())
            raise DocumentError(f"holds nothing that can be sent again: {reasons or 'no request'}", file=file)
        has_text = np.array([logged.has_text(number) for number in range(len(requests))], dtype=bool)
        blocks = read_blocks(table, requests) if not has_text.all() else None
    streams, fit = WordStreams(seed), PromptFit(asked.words_per_token, asked.template_tokens)
    if asked.tokenizer is not None and not has_text.all():
        fit = measure_fit_at(asked.tokenizer, streams)
    made_up, shared_by = plan_prompts(requests, has_text, blocks, streams, fit)
    # One text for the arrival and the sample: a million requests are planned.
    names = [f"row-{row + 1:06d}" for row in requests.rows.tolist()]
    arrivals, overlapping, unknown_gaps = _arrivals(requests, names)
    with file.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    bounds = [bound for bound in (document.max_requests, limit) if bound is not None]
    span_s = arrivals[-1].at_s / asked.speed
    loads = tuple(
        replace(
            load,
            trace=arrivals,
            trace_sha256=digest,
            max_requests=min(bounds, default=None),
            value=len(arrivals) / span_s if span_s > 0 else float(len(arrivals)),
        )
        for load in document.to_loads()
    )
    selection = ReplaySelection(
        logged=len(requests) + requests.left_out.total(),
        left_out=dict(requests.left_out),
        parts_left_out={what: in_parts[what] for what in (IMAGES_AND_FILES, TOOLS) if in_parts[what]},
        made_up=int((~has_text).sum()),
        without_length=int((requests.output_tokens == UNKNOWN).sum()),
    )
    task = _make_task(loads[0], asked, file, requests, names, PromptTexts(logged, made_up), digest, seed, fit)
    task = replace(task, replay=selection)
    lines = _describe(loads[0], asked, requests, in_parts)
    lines += _describe_prompts(has_text, shared_by, overlapping, unknown_gaps)
    if not_whole:
        lines.append(
            f"{count_of(not_whole, 'request')} with a prompt that the log has in part only, because the provider keeps the rest; made "
            "up with the logged length"
        )
    if asked.tokenizer is not None and not has_text.all():
        template = count_of(fit.template_tokens, "token")
        lines.append(
            f"{asked.tokenizer} counts {1 / fit.words_per_token:.4g} tokens for a made-up word, and {template} for the chat template"
        )
    label = task.name
    return Replay(loads, task, tuple(f"{label}: {line}" for line in lines))


def _read_prompts(table: TrafficTable, requests: LoggedRequests) -> tuple[LoggedPrompts, Counter[str], int]:
    """Return the logged texts of the requests, counts of the parts that are left out, and how many texts are not whole.

    A prompt that is not whole is as good as none. What has no prompt at all is dropped.
    """
    number_of = np.full(requests.table_rows, -1, dtype=np.int64)
    number_of[requests.rows] = np.arange(len(requests))
    sendable = requests.input_tokens > 0
    unreadable = not_whole = 0
    prompts = PromptFile(len(requests))
    try:
        for row, (messages, tools, lacks) in enumerate(read_texts(table)):
            number = int(number_of[row])
            if number < 0 or messages is None:
                continue
            if lacks is not None:
                not_whole += bool(sendable[number])
                continue
            sendable[number] = prompts.add(number, messages, tools)
            unreadable += not sendable[number]
    except BaseException:
        prompts.discard()
        raise
    if unreadable:
        requests.left_out[f"whose prompt cannot be sent again (the first: {prompts.first_problem})"] = (
            unreadable
        )
    without = int((~sendable).sum()) - unreadable
    if without:
        requests.left_out["with neither a text nor a number of tokens"] = without
    requests.select(sendable)
    return prompts.finish(sendable), prompts.left_out, not_whole


def _arrivals(requests: LoggedRequests, names: Sequence[str]) -> tuple[tuple[Arrival, ...], int, int]:
    """Return when each request, by its sample's name, is sent; how many were logged before the answer that they follow, and after an unknown one."""
    zero_us = int(requests.time_us[0])
    at_s = ((requests.time_us - zero_us) / 1e6).tolist()
    response_s = requests.response_s.tolist()
    output = requests.output_tokens.tolist()
    last: dict[int, int] = {}
    found: list[Arrival] = []
    overlapping = unknown = 0
    for number, session in enumerate(requests.session.tolist()):
        think_s: float | None = None
        before = None if session == UNKNOWN else last.get(session)
        if before is not None:
            gap_s = at_s[number] - at_s[before] - response_s[before]
            if math.isnan(gap_s):
                unknown += 1
            else:
                overlapping += gap_s < 0
                think_s = max(0.0, gap_s)
        if session != UNKNOWN:
            last[session] = number
        found.append(
            Arrival(
                at_s[number],
                names[number],
                None,
                max(1, output[number]) if output[number] != UNKNOWN else None,
                (),
                None if session == UNKNOWN else requests.sessions[session],
                think_s,
            )
        )
    return tuple(found), overlapping, unknown


def _make_task(
    load: Load,
    asked: ReplayDocument,
    file: Path,
    requests: LoggedRequests,
    names: Sequence[str],
    texts: PromptTexts,
    digest: str,
    seed: int,
    fit: PromptFit,
) -> Task:
    numbers = tuple(range(len(names)))
    columns = zip(numbers, names, requests.session.tolist(), requests.route.tolist(), strict=True)
    samples = tuple(
        TrafficSample(
            texts,
            number,
            name,
            None if session == UNKNOWN else requests.sessions[session],
            None if route == UNKNOWN else requests.routes[route],
        )
        for number, name, session, route in columns
    )
    # What the tokenizer said counts, not where it was asked.
    settings = asked.model_dump(exclude={"traffic", "speed", "data_policy", "tokenizer"})
    settings |= {"words_per_token": fit.words_per_token, "template_tokens": fit.template_tokens}
    return Task(
        name=load.name or CATEGORY,
        category=CATEGORY,
        version=1,
        sha256=sha256(canonical_json([digest, settings, seed])),
        samples=samples,
        scorer_name=None,
        data_policy=asked.data_policy,
        source=str(file),
        origin=str(file),
        working_order=numbers,
    )


def _describe(
    load: Load, asked: ReplayDocument, requests: LoggedRequests, in_parts: Counter[str]
) -> list[str]:
    first, last = (datetime.fromtimestamp(int(requests.time_us[at]) / 1e6, UTC) for at in (0, -1))
    span_s = (last - first).total_seconds()
    routes = len(np.unique(requests.route[requests.route != UNKNOWN]))
    table = f"{count_of(len(requests), 'request')} of {requests.table_rows:,} in the table"
    logged = f"logged from {first:%Y-%m-%dT%H:%M:%S} to {last:%Y-%m-%dT%H:%M:%S} UTC ({_seconds(span_s)} s)"
    took = f"sent in {_seconds(span_s / asked.speed)} s at speed {asked.speed:g}"
    rates = f"mean {load.value:,.3g}/s, peak {load.peak_rps:,.0f} in one second"
    lines = [f"{table}, {logged}, {count_of(routes, 'route')}", f"{took}: {rates}"]
    if span_s < _SHORT_SPAN_S and len(requests) > 1:
        lines.append(f"all of it was logged within {span_s:.3g} s, so the rates are those of one burst")
    elif len(requests) > 1 and not (requests.time_us % 1_000_000).any():
        lines.append("the log's times are whole seconds, so the requests of a second are sent together")
    if requests.out_of_order:
        lines.append(
            f"{count_of(requests.out_of_order, 'request')} out of order in the table; all are sent by time"
        )
    if requests.sessions_cut:
        lines.append(
            f"{count_of(requests.sessions_cut, 'session')} began before the period; the rest of each is sent"
        )
    if requests.left_out:
        lines.append(
            "left out: " + "; ".join(f"{count:,} {reason}" for reason, count in requests.left_out.items())
        )
    lines += [
        f"left out of prompts: {what}: {in_parts[what]:,}"
        for what in (IMAGES_AND_FILES, TOOLS)
        if in_parts[what]
    ]
    without_length = int((requests.output_tokens == UNKNOWN).sum())
    if without_length:
        lines.append(
            f"{count_of(without_length, 'request')} without an output length get the suite's max_tokens"
        )
    return lines


def _seconds(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}"


def _describe_prompts(
    has_text: Sequence[bool] | np.ndarray, shared_by: Counter[str], overlapping: int, unknown_gaps: int
) -> list[str]:
    with_text = int(np.sum(has_text))
    lines = [
        f"prompts: {with_text:,} as logged, {len(has_text) - with_text:,} made up with the logged length"
    ]
    if shared_by:
        shares = ", ".join(f"{evidence} ({count:,})" for evidence, count in shared_by.most_common())
        lines.append(f"made-up prompts share their start by {shares}")
    if overlapping:
        lines.append(
            f"{count_of(overlapping, 'request')} had been sent before the session's previous answer; they wait for it"
        )
    if unknown_gaps:
        lines.append(
            f"{count_of(unknown_gaps, 'request')} after an answer of unknown time: sent at the logged time, or when the answer is "
            "there"
        )
    return lines
