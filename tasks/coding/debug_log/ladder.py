"""Logs of a program in which one write was lost: name the request. The cause shows late, between others' requests.

The program is shown, and the log is what it really printed while a disk dropped one write. Amounts are printed only by
``look`` requests, so the reader carries the state, finds the first line that contradicts it, and then the one request
whose loss explains every later line. A log is kept only if exactly one request does. The measure is the number of
requests in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from gapbench.ladder import Item, Ladder, Rung

PROGRAM = '''# rules.py
def apply(kind, names, number, amounts, done):
    """Return the outcome of a request and the new amounts of the accounts that it changes.

    ``amounts`` holds the amounts now, ``done`` is how many requests the same worker has committed before with a change.
    """
    a = names[0]
    if kind == "look":
        return str(amounts[a]), {}
    if kind == "put":
        return "ok", {a: amounts[a] + number}
    if kind == "take":
        if amounts[a] < number:
            return "short", {}
        return "ok", {a: amounts[a] - number}
    if kind == "fee":
        return "ok", {a: max(0, amounts[a] - done % 7)}
    b = names[1]
    if kind == "move":
        if amounts[a] < number:
            return "short", {}
        return "ok", {a: amounts[a] - number, b: amounts[b] + number}
    if kind == "split":
        half = amounts[a] // 2
        return "ok", {a: amounts[a] - half, b: amounts[b] + half}
    if kind == "level":
        total = amounts[a] + amounts[b]
        return "ok", {a: total - total // 2, b: total // 2}
    if kind == "swap":
        return "ok", {a: amounts[b], b: amounts[a]}
    raise ValueError(kind)


# store.py
class Store:
    def __init__(self, start):
        self.amounts = dict(start)

    def write(self, request, changes):
        self.amounts.update(changes)


# server.py
from rules import apply


class Server:
    """A request begins, waits among those of other workers, and is done when it commits; ``retry`` forgets it."""

    def __init__(self, store):
        self.store = store
        self.waiting = {}
        self.done = {}

    def begin(self, worker, request, kind, names, number):
        self.waiting[request] = (kind, names, number)
        what = " ".join([kind, *names] + ([str(number)] if number else []))
        return f"{worker} {request} begin {what}"

    def commit(self, worker, request):
        kind, names, number = self.waiting.pop(request)
        outcome, changes = apply(kind, names, number, self.store.amounts, self.done.get(worker, 0))
        if changes:
            self.store.write(request, changes)
            self.done[worker] = self.done.get(worker, 0) + 1
        return f"{worker} {request} commit {outcome}"

    def retry(self, worker, request):
        del self.waiting[request]
        return f"{worker} {request} retry"
'''
SIMPLE = ("put", "take", "move")
MIXED = (*SIMPLE, "move", "split", "level")
FULL = (*MIXED, "swap", "fee", "move")
SIZES = (
    # requests, accounts, workers, share of looks, kinds, fewest requests from cause to symptom
    (6, 3, 1, 0.45, SIMPLE, 1), (10, 3, 1, 0.4, SIMPLE, 1), (16, 4, 2, 0.35, SIMPLE, 2), (26, 4, 2, 0.3, MIXED, 2), (42, 5, 3, 0.26, MIXED, 3),
    (68, 6, 4, 0.22, FULL, 4), (110, 7, 5, 0.2, FULL, 6), (170, 8, 6, 0.18, FULL, 8), (260, 9, 7, 0.16, FULL, 10), (400, 10, 8, 0.15, FULL, 12),
    (600, 12, 10, 0.14, FULL, 14), (900, 14, 12, 0.13, FULL, 16),
)  # fmt: skip
NOISE = ("heartbeat", "queue", "cache", "clock")
TRIES = 400


class Request(NamedTuple):
    """What a worker asks for."""

    kind: str
    names: tuple[str, ...]
    number: int


class Event(NamedTuple):
    """A step of the run: ``begin``, ``commit``, ``retry`` or a line of noise."""

    step: str
    worker: str
    request: str
    asked: Request | None


def load_program() -> dict[str, Any]:
    """Return what the program defines; its files are one text here."""
    space: dict[str, Any] = {}
    exec(PROGRAM.replace("from rules import apply\n", ""), space)  # noqa: S102 - the text above
    return space


APPLY: Callable[..., tuple[str, dict[str, int]]]
SPACE = load_program()
APPLY = SPACE["apply"]


def draw_request(r: Random, accounts: Sequence[str], kinds: Sequence[str], looks: float) -> Request:
    """Return a random request."""
    kind = "look" if r.random() < looks else r.choice(kinds)
    names = tuple(r.sample(list(accounts), 1 if kind in {"look", "put", "take", "fee"} else 2))
    return Request(kind, names, r.randint(2, 40) if kind in {"put", "take", "move"} else 0)


def draw_events(r: Random, settings: Mapping[str, Any], accounts: Sequence[str]) -> list[Event]:
    """Return the events of a run: each worker has one request at a time, and workers take turns as it comes."""
    workers = [f"w{number}" for number in range(1, settings["workers"] + 1)]
    events: list[Event] = []
    waiting: dict[str, tuple[str, Request]] = {}
    started, again = 0, []
    while started < settings["requests"] or waiting or again:
        worker = r.choice(workers)
        if settings["workers"] > 1 and r.random() < 0.12:
            events.append(Event("noise", worker, "", None))
        if worker in waiting:
            name, request = waiting.pop(worker)
            if settings["workers"] > 2 and r.random() < 0.06:
                events.append(Event("retry", worker, name, None))
                again.append((name, request))
            else:
                events.append(Event("commit", worker, name, request))
            continue
        if again and r.random() < 0.5:
            name, request = again.pop(0)
        elif started < settings["requests"]:
            started += 1
            name, request = f"R{started:03}", draw_request(r, accounts, settings["kinds"], settings["looks"])
        else:
            continue
        waiting[worker] = (name, request)
        events.append(Event("begin", worker, name, request))
    return events


def run(events: Sequence[Event], start: Mapping[str, int], lost: str | None) -> list[str]:
    """Return what the program prints for each event, with the write of one request lost."""

    class Disk(SPACE["Store"]):  # type: ignore[misc] # a class of the text above
        def write(self, request: str, changes: Mapping[str, int]) -> None:
            if request != lost:
                super().write(request, changes)

    server = SPACE["Server"](Disk(start))
    lines = []
    for number, (step, worker, name, asked) in enumerate(events):
        if step == "begin":
            assert asked is not None
            lines.append(server.begin(worker, name, asked.kind, list(asked.names), asked.number))
        elif step == "noise":
            lines.append(f"{worker} - {NOISE[number * 7 % len(NOISE)]} {number * 13 % 97}")
        else:
            lines.append(getattr(server, step)(worker, name))
    return lines


class Commit(NamedTuple):
    """A request in the order in which they took effect, and what the log says of it."""

    name: str
    worker: str
    asked: Request
    outcome: str


def commits_of(events: Sequence[Event], lines: Sequence[str]) -> list[Commit]:
    """Return the requests that committed, in order."""
    return [
        Commit(event.request, event.worker, event.asked, line.rpartition(" ")[2])
        for event, line in zip(events, lines, strict=True)
        if event.step == "commit" and event.asked is not None
    ]


class State(NamedTuple):
    """Amounts, and how many changes each worker has committed."""

    amounts: dict[str, int]
    done: dict[str, int]

    def copy(self) -> State:
        """Return a state of its own."""
        return State(dict(self.amounts), dict(self.done))

    def follow(self, commit: Commit, *, is_lost: bool = False) -> str:
        """Do a request and return its outcome."""
        done = self.done.get(commit.worker, 0)
        outcome, changes = APPLY(
            commit.asked.kind, commit.asked.names, commit.asked.number, self.amounts, done
        )
        if changes:
            self.done[commit.worker] = done + 1
            if not is_lost:
                self.amounts.update(changes)
        return outcome


def first_contradiction(commits: Sequence[Commit], state: State) -> int | None:
    """Return the place of the first request whose outcome is another than that of a run without loss."""
    for place, commit in enumerate(commits):
        if state.follow(commit) != commit.outcome:
            return place
    return None


def explaining(commits: Sequence[Commit], start: Mapping[str, int]) -> Iterator[int]:
    """Yield the places of the requests whose loss explains the whole log."""
    state = State(dict(start), {})
    for place, commit in enumerate(commits):
        tried = state.copy()
        if (
            tried.follow(commit, is_lost=True) == commit.outcome
            and first_contradiction(commits[place + 1 :], tried) is None
        ):
            yield place
        if state.follow(commit) != commit.outcome:
            return


def draw(r: Random, rung: Rung) -> Item:
    """Return a log with one lost write that only one request explains."""
    settings = rung.settings
    accounts = [f"a{number}" for number in range(1, settings["accounts"] + 1)]
    for _ in range(TRIES):
        start = {name: r.randint(20, 90) for name in accounts}
        events = draw_events(r, settings, accounts)
        names = [
            event.request
            for event in events
            if event.step == "commit" and event.asked and event.asked.kind != "look"
        ]
        # The first and last tenth would be found, or missed, too easily.
        middle = names[len(names) // 10 : len(names) - len(names) // 10] if len(names) > 20 else names
        if not middle:
            continue
        lost = r.choice(middle)
        lines = run(events, start, lost)
        commits = commits_of(events, lines)
        place = next(at for at, commit in enumerate(commits) if commit.name == lost)
        symptom = first_contradiction(commits, State(dict(start), {}))
        if (
            symptom is None
            or symptom - place < settings["distance"]
            or list(explaining(commits, start)) != [place]
        ):
            continue
        changed = [commit for commit in commits[:symptom] if commit.outcome == "ok" and commit.name != lost]
        if not changed:
            continue
        log = "\n".join(f"{number:04} {line}" for number, line in enumerate(lines, 1))
        question = (
            f"A program keeps amounts in accounts:\n\n```python\n{PROGRAM}```\n\nIt began with the amounts "
            + ", ".join(f"{name} {amount}" for name, amount in start.items())
            + f" and printed this log:\n\n```\n{log}\n```\n\nThe disk lost exactly one write: once, `Store.write` did nothing for a request whose "
            "commit says ok, and the program did not notice. Everything else worked. Which request was it?"
        )
        seen, expected = commits[symptom], State(dict(start), {})
        right = [expected.follow(commit) for commit in commits[: symptom + 1]][-1]
        solution = (
            f"Without a loss, {seen.name} would say {right}, and the log says {seen.outcome}. Of the {place + 1} requests "
            f"up to {lost} and those behind it, only the loss of {lost} ({commits[place].asked.kind} "
            f"{' '.join(commits[place].asked.names)}) explains this line and all others."
        )
        return Item(
            question,
            lost,
            changed[-1].name,
            solution,
            extra={"lines": len(lines), "distance": symptom - place},
        )
    raise ValueError(f"no log with one explanation in {TRIES} tries for {dict(settings)}")


LADDER = Ladder(
    name="coding/debug_log",
    measure="requests in the log",
    rungs=[
        Rung(
            requests,
            {
                "requests": requests,
                "accounts": accounts,
                "workers": workers,
                "looks": looks,
                "kinds": kinds,
                "distance": distance,
            },
        )
        for requests, accounts, workers, looks, kinds, distance in SIZES
    ],
    draw=draw,
    kept_per_rung=4,
)
