"""Rules that every figure and every list of a book of evidence must satisfy.

Reading already checks schema and types. The rules here: each figure has a pinned source with an address, no figure
occurs twice, intervals contain their score, dates are possible, a list has one unit and one category, a list is read
from a file of its date, and the open or closed flag agrees with the licence and with known errors of the sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from gapbench.analysis.article.article_book import load_article_book
from gapbench.analysis.article.evidence import (
    FIGURES_FILE,
    KINDS,
    SNAPSHOTS_FILE,
    SOURCES_FILE,
    Evidence,
    Figure,
    Snapshot,
    Source,
)

_URL = re.compile(r"https://[\w.-]+/\S+")
_PINNED = re.compile(r"@[0-9a-f]{7,40}\b|^https://\S+|\brevision [0-9a-f]{7,}")
_CLOSED_LICENCE = re.compile(r"^(proprie?tary|propretary|api access)\b", re.IGNORECASE)
_OPEN_LICENCE = re.compile(
    r"^(apache|mit\b|modified mit|open\b|gemma|llama|deepseek|mistral research|mrl\b|cc-by|nvidia open)",
    re.IGNORECASE,
)
ONE_SIDED = "has only one side, so it has no gap"
"""End of the violation of a list without closed or without open models."""
_SCALES: Mapping[str, tuple[float, float]] = {"percent": (0.0, 100.0), "elo": (500.0, 2_500.0)}


class KnownMislabel(NamedTuple):
    """A model that a source flags wrongly.

    Attributes:
        model: Pattern for the whole ``model_key`` or ``model``, ignoring case.
        weights: The right flag. None if neither is right; the figure then needs a note.
        why: What the sources say, and why it is wrong.
    """

    model: re.Pattern[str]
    weights: str | None
    why: str


def _mislabel(model: str, weights: str | None, why: str) -> KnownMislabel:
    return KnownMislabel(re.compile(model, re.IGNORECASE), weights, why)


KNOWN_MISLABELS = (
    _mislabel(
        r"qwen[-.\d]*-?max.*",
        "closed",
        'Qwen Max models are API only; the Arena lists qwen-max-0919 with licence "Qwen", '
        "LiveBench marks qwen3-max-2025-09-23 as open weights",
    ),
    _mislabel(r"glm-5v-turbo.*", "closed", "LiveBench marks it as open weights; none were found"),
    _mislabel(r"qwen3\.6-flash.*", "closed", "LiveBench marks it as open weights; none were found"),
    _mislabel(
        r"qwen2-vl-72b.*", "open", "MMMU labels it proprietary; its weights came out in September 2024"
    ),
    _mislabel(
        r"(qwen3-30b-a3b|mistral-small-25\d\d|command-r\b|nemotron-3-ultra|minimax-m2\.7|minimax-m3\b).*",
        "open",
        "LiveBench leaves its flag out; the weights can be downloaded",
    ),
    _mislabel(
        r"llama-4-maverick-03-26-experimental.*",
        None,
        "the checkpoint on the Arena is not the one that was released",
    ),
)


def rule_violations(evidence: Evidence) -> list[str]:
    """Return one sentence for each violated rule, with file and line; [] if there is none."""
    found = [*_source_violations(evidence), *_list_violations(evidence), *_snapshot_violations(evidence)]
    seen: dict[tuple[str, ...], int] = {}
    for one in evidence.figures:
        found += [f"{FIGURES_FILE}:{one.line}: {violation}" for violation in _figure_violations(one)]
        if one.source not in evidence.sources:
            found.append(
                f"{FIGURES_FILE}:{one.line}: source {one.source!r} is not in {SOURCES_FILE}; add it there"
            )
        key = (one.benchmark, one.variant, one.snapshot.isoformat(), one.model)
        if key in seen:
            found.append(
                f"{FIGURES_FILE}:{one.line}: {one.model} is already in this list, at line {seen[key]}"
            )
        seen.setdefault(key, one.line)
    return found


def unproven(evidence: Evidence) -> list[str]:
    """Return one sentence for each thing that the book cannot show; [] if there is none. No rule is broken by it."""
    found = [
        f"{one.benchmark} as of {one.as_of} is rebuilt from a later file: entries that were removed or dated again are missing"
        for one in evidence.snapshots
        if one.dating == "rebuilt"
    ]
    sources = evidence.sources.values()
    surveyed = sum(source.dated_by == "survey" for source in sources)
    if surveyed:
        found.append(
            f"the date of the file is only the survey's word for {surveyed} of {len(sources)} sources"
        )
    once = sum(source.verified in {"", "once"} for source in sources)
    if once:
        found.append(f"figures were compared with {once} of {len(sources)} sources only once, or not at all")
    found += [
        f"{source.source}: a second reading did not find its figures: {source.remark}"
        for source in sources
        if source.verified == "not found"
    ]
    return found


def _source_violations(evidence: Evidence) -> Iterator[str]:
    used = {one.source for one in evidence.figures}
    for source in evidence.sources.values():
        if source.kind not in KINDS:
            yield f"{SOURCES_FILE}: {source.source}: kind {source.kind!r} must be one of: {', '.join(KINDS)}"
        pinned = _PINNED.search(source.citation) or source.read_from == "search index"
        if not pinned or not source.citation:
            yield (
                f"{SOURCES_FILE}: {source.source}: {source.citation!r} names no commit and no address; "
                "cite owner/repository/path@commit, or https://…"
            )
        if not _URL.fullmatch(source.url):
            found = f"{source.url!r} is not an address" if source.url else "has no address"
            yield f"{SOURCES_FILE}: {source.source}: {found}; give url=https://… of the file at that commit"
        if source.accessed is None:
            yield f"{SOURCES_FILE}: {source.source}: the date when it was read is missing; give accessed=YYYY-MM-DD"
        yield from _dating_violations(source)
        if source.source not in used:
            yield f"{SOURCES_FILE}: {source.source}: no figure comes from it"


def _dating_violations(source: Source) -> Iterator[str]:
    where = f"{SOURCES_FILE}: {source.source}"
    if (source.file_date is None) != (source.dated_by == ""):
        yield f"{where}: file_date and dated_by go together; give both, or neither if the date is not known"
    if source.file_date is not None and source.accessed is not None and source.file_date > source.accessed:
        yield f"{where}: file_date {source.file_date} is later than accessed {source.accessed}"
    if source.verified == "not found" and not source.remark:
        yield f"{where}: a second reading did not find its figures; state in remark what was found"


def _figure_violations(figure: Figure) -> Iterator[str]:
    low, high = _SCALES[figure.unit]
    if not low <= figure.score <= high:
        yield f"{figure.model}: score {figure.score:g} is outside {low:g} to {high:g} {figure.unit}"
    if (figure.ci_low is None) != (figure.ci_high is None):
        yield f"{figure.model}: an interval has two bounds; give ci_low and ci_high, or neither"
    elif (
        figure.ci_low is not None
        and figure.ci_high is not None
        and not figure.ci_low <= figure.score <= figure.ci_high
    ):
        yield f"{figure.model}: {figure.score:g} is outside its interval {figure.ci_low:g} to {figure.ci_high:g}"
    if figure.released is not None and figure.released > figure.snapshot and not figure.note:
        yield f"{figure.model}: released {figure.released}, after its list of {figure.snapshot}; explain it in note"
    yield from _flag_violations(figure)


def _flag_violations(figure: Figure) -> Iterator[str]:
    """Yield where the open or closed flag disagrees with the licence or a known mislabel. A note may explain a licence."""
    for trap in KNOWN_MISLABELS:
        if trap.model.fullmatch(figure.model_key) or trap.model.fullmatch(figure.model):
            if trap.weights is None:
                if not figure.note:
                    yield f"{figure.model}: {trap.why}; state it in note"
            elif figure.weights != trap.weights:
                yield f"{figure.model}: flagged {figure.weights}, is {trap.weights}: {trap.why}"
            return
    corrected = "flag" in figure.note
    if figure.weights == "open" and _CLOSED_LICENCE.match(figure.license) and not corrected:
        yield f"{figure.model}: flagged open under licence {figure.license!r}; correct it, or explain it in note"
    if figure.weights == "closed" and _OPEN_LICENCE.match(figure.license) and not corrected:
        yield f"{figure.model}: flagged closed under licence {figure.license!r}; correct it, or explain it in note"


def _list_violations(evidence: Evidence) -> Iterator[str]:
    """Yield lists without one unit, one category, two sides and one flag for each model, which a gap needs."""
    lists: dict[tuple[str, date], list[Figure]] = {}
    flags: dict[str, Figure] = {}
    for one in evidence.figures:
        lists.setdefault((one.benchmark, one.snapshot), []).append(one)
        first = flags.setdefault(one.model_key, one)
        if first.weights != one.weights and not (first.note or one.note):
            yield (
                f"{FIGURES_FILE}:{one.line}: {one.model_key} is {one.weights} here and {first.weights} at line "
                f"{first.line}; correct one, or state in note when its weights were released"
            )
    for (benchmark, day), figures in lists.items():
        for name in ("unit", "category"):
            values = sorted({str(getattr(one, name)) for one in figures})
            if len(values) > 1:
                yield (
                    f"{FIGURES_FILE}:{figures[0].line}: {benchmark} of {day} mixes {name}s {', '.join(values)}; "
                    "a gap is taken within one list"
                )
        if len({one.weights for one in figures}) < 2:
            yield f"{FIGURES_FILE}:{figures[0].line}: {benchmark} of {day} {ONE_SIDED}"


def _snapshot_violations(evidence: Evidence) -> Iterator[str]:
    lists = {(one.benchmark, one.snapshot) for one in evidence.figures}
    for snapshot in evidence.snapshots:
        where = f"{SNAPSHOTS_FILE}: {snapshot.benchmark} as of {snapshot.as_of}"
        if (snapshot.benchmark, snapshot.snapshot) not in lists:
            yield f"{where}: there is no list of {snapshot.snapshot}; gaps are taken within one snapshot"
        if snapshot.dating != "released" and snapshot.as_of != snapshot.snapshot:
            yield (
                f"{where}: with dating {snapshot.dating!r}, as_of must be {snapshot.snapshot}, the date of the file"
            )
        if snapshot.as_of > snapshot.snapshot:
            yield f"{where}: as_of is later than the file of {snapshot.snapshot}"
        if snapshot.dating == "listed":
            yield from _state_violations(evidence, snapshot, where)
    yield from _cut_violations(evidence.snapshots)
    for one in evidence.arena:
        if round(one.closed - one.open, 2) != round(one.gap, 2):
            yield f"arena_series.csv: {one.board} {one.date}: {one.closed:g} - {one.open:g} is not {one.gap:g}"


def _state_violations(evidence: Evidence, snapshot: Snapshot, where: str) -> Iterator[str]:
    """Yield the sources of a listed snapshot that do not show the list as it was on its date."""
    used = {
        one.source
        for one in evidence.figures
        if (one.benchmark, one.snapshot) == (snapshot.benchmark, snapshot.snapshot)
    }
    for name in sorted(used & set(evidence.sources)):
        day = evidence.sources[name].file_date
        if day is None or day > snapshot.snapshot:
            found = "of unknown date" if day is None else f"of {day}"
            yield (
                f"{where}: {name} is a file {found}, so the list may have changed since; read the file of "
                f"{snapshot.snapshot} or before, or set dating to 'rebuilt'"
            )


def _cut_violations(snapshots: Sequence[Snapshot]) -> Iterator[str]:
    """Yield lists by release date that leave out the models of the rest of a moment."""
    for moment in load_article_book().moments:
        cuts: dict[str, list[Snapshot]] = {}
        for one in snapshots:
            if one.dating == "released" and moment.start <= one.as_of <= moment.end:
                cuts.setdefault(one.benchmark, []).append(one)
        for benchmark, inside in cuts.items():
            last = max(inside, key=lambda one: one.as_of)
            if last.as_of < min(moment.end, last.snapshot):
                yield (
                    f"{SNAPSHOTS_FILE}: {benchmark} as of {last.as_of}: models released until {moment.end} belong to "
                    f"{moment.name}; cut the list there"
                )
