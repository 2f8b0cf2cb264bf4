"""Features of the planner."""

from __future__ import annotations

from random import Random
from typing import Any

LOADS = {"app": "timetable.app", "calendars": "timetable.calendars"}
NAMES = ("A", "B", "C", "D", "E", "F", "G", "H")
KINDS = ("", "red", "blue", "red")
ODD = (
    "machine", "machine saw", "machine saw speed=0", "machine saw 3", "machine x speed=2 speed=3", "stop", "stop nil 1 2", "stop saw 5", "stop saw 9 4", "stop saw 1 2 3", "stop saw 3 x", "job", "job A", "job A saw",
    "job Z saw size=x", "job Z saw after=Q", "job Z saw color=red", "job Z saw b", "job Z nil", "job Z saw after=Z", "rule", "rule best", "rule slack", "extra red none", "extra red", "report", "report moon", "fly", "# note", "",
)  # fmt: skip


def plan(
    r: Random, machine: str = "", job: str = "", heads: tuple[str, ...] = (), odd: tuple[str, ...] = ()
) -> str:
    """Return the call of a drawn plan.

    Args:
        r: Draws.
        machine: ``setup`` adds times of change to machines.
        job: ``whole`` or ``crew`` adds options to jobs.
        heads: Lines of which some come first.
        odd: Lines of which one may stand somewhere.
    """
    machines = r.sample(["saw", "press", "oven"], r.randint(1, 3))
    lines = [f"machine {name}{r.choice(['', ' speed=2', ' speed=3'])}" for name in machines]
    lines += r.sample(heads, min(len(heads), r.randint(1, 3))) if heads else []
    for name in machines:
        for _ in range(r.randint(0, 3)):
            first = r.randint(0, 60)
            lines.append(f"stop {name} {first} {first + r.randint(1, 15)}")
        if machine == "setup":
            for pair in r.sample(
                [("red", "blue"), ("blue", "red"), ("*", "red"), ("*", "blue"), ("red", "*"), ("blue", "")],
                r.randint(1, 4),
            ):
                lines.append(f"setup {name} {pair[0]} {pair[1] or 'red'} {r.randint(0, 9)}")
    names = NAMES[: r.randint(3, 8)]
    for at, name in enumerate(names):
        text = f"job {name} {r.choice(machines)}{r.choice(['', ' size=0', *[f' size={r.randint(1, 40)}'] * 4, f' size={r.randint(1, 12)}'])}"
        after = r.sample(names[:at], min(at, r.choice([0, 0, 1, 1, 2])))
        text += f" after={','.join(after)}" if after else ""
        text += f" due={r.randint(5, 120)}" if r.random() < 0.5 else ""
        text += f" priority={r.randint(0, 4)}" if r.random() < 0.5 else ""
        text += f" kind={r.choice(KINDS[1:])}" if r.random() < 0.6 else ""
        text += f" whole={r.choice(['yes', 'yes', 'no'])}" if job == "whole" and r.random() < 0.6 else ""
        text += f" crew={r.randint(0, 3)}" if job == "crew" and r.random() < 0.7 else ""
        lines.append(text)
    lines.append(f"rule {r.choice(['order', 'due', 'size', 'priority', 'priority', 'slack'])}")
    if odd and r.random() < 0.3:
        lines.insert(r.randint(0, len(lines)), r.choice(odd))
    lines += ["report gantt", f"report {r.choice(['late', 'load', 'load', 'critical'])}"]
    return f"app.run({lines!r})"


def odd_calls() -> list[str]:
    """Return plans with each odd line."""
    start = [
        "machine saw speed=2",
        "stop saw 4 9",
        "job A saw size=9 due=3 kind=red",
        "job B saw",
        "report gantt",
        "report late",
        "report load",
        "report critical",
    ]
    return [f"app.run({[*start[:3], line, *start[3:]]!r})" for line in ODD]


def common(r: Random) -> str:
    """Return a call about what was there before."""
    return plan(r, odd=ODD)


def aging(r: Random) -> str:
    """Return a plan in which jobs wait long for their machines."""
    lines = ["machine saw", "machine press"]
    lines += [
        f"stop {r.choice(['saw', 'press'])} {first} {first + r.randint(30, 90)}"
        for first in (r.randint(0, 50), r.randint(60, 200))
    ]
    for at, name in enumerate(NAMES):
        after = f" after={r.choice(NAMES[:at])}" if at and r.random() < 0.4 else ""
        due = f" due={r.randint(5, 400)}" if r.random() < 0.3 else ""
        lines.append(
            f"job {name} {r.choice(['saw', 'press'])} size={r.randint(5, 90)} priority={r.randint(0, 3)}{after}{due}"
        )
    lines += ["rule priority", "report gantt", "report late"]
    return f"app.run({lines!r})"


def ends(r: Random) -> str:
    """Return a question to a calendar, or a plan with stops."""
    if r.random() < 0.6:
        return plan(r)
    stops = [(first, first + r.randint(1, 9)) for first in r.sample(range(40), r.randint(1, 4))]
    start, minutes = r.randint(0, 40), r.randint(0, 20)
    if r.random() < 0.5:
        start, minutes = stops[0][0] - min(stops[0][0], 4), min(stops[0][0], 4)
    return f"(lambda c: [[c.add_stop(*stop) for stop in {stops!r}], c.end_of_work({start}, {minutes})][1])(calendars.Calendar())"


CREWS = (
    "crew 2",
    "crew 3",
    "crew 4",
    "crew 0 5 30",
    "crew 1 20 60",
    "crew 5 10 25",
    "crew 3 0 90",
    "crew 2 40 70",
)


def features(make: Any) -> list[Any]:
    """Return the features."""
    return [
        make(2, "endwork", 3, (
            "Jobs around stops end too late. A job of 5 minutes that begins at minute 0 on a machine that stands still from minute 5 to 10 is done at 5, "
            "but the plan says 10; and a job that is placed at the very minute in which a stop is in progress, such as work asked to begin at minute 7, waits for the "
            "whole stop instead of what is left of it. What the docstrings of the calendar say is right."
        ), (), ends),
        make(3, "aging", 3, (
            "Under `rule priority` jobs with a low priority starve. From now on a job's priority counts as one more for each full hour that it would wait for its "
            "machine: from the minute in which all jobs that it waits for are done (0 without any) to the minute in which it could begin if it were placed next, as the plan stands. "
            "The higher number wins; of equal ones, as before, the job that is due first. Waiting for other jobs does not count. The other rules stay as they are."
        ), (), aging),
        make(6, "whole", 3, (
            "Some work must not be paused. Add the option `whole=yes` (or `no`, the default; anything else gives `error: whole is 'x', not yes or no`) to `job`. A whole job "
            "is placed at the first minute, from the one on in which it could begin otherwise, from which on its machine works for all its minutes without a stop, and where no "
            "other job is in the way; the gap rule and everything else are as for other jobs. A stop that begins when it is done, or that ends when it begins, does not disturb it. A whole job of 0 minutes "
            "is placed as others are."
        ), (), lambda r: plan(r, job="whole", odd=("job Z saw whole=maybe", "job Z saw whole=yes size=3", "job Y press whole= size=2", "machine m whole=yes"))),
        make(8, "setup", 3, (
            "Machines need time to change from one kind of job to another. `setup saw red blue 5` says that after a job of the kind `red` the machine `saw` needs 5 minutes of work before a job of "
            "the kind `blue`; `*` as the first kind stands for any kind for which there is no pair of its own; the last line for a pair holds; between jobs of the same kind, and where nothing is said, it is 0 minutes; jobs "
            "without a kind have the empty kind, which only `*` can precede. (1) A job begins no earlier than the setup is done, which starts when the job that begins before it on its machine ends, "
            "and which pauses in stops as work does. The first job of a machine needs no setup. (2) A job is only put into a gap before another job if that job still begins after the setup that it then needs, which starts when the new job ends. "
            "Setup is decided when a job is placed; no placed job is moved. A job is not held up by empty jobs (0 minutes) that begin where it begins. (3) `report gantt` says ` after setup 5` behind the kind (before `pauses`) for a job with setup before it, by the job that begins before it in the finished plan; `report load` adds "
            "` setup 12` to a machine's line where the sum of these is not 0. A machine in setup is not busy. Errors: `setup` without all four words gives the usual `error: setup needs a kind` or `error: setup needs a time`; it takes no options and no more words."
        ), (), lambda r: plan(r, machine="setup", odd=("setup saw", "setup saw red", "setup saw red blue", "setup nil red blue 3", "setup saw red blue x", "setup saw red blue 3 4", "setup saw red blue 3 a=b"))),
        make(12, "crew", 4, (
            "Jobs need people. `crew 4` says how many people there are in the whole shop; the last such line holds, and without one there are as many as are wanted. `crew 2 30 60` says that from minute 30 to before 60 it is 2 instead; "
            "where such lines overlap, the later line applies. `job … crew=2` is a job that keeps 2 people busy from its start to its end, stops included (default 0; an empty job keeps nobody). "
            "(1) A job is placed at the first slot, as its machine would take it, in which in each minute from start to end enough people are there that no placed job keeps busy. When people are missing somewhere in a slot, the next slot to look at is the first that the machine takes from the "
            "next change of numbers on after the last stretch of the slot that lacks people: changes are the ends and beginnings of shifts and of placed jobs with people. Jobs that need nobody are placed as before. The rule that chooses the next job sees these slots as well. "
            "(2) Where, after the end of all shifts, there are fewer people than a job needs, placing it gives `error: there are never 3 people`, and the plan is not shown. "
            "(3) `report gantt` says ` with 2` behind the kind, before `pauses`. `report load` ends with `crew peak 3`, the most people that are busy at once, if there is a `crew` line at all. "
            "(4) In `report critical` the bound is also not below the work of the people: the sum of people times minutes of all jobs, divided by the number of people, rounded up; only where that number is known, not 0, and no shift changes it. "
            "Put the people into a new module `timetable/crews.py`. `crew` takes no options and at most three words; errors as for other lines: `error: crew needs a count`, `error: crew needs a last minute`, `error: crew ends at 4, which is not after 9`."
        ), ("app.run(['machine a', 'machine b', 'crew 1', 'job A a size=10 crew=1', 'job B b size=9 crew=1', 'report critical', 'report load'])",), lambda r: plan(r, job="crew", heads=CREWS, odd=("crew", "crew x", "crew 3 5", "crew 3 9 4", "crew 3 1 2 3", "crew 2 a=1", "job Z saw crew=x", "job Z saw crew=9"))),
    ]  # fmt: skip
