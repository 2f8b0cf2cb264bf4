"""The answer of some runs in words: three lines of at most 80 columns, then what was compared, caveats and the next command.

Every output that starts with the answer shows these lines, so the figures and their rounding are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from gapbench import formatting
from gapbench.analysis.quality.answer import Answer, TwoSides, answer_of
from gapbench.analysis.quality.gap import GapTable
from gapbench.report.tables.ladders import describe_rung_gap

WIDTH = 80
"""Columns that each of the first three lines fits."""
LABELS = ("Quality", "Speed", "Cost", "Models", "Caveats", "Next")
_NO_GPU_TIME = "unknown: answers of a batch have no GPU time"
_NO_CACHED_GPU_TIME = "unknown: answers of the response cache have no GPU time"
_WEIGHTED = "weighted as in your traffic"
_MARGIN = max(map(len, LABELS)) + 1


@dataclass(frozen=True, slots=True)
class AnswerText:
    """The answer in words, without labels. Names in it come from suites and are not escaped.

    Attributes:
        quality: Verdict, gap and interval.
        speed: What a user waits, on each side.
        cost: US dollars for 1,000 tasks and for 1,000 right answers, on each side.
        models: What was compared.
        caveats: What limits the answer; "" if nothing does.
        next: The command that helps most now.
    """

    quality: str
    speed: str
    cost: str
    models: str
    caveats: str
    next: str

    def lines(self) -> list[tuple[str, str]]:
        """Return label and text of each line that is not empty; the first three are the answer."""
        texts = (self.quality, self.speed, self.cost, self.models, self.caveats, self.next)
        return [(label, text) for label, text in zip(LABELS, texts, strict=True) if text]

    def plain_lines(self) -> list[str]:
        """Return each line with its label in front, in columns."""
        return [f"{label:<{_MARGIN}}{text}" for label, text in self.lines()]


_REST = ("bench gap", "bench cost")
"""The commands that show all figures of the answer."""


def describe_answer(
    answer: Answer, runs: Sequence[str] | None = None, rest: Sequence[str] = _REST
) -> AnswerText:
    """Return the answer in words.

    Args:
        answer: The figures.
        runs: What the runs are called on the command line; (): nothing, it is the newest. None: their ids.
        rest: The commands to name for more figures: those that the reader does not see already.
    """
    return AnswerText(
        _quality(answer),
        _speed(answer),
        _cost(answer),
        _models(answer),
        "; ".join(_caveats(answer)),
        next_command(answer, runs, rest),
    )


def answer_text(gap: GapTable, runs: Sequence[str] | None = None, rest: Sequence[str] = _REST) -> AnswerText:
    """Return the answer of a gap table in words; see :func:`describe_answer`."""
    return describe_answer(answer_of(gap), runs, rest)


def answer_json(gap: GapTable) -> dict[str, Any]:
    """Return the figures of the answer, and its lines."""
    answer = answer_of(gap)
    return {**answer.to_json(), "lines": asdict(describe_answer(answer))}


def render_answer(text: AnswerText) -> Iterator[Text | RichTable | Padding]:
    """Yield the answer for a terminal: the first three lines as they are, the others wrapped beside their labels."""
    for label, line in text.lines()[:3]:
        yield Text.assemble((f"{label:<{_MARGIN}}", "bold"), (formatting.strip_controls(line), "bold"))
    grid = RichTable.grid(padding=(0, 1, 0, 0))
    grid.add_column(min_width=_MARGIN - 1, no_wrap=True)
    grid.add_column(overflow="fold")
    for label, line in text.lines()[3:]:
        tone = "yellow" if label == "Caveats" else "dim" if label == "Models" else ""
        grid.add_row(Text(label, "dim"), Text(formatting.strip_controls(line), tone))
    yield grid
    yield Text()


def _fit(variants: Sequence[str]) -> str:
    """Return the first variant that fits beside a label, or the last."""
    room = WIDTH - _MARGIN
    return next((text for text in variants if len(text) <= room), variants[-1])


def _quality(answer: Answer) -> str:
    if answer.verdict is None:
        return _quality_alone(answer)
    if not formatting.is_known(answer.gap_points) and answer.ladders:
        return _quality_in_rungs(answer)
    if not formatting.is_known(answer.gap_points):
        return f"{answer.verdict}"
    gap = f"{answer.verdict}: gap {formatting.format_gap('points', answer.gap_points)} points"
    if not formatting.is_known(answer.ci_low) or not formatting.is_known(answer.ci_high):
        return gap
    interval = formatting.format_interval("points", answer.ci_low, answer.ci_high)
    corrected = "corrected " if answer.is_corrected else ""
    return _fit(
        [
            f"{gap} ({corrected}95 % interval {interval})",
            f"{gap} ({corrected}95 %: {interval})",
            f"{gap} ({interval})",
        ]
    )


def _quality_in_rungs(answer: Answer) -> str:
    """Return the gap on the first ladder, and how many more there are."""
    found = answer.ladders[0]
    more = f" on {found.task}; {len(answer.ladders) - 1} more below" if len(answer.ladders) > 1 else ""
    words = describe_rung_gap(found)
    at = f"; half right at rung {found.closed:.1f} against {found.open:.1f}"
    return _fit([f"{words}{at}{more}", f"{words}{more}", words])


def _quality_alone(answer: Answer) -> str:
    side = "open" if answer.open_model else "closed" if answer.closed_model else ""
    if not side:
        return _fit([answer.missing, "nothing was measured"])
    accuracy = formatting.format_percent(getattr(answer.accuracy, side))
    missing = "a closed" if side == "open" else "an open"
    return f"no gap without {missing} model; the best {side} model: {accuracy}"


def _both(sides: TwoSides, write: Any) -> str:
    """Return the figure of each side that has a model, with the side's name."""
    return ", ".join(f"{side} {write(value)}" for side, value in _known(sides))


def _bare(sides: TwoSides, write: Any, between: str = ", ") -> str:
    return between.join(write(value) for _, value in _known(sides))


def _known(sides: TwoSides) -> list[tuple[str, float]]:
    return [
        (side, value) for side in ("closed", "open") if formatting.is_known(value := getattr(sides, side))
    ]


def _speed(answer: Answer) -> str:
    if not (answer.closed_model or answer.open_model):
        return "no times: no model answered"
    if not _known(answer.response_p50_s):
        if _compared(answer, answer.caveats.batched):
            return "no times: answers of a batch have none"
        if _compared(answer, answer.caveats.cached):
            return "no times: answers of the response cache have none"
        return "no times: too few answers to the same requests"
    middle = _both(answer.response_p50_s, formatting.format_seconds)
    load = f" at {answer.load}" if answer.load else ""
    if answer.are_times_invalid:
        return _fit(
            [
                f"invalid (this client was the limit): {middle} median wait{load}",
                f"invalid (this client was the limit): {middle} median",
                f"invalid (client limit): {middle}",
            ]
        )
    if not _known(answer.response_p95_s):
        return _fit([f"{middle} median wait for the whole answer{load}", f"{middle} median wait{load}"])
    late = _bare(answer.response_p95_s, formatting.format_seconds)
    return _fit(
        [
            f"{middle} median wait{load}; 95th percentile {late}",
            f"{middle} median wait{load}; p95 {late}",
            f"{middle} median; p95 {late}",
        ]
    )


def _compared(answer: Answer, names: Sequence[str]) -> list[str]:
    """Return which of some models the answer is about."""
    return [name for name in names if name in {answer.closed_model, answer.open_model}]


def _cost(answer: Answer) -> str:
    task, right = answer.usd_per_task, answer.usd_per_correct
    if not (answer.closed_model or answer.open_model):
        return "unknown: no model answered"
    if not _known(task):
        ours = [
            name for name in _compared(answer, answer.caveats.cached) if name in answer.caveats.gpu_priced
        ]
        if ours:
            return _fit([f"{_NO_CACHED_GPU_TIME} ({ours[0]})", _NO_CACHED_GPU_TIME])
        unpriced = [name for name in answer.caveats.batched if name in answer.caveats.gpu_priced]
        if unpriced:
            return _fit([f"unknown: answers of a batch have no GPU time ({unpriced[0]})", _NO_GPU_TIME])
        return "unknown: not every model has a price; set `cost:` in the suite"
    ratio = _ratio(task)
    write = formatting.format_usd_per_1000
    load = f" at {answer.load}" if answer.load else ""
    if not _known(right):
        none = "; none correct on a side" if _known(answer.accuracy) else ""
        return f"{_both(task, write)} per 1,000 tasks{load}{ratio}{none}"
    return _fit(
        [
            f"{_both(task, write)} per 1,000 tasks{load}{ratio}; {_bare(right, write)} per 1,000 correct",
            f"{_both(task, write)} per 1k tasks{load}{ratio}; {_bare(right, write)} per 1k correct",
            f"{_both(task, write)} per 1k tasks{load}{ratio}; {_bare(right, write)} correct",
            f"{_bare(task, write, ' vs ')} per 1k tasks{load}{ratio}; {_bare(right, write, ' vs ')} correct",
            f"{_bare(task, write, '/')} per 1k tasks{load}{ratio}; {_bare(right, write, '/')} correct",
            f"{_bare(task, write, '/')} per 1k tasks{load}{ratio}",
        ]
    )


def _ratio(sides: TwoSides) -> str:
    return "" if sides.ratio is None else f" ({formatting.format_number(sides.ratio, 2)}x)"


def _models(answer: Answer) -> str:
    if not answer.closed_model or not answer.open_model:
        model = answer.closed_model or answer.open_model
        weighted = f", {_WEIGHTED}" if answer.weights == "traffic" else ""
        return f"{model} is the best of its side{weighted}" if model else ""
    counts = answer.pairs_by_category
    if not answer.n_pairs and answer.ladders:
        return f"{answer.closed_model} (closed) against {answer.open_model} (open), questions picked by their answers"
    shares = ", ".join(f"{formatting.format_count(count)} {name}" for name, count in counts.items())
    counted = _WEIGHTED if answer.weights == "traffic" else "each request counts once"
    weights = f" ({shares}; {counted})" if len(counts) > 1 else ""
    if not weights and answer.weights == "traffic":
        weights = f" ({_WEIGHTED})"
    requests = f"{formatting.format_count(answer.n_pairs)} shared requests{weights}"
    return f"{answer.closed_model} (closed) against {answer.open_model} (open), {requests}"


def _caveats(answer: Answer) -> list[str]:
    caveats = answer.caveats
    found = []
    if answer.simulated:
        found.append(f"{formatting.SIMULATED}: says nothing about a real model")
    if caveats.unfinished:
        found.append("the run is not complete" if len(caveats.unfinished) == 1 else "runs are not complete")
    found += [f"{model} failed" for model in caveats.failed_models]
    if answer.fairness:
        found.append(
            f"unfair: {len(answer.fairness)} {'condition differs' if len(answer.fairness) == 1 else 'conditions differ'}"
        )
    if answer.are_times_invalid:
        found.append("times are invalid")
    models = {answer.closed_model, answer.open_model}
    if _known(answer.usd_per_task) and models & set(caveats.gpu_priced):
        found.append("GPU cost covers the run's time alone: `bench tco` adds idle hours and staff")
    if caveats.to_judge:
        waiting = (
            f"{formatting.format_count(caveats.to_judge)} of {formatting.format_count(caveats.requests)}"
        )
        found.append(f"{waiting} answers wait for a judge and have no score")
    if caveats.lost:
        lost = ", ".join(f"{formatting.format_count(count)} {kind}" for kind, count in caveats.lost.items())
        found.append(f"{lost} of {formatting.format_count(caveats.requests)} answers")
    if answer.pairs_needed:
        found.append(f"{answer.pairs_needed} to settle it")
    return found


def next_command(answer: Answer, runs: Sequence[str] | None = None, rest: Sequence[str] = _REST) -> str:
    """Return the command that helps most now, and where the rest is; see :func:`describe_answer`."""
    caveats = answer.caveats
    named = "".join(f" {name}" for name in (caveats.run_ids if runs is None else runs))
    lost = caveats.lost
    bad = sum(lost.get(kind, 0) for kind in ("unparsed", "unscored"))
    if len(caveats.unfinished) == 1 and len(caveats.run_ids) == 1:
        return f"bench run --resume{named or f' {caveats.run_ids[0]}'}"
    if lost.get("infra", 0) * 2 > caveats.requests:
        return f"bench report{named} --errors"
    if caveats.to_judge:
        return f"bench judge{named or f' {caveats.run_ids[-1]}'}"
    if bad * 2 > caveats.requests:
        return f"bench try {caveats.suite or 'SUITE'}"
    if answer.verdict is None:
        return f"bench report{named}"
    return "; ".join(
        part for part in (", ".join(rest), f"one page: bench report{named} --brief lead.pdf") if part
    )
