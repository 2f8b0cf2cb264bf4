"""Readers of logs with a lost write: all losses that are still possible are followed at once, in full or with bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
Amounts = dict[str, int]
LINE = re.compile(r"\d{4} (w\d+) (R\d+|-) (\w+) ?(.*)")
CHANGING = {"put", "take", "fee", "move", "split", "level", "swap"}


@dataclass
class Done:
    """A request when it commits."""

    name: str
    worker: str
    words: list[str]
    said: str


@dataclass
class Log:
    """What a question tells."""

    start: Amounts
    done: list[Done] = field(default_factory=list)


def parse(row: Row, *, counts_retries: bool = False, most_waiting: int | None = None) -> Log:
    """Read a question.

    Args:
        row: The row.
        counts_retries: Whether a request that is tried again is taken for one that is done.
        most_waiting: How many requests that have begun are kept in mind; the oldest is forgotten first.
    """
    told, _, log = row["question"].partition("printed this log:\n\n```\n")
    begins = told.rpartition("amounts ")[2].removesuffix(" and ").split(", ")
    found = Log({name: int(amount) for name, amount in (text.split() for text in begins)})
    waiting: dict[str, list[str]] = {}
    for line in log.partition("\n```")[0].splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        worker, name, step, rest = match.groups()
        if step == "begin":
            waiting[name] = rest.split()
            if most_waiting is not None and len(waiting) > most_waiting:
                del waiting[next(iter(waiting))]
        elif step == "retry" and not counts_retries:
            waiting.pop(name, None)
        elif step in {"commit", "retry"} and name in waiting:
            found.done.append(Done(name, worker, waiting.pop(name), rest or "ok"))
    return found


@dataclass
class Guess:
    """A loss that is still possible, and how things would stand; None: no loss yet."""

    lost: str | None
    amounts: Amounts
    since: int = 0

    def expected(self, done: Done, count: int) -> str:
        """Do a request as the program does, and return what its commit says."""
        kind, first, *rest = done.words
        have = self.amounts
        if kind == "look":
            return str(have[first])
        if kind == "put":
            have[first] += int(rest[0])
        elif kind in {"take", "move"}:
            number = int(rest[-1])
            if number > have[first]:
                return "short"
            have[first] -= number
            if kind == "move":
                have[rest[0]] += number
        elif kind == "fee":
            have[first] -= min(have[first], count % 7)
        else:
            other = rest[0]
            one, two = have[first], have[other]
            gives = {"split": one // 2, "level": one - (one + two + 1) // 2, "swap": one - two}[kind]
            have[first], have[other] = one - gives, two + gives
        return "ok"


def follow(
    log: Log, remembered: Callable[[Guess, Amounts, Done], None] | None = None
) -> Iterator[list[Guess]]:
    """Yield the losses that are possible after each request; the guess without a loss is among them while it is."""
    alive = [Guess(None, dict(log.start))]
    counts: dict[str, int] = {}
    for place, done in enumerate(log.done):
        count = counts.get(done.worker, 0)
        kept = []
        for guess in alive:
            before = dict(guess.amounts)
            if guess.expected(done, count) != done.said:
                continue
            kept.append(guess)
            if guess.lost is None and done.words[0] in CHANGING and done.said == "ok":
                kept.append(Guess(done.name, before, place))
            if remembered is not None:
                remembered(guess, log.start, done)
        if done.words[0] in CHANGING and done.said == "ok":
            counts[done.worker] = count + 1
        alive = kept
        yield alive


def solve(row: Row) -> str:
    """Follow all of the log; one loss must be left, and none is not enough."""
    alive: list[Guess] = []
    for alive in follow(parse(row)):  # noqa: B007 - the last one counts
        pass
    if len(alive) != 1 or alive[0].lost is None:
        raise AmbiguousError(f"{[guess.lost for guess in alive]} are possible")
    return alive[0].lost


def latest(alive: list[Guess]) -> str | None:
    """Return the last loss that is possible, or None where no loss is possible, or needed."""
    if not alive or any(guess.lost is None for guess in alive):
        return None
    return max(alive, key=lambda guess: guess.since).lost


def with_requests(most: int) -> Callable[[Row], str | None]:
    """Return a reader who stops after so many requests."""

    def answer(row: Row) -> str | None:
        log = parse(row)
        alive: list[Guess] = []
        for alive in follow(Log(log.start, log.done[:most])):  # noqa: B007 - the last one counts
            pass
        return latest(alive)

    return answer


def with_slips(one_in: int) -> Callable[[Row], str | None]:
    """Return a reader who passes over one in so many requests."""

    def answer(row: Row) -> str | None:
        log, r = parse(row), Random(row["question"])
        alive: list[Guess] = []
        for alive in follow(Log(log.start, [done for done in log.done if r.randrange(one_in)])):  # noqa: B007 - the last one counts
            pass
        return latest(alive)

    return answer


def with_memory(most: int) -> Callable[[Row], str | None]:
    """Return a reader who recalls only the so many accounts used last, and takes the others to be as at the start."""

    def answer(row: Row) -> str | None:
        log = parse(row)
        used: dict[str, int] = dict.fromkeys(log.start, 0)
        steps = iter(range(1, 10**6))

        def forget(guess: Guess, start: Amounts, done: Done) -> None:
            used.update({word: next(steps) for word in done.words if word in start})
            recalled = sorted(used, key=lambda name: -used[name])[:most]
            guess.amounts.update({name: amount for name, amount in start.items() if name not in recalled})

        alive: list[Guess] = []
        for alive in follow(log, forget):  # noqa: B007 - the last one counts
            pass
        return latest(alive)

    return answer


def with_candidates(most: int) -> Callable[[Row], str | None]:
    """Return a reader who, at the first line that is wrong, looks only at the so many requests before it."""

    def answer(row: Row) -> str | None:
        log = parse(row)
        symptom: int | None = None
        alive: list[Guess] = []
        for place, alive in enumerate(follow(log)):
            if symptom is None and all(guess.lost is not None for guess in alive):
                symptom = place
        if symptom is None:
            return None
        found = latest(alive)
        names = {done.name for done in log.done[max(0, symptom - most) : symptom]}
        return found if found in names else None

    return answer


def with_waiting(most: int) -> Callable[[Row], str | None]:
    """Return a reader who keeps so many requests in mind that have begun, and loses the oldest."""

    def answer(row: Row) -> str | None:
        alive: list[Guess] = []
        for alive in follow(parse(row, most_waiting=most)):  # noqa: B007 - the last one counts
            pass
        return latest(alive)

    return answer


BOUNDED = {
    "120 requests": with_requests(120),
    "one request in 90 passed over": with_slips(90),
    "recalls 6 accounts": with_memory(6),
    "15 requests before the symptom": with_candidates(15),
    "4 requests waiting": with_waiting(4),
}
