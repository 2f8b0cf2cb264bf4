"""What makes a book of evidence honest: rules that each figure and each list must keep.

Schema and types are held on reading. Here: a pinned source for each figure, no figure twice, intervals that
hold their score, dates that can be, one unit and one category within a list, and the open or closed flag
against the licence and against the traps that the sources themselves fall into.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from gapbench.analysis.article.evidence import FIGURES, KINDS, SNAPSHOTS, SOURCES, Evidence, Figure

_PINNED = re.compile(r"@[0-9a-f]{7,40}\b|^https://\S+|\brevision [0-9a-f]{7,}")
_CLOSED_LICENCE = re.compile(r"^(proprie?tary|propretary|api access)\b", re.IGNORECASE)
_OPEN_LICENCE = re.compile(
    r"^(apache|mit\b|modified mit|open\b|gemma|llama|deepseek|mistral research|mrl\b|cc-by|nvidia open)",
    re.IGNORECASE,
)
_SCALES: Mapping[str, tuple[float, float]] = {"percent": (0.0, 100.0), "elo": (500.0, 2_500.0)}


class Trap(NamedTuple):
    """A model that a source flags wrongly.

    Attributes:
        model: Matched against ``model_key`` and ``model``, whole, case ignored.
        weights: What is right. None: neither is; the note must say so.
        why: What the sources do.
    """

    model: re.Pattern[str]
    weights: str | None
    why: str


def _trap(model: str, weights: str | None, why: str) -> Trap:
    return Trap(re.compile(model, re.IGNORECASE), weights, why)


TRAPS = (
    _trap(
        r"qwen[-.\d]*-?max.*",
        "closed",
        'Qwen Max models are API only; the Arena lists qwen-max-0919 with licence "Qwen", '
        "LiveBench marks qwen3-max-2025-09-23 as open weights",
    ),
    _trap(r"glm-5v-turbo.*", "closed", "LiveBench marks it as open weights; none were found"),
    _trap(r"qwen3\.6-flash.*", "closed", "LiveBench marks it as open weights; none were found"),
    _trap(r"qwen2-vl-72b.*", "open", "MMMU labels it proprietary; its weights came out in September 2024"),
    _trap(
        r"(qwen3-30b-a3b|mistral-small-25\d\d|command-r\b|nemotron-3-ultra|minimax-m2\.7|minimax-m3\b).*",
        "open",
        "LiveBench leaves its flag out; the weights can be downloaded",
    ),
    _trap(
        r"llama-4-maverick-03-26-experimental.*",
        None,
        "the checkpoint on the Arena is not the one that was released",
    ),
)


def faults(evidence: Evidence) -> list[str]:
    """Return one sentence for each rule that the book breaks, with file and line; [] when it is honest."""
    found = [*_source_faults(evidence), *_list_faults(evidence), *_snapshot_faults(evidence)]
    seen: dict[tuple[str, ...], int] = {}
    for one in evidence.figures:
        found += [f"{FIGURES}:{one.line}: {said}" for said in _figure_faults(one)]
        if one.source not in evidence.sources:
            found.append(f"{FIGURES}:{one.line}: source {one.source!r} is not in {SOURCES}; add it there")
        key = (one.benchmark, one.variant, one.snapshot.isoformat(), one.model)
        if key in seen:
            found.append(
                f"{FIGURES}:{one.line}: {one.model} stands in this list already, at line {seen[key]}"
            )
        seen.setdefault(key, one.line)
    return found


def _source_faults(evidence: Evidence) -> Iterator[str]:
    used = {one.source for one in evidence.figures}
    for source in evidence.sources.values():
        if source.kind not in KINDS:
            yield f"{SOURCES}: {source.source}: kind {source.kind!r} must be one of: {', '.join(KINDS)}"
        pinned = _PINNED.search(source.citation) or source.read_from == "search index"
        if not pinned or not source.citation:
            yield (
                f"{SOURCES}: {source.source}: {source.citation!r} names no commit and no address; "
                "cite owner/repository/path@commit, or https://…"
            )
        if source.source not in used:
            yield f"{SOURCES}: {source.source}: no figure comes from it"


def _figure_faults(one: Figure) -> Iterator[str]:
    low, high = _SCALES[one.unit]
    if not low <= one.score <= high:
        yield f"{one.model}: score {one.score:g} is outside {low:g} to {high:g} {one.unit}"
    if (one.ci_low is None) != (one.ci_high is None):
        yield f"{one.model}: an interval has two bounds; give ci_low and ci_high, or neither"
    elif one.ci_low is not None and one.ci_high is not None and not one.ci_low <= one.score <= one.ci_high:
        yield f"{one.model}: {one.score:g} is outside its interval {one.ci_low:g} to {one.ci_high:g}"
    if one.released is not None and one.released > one.snapshot and not one.note:
        yield f"{one.model}: released {one.released}, after its list of {one.snapshot}; say why in note"
    yield from _flag_faults(one)


def _flag_faults(one: Figure) -> Iterator[str]:
    """Hold the open or closed flag against the licence and the known traps; a note may explain a licence."""
    for trap in TRAPS:
        if trap.model.fullmatch(one.model_key) or trap.model.fullmatch(one.model):
            if trap.weights is None:
                if not one.note:
                    yield f"{one.model}: {trap.why}; say so in note"
            elif one.weights != trap.weights:
                yield f"{one.model}: flagged {one.weights}, is {trap.weights}: {trap.why}"
            return
    corrected = "flag" in one.note
    if one.weights == "open" and _CLOSED_LICENCE.match(one.license) and not corrected:
        yield f"{one.model}: flagged open under licence {one.license!r}; correct it, or say why in note"
    if one.weights == "closed" and _OPEN_LICENCE.match(one.license) and not corrected:
        yield f"{one.model}: flagged closed under licence {one.license!r}; correct it, or say why in note"


def _list_faults(evidence: Evidence) -> Iterator[str]:
    """A gap is taken within one list: it needs one unit and one category there, and one flag for each model."""
    lists: dict[tuple[str, date], list[Figure]] = {}
    flags: dict[str, Figure] = {}
    for one in evidence.figures:
        lists.setdefault((one.benchmark, one.snapshot), []).append(one)
        first = flags.setdefault(one.model_key, one)
        if first.weights != one.weights and not (first.note or one.note):
            yield (
                f"{FIGURES}:{one.line}: {one.model_key} is {one.weights} here and {first.weights} at line "
                f"{first.line}; correct one, or say in note when its weights came out"
            )
    for (benchmark, day), figures in lists.items():
        for name in ("unit", "category"):
            values = sorted({str(getattr(one, name)) for one in figures})
            if len(values) > 1:
                yield (
                    f"{FIGURES}:{figures[0].line}: {benchmark} of {day} mixes {name}s {', '.join(values)}; "
                    "a gap is taken within one list"
                )
        if len({one.weights for one in figures}) < 2:
            yield f"{FIGURES}:{figures[0].line}: {benchmark} of {day} has one side only, so it has no gap"


def _snapshot_faults(evidence: Evidence) -> Iterator[str]:
    lists = {(one.benchmark, one.snapshot) for one in evidence.figures}
    for snapshot in evidence.snapshots:
        where = f"{SNAPSHOTS}: {snapshot.benchmark} as of {snapshot.as_of}"
        if (snapshot.benchmark, snapshot.snapshot) not in lists:
            yield f"{where}: there is no list of {snapshot.snapshot}; gaps are taken within one snapshot"
        if snapshot.dating == "listed" and snapshot.as_of != snapshot.snapshot:
            yield f"{where}: a list as it stood on {snapshot.snapshot} has that date and no other"
        if snapshot.as_of > snapshot.snapshot:
            yield f"{where}: it is later than the file of {snapshot.snapshot}"
    for one in evidence.arena:
        if round(one.closed - one.open, 2) != round(one.gap, 2):
            yield f"arena_series.csv: {one.board} {one.date}: {one.closed:g} - {one.open:g} is not {one.gap:g}"
