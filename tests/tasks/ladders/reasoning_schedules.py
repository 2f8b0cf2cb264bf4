"""Solvers of plans: day after day in the calendar, in full or with bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from tests.tasks.ladders.audit import AmbiguousError

Row = Mapping[str, Any]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MOST_DAYS = 5000


@dataclass
class Job:
    """A task as told."""

    worker: str
    days: int
    waits: dict[int, int]


@dataclass
class Told:
    """What a question says."""

    start: date
    jobs: dict[int, Job]
    weeks: dict[str, set[int]]
    holidays: set[date]
    away: set[tuple[str, date]]
    asks_for_sum: bool

    def works(self, worker: str, day: date) -> bool:
        week = self.weeks.get(worker, {0, 1, 2, 3, 4})
        return day.weekday() in week and day not in self.holidays and (worker, day) not in self.away


def read(row: Row) -> Told:
    """Return what the question says."""
    tasks, rules, asked = row["question"].split("\n\n")
    jobs = {}
    for line in tasks.split("\n")[1:]:
        m = re.fullmatch(r"T(\d+): (\w+), (\d+) days?(?:; waits for (.+))?", line)
        assert m, line
        waits = re.findall(r"T(\d+)(?: \(pause: (\d+) days?\))?", m[4] or "")
        jobs[int(m[1])] = Job(m[2], int(m[3]), {int(t): int(pause or 0) for t, pause in waits})
    if sorted(jobs) != list(range(1, len(jobs) + 1)):
        raise AmbiguousError("a task is missing or told twice")
    if any(other >= number for number, job in jobs.items() for other in job.waits):
        raise AmbiguousError("tasks wait for each other")
    weeks = {
        m[1]: {DAYS.index(day) for day in m[2].split(", ")}
        for m in re.finditer(r"- (\w+) works only on these days of the week: (.+)\.", rules)
    }
    line = re.search(r"these holidays: (.+)\.", rules)
    holidays = {date.fromisoformat(day) for day in line[1].split(", ")} if line else set()
    away = set()
    for m in re.finditer(r"- (\w+) is away from (\S+) to (\S+), both", rules):
        day = date.fromisoformat(m[2])
        while day <= date.fromisoformat(m[3]):
            away.add((m[1], day))
            day += timedelta(1)
    m = re.match(r"Nobody works before (\w+), (\S+)\. ", asked)
    assert m, asked
    start = date.fromisoformat(m[2])
    if DAYS[start.weekday()] != m[1]:
        raise AmbiguousError("date and weekday do not agree")
    return Told(start, jobs, weeks, holidays, away, "sum over all tasks" in asked)


@dataclass
class Calendar:
    """On which days tasks began and ended."""

    began: dict[int, date]
    ended: dict[int, date]

    def answer(self, told: Told) -> str:
        """Return the answer; a task that has not ended is taken to end with the last one that has."""
        latest = max(self.ended.values(), default=told.start)
        open_days = sum((self.ended.get(n, latest) - first).days + 1 for n, first in self.began.items())
        return f"{latest.isoformat()}, {open_days}" if told.asks_for_sum else latest.isoformat()


def live_through(told: Told, most_days: int = MOST_DAYS) -> Calendar:
    """Go through the calendar day by day, and note when tasks begin and end."""
    queues: dict[str, list[int]] = {}
    for number, job in sorted(told.jobs.items()):
        queues.setdefault(job.worker, []).append(number)
    left = {number: job.days for number, job in told.jobs.items()}
    found = Calendar({}, {})
    day = told.start
    for _ in range(most_days):
        done_today = []
        for worker, queue in queues.items():
            if not queue or not told.works(worker, day):
                continue
            number = queue[0]
            waits = told.jobs[number].waits.items()
            if number in found.began or all(
                other in found.ended and (day - found.ended[other]).days > pause for other, pause in waits
            ):
                found.began.setdefault(number, day)
                left[number] -= 1
                if left[number] == 0:
                    done_today.append(number)
                    queue.pop(0)
        found.ended |= dict.fromkeys(done_today, day)
        if len(found.ended) == len(told.jobs):
            break
        day += timedelta(1)
    return found


def solve(row: Row) -> str:
    """Live through the whole plan."""
    told = read(row)
    found = live_through(told)
    if len(found.ended) < len(told.jobs):
        raise AmbiguousError("the plan does not end")
    return found.answer(told)


def with_tasks(most: int) -> Callable[[Row], str]:
    """Return a planner who places the first so many tasks."""

    def answer(row: Row) -> str:
        told = read(row)
        told.jobs = {number: job for number, job in told.jobs.items() if number <= most}
        return live_through(told).answer(told)

    return answer


def with_calendar_days(most: int) -> Callable[[Row], str]:
    """Return a planner who looks so many days ahead."""

    def answer(row: Row) -> str:
        told = read(row)
        return live_through(told, most).answer(told)

    return answer


def without_days_off(row: Row) -> str:
    """Plan as if nobody were ever away and there were no holidays."""
    told = read(row)
    told.holidays, told.away = set(), set()
    return live_through(told).answer(told)


def without_details(row: Row) -> str:
    """Plan without pauses and part-time weeks."""
    told = read(row)
    told.weeks = {}
    for job in told.jobs.values():
        job.waits = dict.fromkeys(job.waits, 0)
    return live_through(told).answer(told)


def with_slips(one_in: int) -> Callable[[Row], str]:
    """Return a planner who takes one in so many tasks for a working day longer than it is."""

    def answer(row: Row) -> str:
        told, r = read(row), Random(row["question"])
        for job in told.jobs.values():
            job.days += r.randrange(one_in) == 0
        return live_through(told).answer(told)

    return answer


BOUNDED = {
    "24 tasks": with_tasks(24),
    "80 days ahead": with_calendar_days(80),
    "no days off": without_days_off,
    "no pauses and part-time weeks": without_details,
    "one task in 50 a day longer": with_slips(50),
}
