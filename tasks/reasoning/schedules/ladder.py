"""Plans of tasks with workers, dates and free days: when does the last task end, and how long were all of them open?

The measure is the number of tasks in the plan. Each must be placed after those that it waits for and after the earlier ones
of its worker, over weekends, holidays, absences, part-time weeks and pauses. Natural Plan (arXiv 2406.04520) has accuracy
by number of people and days for published models on plans of calendars.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from gapbench.ladder import Item, Ladder, Rung

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAMES = (
    "Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo", "Ines", "Jonas", "Kira", "Liam", "Mei", "Nils", "Omar", "Pia",
)  # fmt: skip
SETTINGS = (
    # tasks, workers, holidays, absences, part-time workers, pauses in ten waits
    (1, 1, 0, 0, 0, 0),
    (2, 1, 0, 0, 0, 0),
    (3, 2, 1, 0, 0, 0),
    (5, 2, 1, 1, 0, 0),
    (8, 3, 2, 2, 0, 0),
    (13, 3, 2, 3, 1, 2),
    (20, 4, 3, 4, 1, 3),
    (32, 4, 4, 6, 2, 3),
    (52, 5, 5, 9, 2, 3),
    (84, 6, 7, 15, 3, 3),
    (140, 9, 10, 24, 4, 3),
    (240, 12, 14, 36, 5, 3),
)
KEYS = ("tasks", "workers", "holidays", "absences", "part-time", "pauses")
WEEK = frozenset(range(5))
REPLACED = 5
"""The plan is placed anew after so many days off."""
ONE_QUESTION = 3
"""Plans of so many tasks are asked for the last day alone."""


@dataclass
class Task:
    """One task of the plan; its place in the plan is its number.

    Attributes:
        worker: Who does it.
        days: How many of the worker's working days it takes.
        waits: The tasks that must have ended, and the full days that must lie between.
    """

    worker: str
    days: int
    waits: dict[int, int]


@dataclass
class Plan:
    """Tasks, and when who works.

    Attributes:
        start: No task begins before.
        tasks: By number, from 1.
        weeks: The weekdays on which each worker works.
        holidays: Free for all.
        absences: Worker, first and last day.
    """

    start: date
    tasks: dict[int, Task]
    weeks: dict[str, frozenset[int]]
    holidays: list[date] = field(default_factory=list)
    absences: list[tuple[str, date, date]] = field(default_factory=list)

    def is_working_day(self, worker: str, day: date) -> bool:
        """Say whether a worker works on a day."""
        if day.weekday() not in self.weeks[worker] or day in self.holidays:
            return False
        return not any(worker == who and first <= day <= last for who, first, last in self.absences)

    def place(self) -> dict[int, tuple[date, date]]:
        """Return the first and last day of each task."""
        placed: dict[int, tuple[date, date]] = {}
        free = dict.fromkeys(self.weeks, self.start)
        for number, task in self.tasks.items():
            earliest = [placed[other][1] + timedelta(1 + pause) for other, pause in task.waits.items()]
            day = max([free[task.worker], *earliest])
            worked: list[date] = []
            while len(worked) < task.days:
                if self.is_working_day(task.worker, day):
                    worked.append(day)
                day += timedelta(1)
            placed[number] = worked[0], worked[-1]
            free[task.worker] = day
        return placed


def random_plan(r: Random, rung: Rung) -> Plan:
    """Draw a plan without free days other than those of the week."""
    count, workers, _, _, part_time, pauses = (rung.settings[key] for key in KEYS)
    start = date(2024, 1, 1) + timedelta(r.randrange(4 * 365))
    names = r.sample(NAMES, workers)
    weeks = dict.fromkeys(names, WEEK)
    for name in names[:part_time]:
        weeks[name] = frozenset(r.sample(range(5), r.randint(3, 4)))
    tasks = {}
    for number in range(1, count + 1):
        recent = range(max(1, number - 2 * workers), number)
        others = sorted(r.sample(recent, min(len(recent), r.choice((1, 1, 1, 2, 2, 3)))))
        waits = {other: r.randint(1, 6) if r.randrange(10) < pauses else 0 for other in others}
        tasks[number] = Task(r.choice(names), r.randint(1, 8), waits)
    if count <= 2:
        tasks[1].days = r.randint(4, 12)
    return Plan(start, tasks, weeks)


def take_days_off(r: Random, plan: Plan, holidays: int, absences: int) -> None:
    """Put holidays and absences on days on which someone would work."""
    for place in range(holidays + absences):
        if place % REPLACED == 0:
            spans = [(plan.tasks[n].worker, first, last) for n, (first, last) in plan.place().items()]
        worker, first, last = r.choice(spans)
        day = first + timedelta(r.randrange((last - first).days + 1))
        if place >= holidays:
            plan.absences.append((worker, day, day + timedelta(r.randint(0, 9))))
        elif day not in plan.holidays and day.weekday() in WEEK:
            plan.holidays.append(day)


def write_day(day: date) -> str:
    """Return a date with its weekday."""
    return f"{DAYS[day.weekday()]}, {day.isoformat()}"


def write_task(number: int, task: Task) -> str:
    """Return a task as one line."""
    waits = [
        f"T{other}" + (f" (pause: {pause} {'day' if pause == 1 else 'days'})" if pause else "")
        for other, pause in task.waits.items()
    ]
    said = f"T{number}: {task.worker}, {task.days} {'day' if task.days == 1 else 'days'}"
    return f"{said}; waits for {', '.join(waits)}" if waits else said


def write_rules(plan: Plan) -> list[str]:
    """Return the rules that the plan needs."""
    several = len(plan.tasks) > 1
    rules = [
        "A task takes whole working days of its worker, which need not follow each other without a gap; its first day counts as one of them."
    ]
    if several:
        rules.append(
            "A worker does one task at a time, all own tasks in the order of their numbers, and begins each one as early as possible, "
            "but not on the day on which the one before it ended."
        )
    if any(task.waits for task in plan.tasks.values()):
        rules.append(
            "A task begins only after the last day of each task that it waits for, so the next day at the earliest."
        )
    if any(pause for task in plan.tasks.values() for pause in task.waits.values()):
        rules.append(
            "A pause of 2 days means that at least 2 full calendar days lie between the last day of the one task and the first day of the other."
        )
    rules.append("Nobody works on Saturdays and Sundays.")
    for name, week in plan.weeks.items():
        if week != WEEK:
            rules.append(
                f"{name} works only on these days of the week: {', '.join(DAYS[k] for k in sorted(week))}."
            )
    if plan.holidays:
        rules.append(
            f"Nobody works on these holidays: {', '.join(day.isoformat() for day in sorted(plan.holidays))}."
        )
    for name, first, last in sorted(plan.absences):
        rules.append(f"{name} is away from {first.isoformat()} to {last.isoformat()}, both days included.")
    return rules


def write_answer(placed: dict[int, tuple[date, date]]) -> str:
    """Return the last day, and in larger plans the days that tasks were open."""
    done = max(last for _, last in placed.values()).isoformat()
    if len(placed) <= ONE_QUESTION:
        return done
    return f"{done}, {sum((last - first).days + 1 for first, last in placed.values())}"


def draw(r: Random, rung: Rung) -> Item:
    """Return a plan, and the question for its end."""
    plan = random_plan(r, rung)
    simple = plan.place()
    take_days_off(r, plan, rung.settings["holidays"], rung.settings["absences"])
    placed = plan.place()
    answer, slip = write_answer(placed), write_answer(simple)
    if slip == answer:
        slip = write_answer({n: (first, last + timedelta(1)) for n, (first, last) in placed.items()})
    lines = [write_task(number, task) for number, task in plan.tasks.items()]
    if len(lines) > 5:
        r.shuffle(lines)
    asked = "On which date does the last task end? Write it as YYYY-MM-DD."
    if len(lines) > ONE_QUESTION:
        asked += (
            " And for each task, count the calendar days from its first to its last day, both included and days off too: "
            "what is the sum over all tasks?"
        )
    question = (
        "Tasks of a plan, with who does each and how many working days it takes:\n"
        + "\n".join(lines)
        + "\n\nRules:\n"
        + "\n".join(f"- {rule}" for rule in write_rules(plan))
        + f"\n\nNobody works before {write_day(plan.start)}. {asked}"
    )
    steps = [f"T{n}: {first.isoformat()} to {last.isoformat()}" for n, (first, last) in placed.items()]
    return Item(question, answer, slip, "\n".join(steps))


LADDER = Ladder(
    name="reasoning/schedules",
    measure="tasks in the plan",
    rungs=[Rung(setting[0], dict(zip(KEYS, setting, strict=True))) for setting in SETTINGS],
    draw=draw,
)
