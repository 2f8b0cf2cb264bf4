"""The trend: a row for each night and model, and each change of a figure as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gapbench import formatting
from gapbench.analysis.regression.trend import Metric, Night, Trend, TrendChange
from gapbench.report.diff import change_lines
from gapbench.report.table import Column, Row, Sections, Span, Table, Tone
from gapbench.stats.change_points import FALSE_ALARM, FIRST, HORIZON

NAMES: Mapping[Metric, str] = {"accuracy": "quality", "response_p50_s": "speed", "usd_per_task": "cost"}
"""What each figure stands for."""
_WORDS: Mapping[Metric, tuple[str, str]] = {
    "accuracy": ("quality fell", "quality rose"),
    "response_p50_s": ("responses became slower", "responses became faster"),
    "usd_per_task": ("cost rose", "cost fell"),
}
"""A change for the worse, and one for the better."""
HEADINGS: Mapping[Metric, str] = {
    "accuracy": "accuracy",
    "response_p50_s": "p50 response",
    "usd_per_task": "$/1,000 tasks",
}
WIDER_HINT = "a wider terminal, `--md FILE`, `--html FILE` or `--json` has them"
SEARCH_NOTE = (
    f"Changes are searched with at most {100 * FALSE_ALARM:.0f} % false alarms in {HORIZON} quiet nights, "
    "for each model and figure."
).replace("%", " %")


def format_figure(metric: Metric, value: Any) -> str:
    """Return a figure in the unit that its column has."""
    if not formatting.is_known(value):
        return formatting.NOTHING
    if metric == "accuracy":
        return formatting.format_percent(value)
    if metric == "response_p50_s":
        return formatting.format_seconds(value)
    return formatting.format_usd(1000 * float(value))


def _interval(row: Row, metric: Metric) -> str:
    low, high = row[f"{metric}_low"], row[f"{metric}_high"]
    if metric == "response_p50_s":
        known = formatting.is_known(low) or formatting.is_known(high)
        return formatting.format_seconds_range(low, high) if known else formatting.NOTHING
    if not formatting.is_known(low) or not formatting.is_known(high):
        return formatting.NOTHING
    if metric == "accuracy":
        return f"{100 * float(low):.1f}–{100 * float(high):.1f}"
    return f"{format_figure(metric, low)}–{format_figure(metric, high).removeprefix('$')}"


def _time(row: Row) -> str:
    text = format_figure("response_p50_s", row["response_p50_s"])
    return f"{text}\n(invalid)" if row["invalid"] else text


def _events_tone(row: Row) -> Tone:
    tone: Tone = row["tone"]
    return tone


_MODEL = Column("model_id", "model", lambda row: str(row["model_id"]), is_text=True)
COLUMNS = (
    Column("night", "night", lambda row: str(row["night"]), is_text=True, min_width=10),
    Column("accuracy", HEADINGS["accuracy"], lambda row: format_figure("accuracy", row["accuracy"])),
    Column("accuracy_interval", "accuracy (95 %)", lambda row: _interval(row, "accuracy"), 1),
    Column("response_p50_s", HEADINGS["response_p50_s"], _time),
    Column("response_interval", "p50 (95 %)", lambda row: _interval(row, "response_p50_s"), 3),
    Column("usd_per_task", HEADINGS["usd_per_task"], lambda row: format_figure("usd_per_task", row["usd_per_task"])),
    Column("usd_interval", "$ (95 %)", lambda row: _interval(row, "usd_per_task"), 2),
    Column("events", "what happened", lambda row: str(row["events"]), is_text=True, min_width=20, tone=_events_tone),
)  # fmt: skip


def trend_table(trend: Trend) -> Table:
    """Return the nights of each model, newest last, with the changes and what may explain them below."""
    nights = {night.run: night for night in trend.nights}
    names = night_names(trend.nights)
    rows = [
        {**row, "night": names[row["run"]], **_events(trend, nights[row["run"]], row)} for row in trend.rows
    ]
    changes: list[Span] = [
        (line, "bad" if change.is_worse else "good")
        for change, line in zip(trend.changes, change_sentences(trend), strict=True)
    ]
    return Table(
        "trend",
        headline(trend),
        COLUMNS,
        rows,
        Sections(lambda row: row["model_id"], lambda row: ((str(row["model_id"]), "headline"),), (_MODEL,)),
        simulated=trend.simulated,
        notes=(*changes, (SEARCH_NOTE, "dim")),
        warnings=tuple(trend.warnings),
        fits_phone=False,
        wider_hint=WIDER_HINT,
    )


def headline(trend: Trend) -> str:
    """Return in one line what the last night brought, and over how many nights."""
    count = len(trend.nights)
    over = f"{formatting.strip_controls(trend.suite)}, {formatting.count_of(count, 'night')}"
    if trend.new_changes:
        words = ", ".join(f"{change.model_id}: {change_words(change)}" for change in trend.new_changes)
        return f"New on the last night: {formatting.strip_controls(words)} ({over})"
    if trend.changes:
        return f"Nothing new on the last night; {formatting.count_of(len(trend.changes), 'earlier change')} ({over})"
    if count < FIRST:
        return f"Too few nights to search for changes: the first is night {FIRST} ({over})"
    return f"No change found ({over})"


def change_sentences(trend: Trend) -> list[str]:
    """Return each change as one sentence: what, from when, by how much, and what else changed then."""
    names = night_names(trend.nights)
    return [_change_sentence(change, names) for change in trend.changes]


def _change_sentence(change: TrendChange, names: Mapping[str, str]) -> str:
    size = f"{format_figure(change.metric, change.before)} to {format_figure(change.metric, change.after)}"
    if change.metric == "accuracy":
        points = 100 * (change.after - change.before)
        size += f", {points:+.1f} points"
        if change.low is not None and change.high is not None:
            size += f" ({100 * change.low:+.1f} to {100 * change.high:+.1f})"
    elif change.before > 0:
        size += f", {100 * (change.after / change.before - 1):+.0f} %"
    nights = change.nights_to_find
    found = f"found {'on that night' if nights == 1 else f'after {nights} nights'}"
    words = (
        f"{change.model_id}: {change_words(change)} from {names[change.first_after]} on "
        f"({change.first_after}): {size}; {found}. {_cause_words(change)}"
    )
    return formatting.strip_controls(words)


def change_words(change: TrendChange) -> str:
    """Return a change in two or three words."""
    worse, better = _WORDS[change.metric]
    return worse if change.is_worse else better


def _cause_words(change: TrendChange) -> str:
    if not change.causes:
        return "Nothing that run.json records changed nearby."
    nearest = min(abs(int(cause["nights_apart"])) for cause in change.causes)
    lines = [
        line
        for cause in change.causes
        if abs(int(cause["nights_apart"])) == nearest
        for line in change_lines(cause)
    ]
    more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
    when = "that night" if not nearest else f"{nearest} night{'s' if nearest > 1 else ''} apart"
    return f"Changed {when}: {'; '.join(lines[:3])}{more}."


def night_names(nights: Sequence[Night]) -> dict[str, str]:
    """Return a short name of each night by run id: its day, with the time where a day has several."""
    times = [formatting.strip_controls(night.started_at) for night in nights]
    days = [time[:10] for time in times]
    return {
        night.run: day if days.count(day) == 1 else f"{day} {time[11:16]}"
        for night, time, day in zip(nights, times, days, strict=True)
    }


def _events(trend: Trend, night: Night, row: Row) -> dict[str, Any]:
    """Return what happened to a model on a night, one thing a line, and its tone."""
    model_id = row["model_id"]
    started = [
        change for change in trend.changes if change.model_id == model_id and change.first_after == night.run
    ]
    lines = [f"{change_words(change)} from here" for change in started]
    lines += [f"baseline {name}" for name in night.baselines]
    own = [
        change
        for change in night.changes
        if not _is_of_other_model(str(change["what"]), model_id, trend.models)
    ]
    changed = [line for change in own for line in change_lines(change)]
    lines += changed[:2] + ([f"and {len(changed) - 2} more changes"] if len(changed) > 2 else [])
    tone: Tone = "bad" if any(change.is_worse for change in started) else "good" if started else ""
    return {"events": formatting.strip_controls("\n".join(lines)), "tone": tone}


def _is_of_other_model(what: str, model_id: str, models: Sequence[str]) -> bool:
    return any(
        other != model_id and (what == other or what.startswith(f"{other} ")) for other in models
    ) and not (what == model_id or what.startswith(f"{model_id} "))
