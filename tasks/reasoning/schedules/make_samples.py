"""Writes samples.jsonl: ``python make_samples.py``; the same bytes every time."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

from tasks.items import Item, Template, generate_rows, to_json_lines, write_samples

HERE = Path(__file__).parent
PER_TEMPLATE = 6
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAMES = ("Ada", "Ben", "Chloe", "Dev", "Elif", "Femi", "Gita", "Hugo")
NTH = {1: "first", 2: "second", 3: "third", 4: "fourth"}
OFFSETS = (("Lima", -300), ("Accra", 0), ("Nairobi", 180), ("Karachi", 300), ("Pune", 330), ("Tokyo", 540))


def clock_time(minutes: int) -> str:
    """Return minutes after midnight as HH:MM, within one day."""
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def random_day(r: Random) -> date:
    """Return a day of the years around a leap year."""
    return date(2023, 1, 1) + timedelta(days=r.randrange(4 * 365))


def after_days(r: Random) -> Item:
    """A date so many days later, over the end of a month or year."""
    start, days = random_day(r), r.randint(20, 120)
    question = f"An invoice of {start:%d %B %Y} is due {days} days later. On which date is it due? Write it as YYYY-MM-DD."
    return Item(question, str(start + timedelta(days)), str(start + timedelta(days + 1)))


def nth_weekday(r: Random) -> Item:
    """The second Tuesday of a month."""
    year, month, day, nth = r.choice((2024, 2025, 2026)), r.randint(1, 12), r.randrange(7), r.randint(1, 4)
    first = date(year, month, 1)
    found = first + timedelta((day - first.weekday()) % 7 + 7 * (nth - 1))
    question = (
        f"{first:%d %B %Y} is a {DAYS[first.weekday()]}. A club meets on every {NTH[nth]} {DAYS[day]} of the month. "
        "On which date does it meet in that month? Write it as YYYY-MM-DD."
    )
    return Item(question, str(found), str(found + timedelta(7 if found.day <= 21 else -7)))


def workdays(r: Random) -> Item:
    """A date so many working days later, with a holiday on the way."""
    start, days = random_day(r), r.randint(6, 15)
    while start.weekday() > 4:
        start += timedelta(1)
    holiday = start + timedelta(r.randint(1, 4))
    while holiday.weekday() > 4:
        holiday += timedelta(1)

    def later(*free: date) -> date:
        day, left = start, days
        while left:
            day += timedelta(1)
            left -= day.weekday() < 5 and day not in free
        return day

    question = (
        f"{start:%d %B %Y} is a {DAYS[start.weekday()]}. A parcel sent on that day takes {days} working days, counted from the next day on. "
        f"Saturdays, Sundays and the holiday on {holiday:%d %B %Y} are no working days. On which date does it arrive? Write it as YYYY-MM-DD."
    )
    return Item(question, str(later(holiday)), str(later()))


def time_zones(r: Random) -> Item:
    """A flight between two time zones."""
    (origin, east_a), (goal, east_b) = r.sample(OFFSETS, 2)
    leave, takes = r.randrange(24 * 12) * 5, r.randint(60, 170) * 5
    question = (
        f"{goal} is {abs(east_b - east_a) // 60} h {abs(east_b - east_a) % 60} min {'ahead of' if east_b > east_a else 'behind'} {origin}. "
        f"A flight leaves {origin} at {clock_time(leave)} local time and takes {takes // 60} h {takes % 60} min. "
        f"What time is it in {goal} when it lands? Write it as HH:MM, 24 hours."
    )
    return Item(
        question, clock_time(leave + takes + east_b - east_a), clock_time(leave + takes - east_b + east_a)
    )


def common_slot(r: Random) -> Item:
    """The first time at which three calendars are free for long enough."""
    people = r.sample(NAMES, 3)
    long = r.choice((30, 45, 60))
    busy: dict[str, list[tuple[int, int]]] = {}
    for name in people:
        starts = sorted(r.sample(range(9 * 4, 16 * 4), 3))
        busy[name] = [(s * 15, s * 15 + r.choice((30, 45, 60, 75))) for s in starts]

    def is_free(names: list[str], at: int) -> bool:
        return all(at + long <= a or at >= b for name in names for a, b in busy[name])

    times = range(9 * 60, 17 * 60 - long + 1, 15)
    free = [at for at in times if is_free(people, at)]
    slip = [at for at in times if is_free(people[:2], at) and at not in free[:1]]
    listed = "; ".join(
        f"{name}: {', '.join(f'{clock_time(a)}-{clock_time(b)}' for a, b in busy[name])}" for name in people
    )
    question = (
        f"Busy times: {listed}. All three want to meet for {long} minutes as early as possible, starting at 9:00 or later on a quarter of an hour "
        "and ending by 17:00. When does the meeting start? Write it as HH:MM, 24 hours."
    )
    if not free or not slip:
        return Item(question, "", "")
    return Item(question, clock_time(free[0]), clock_time(slip[0]))


def recurring(r: Random) -> Item:
    """Two rhythms that meet again."""
    start = datetime(2025, r.randint(1, 9), r.randint(1, 28))  # noqa: DTZ001 - a day in a story has no zone
    a, b = r.sample((4, 6, 8, 9, 10, 12, 14, 15), 2)
    both = next(n for n in range(1, a * b + 1) if n % a == 0 and n % b == 0)
    question = (
        f"On {start:%d %B %Y} a lift is inspected and its filter changed. The inspection comes every {a} days, the filter every {b} days. "
        "On which date do both fall on one day again? Write it as YYYY-MM-DD."
    )
    slip = a * b if a * b != both else a + b
    return Item(question, str((start + timedelta(both)).date()), str((start + timedelta(slip)).date()))


TEMPLATES: tuple[tuple[str, Template], ...] = (
    ("easy", after_days),
    ("easy", nth_weekday),
    ("medium", time_zones),
    ("medium", recurring),
    ("hard", workdays),
    ("hard", common_slot),
)


def render() -> str:
    """Return the whole file."""
    return to_json_lines(generate_rows("schedules", TEMPLATES, PER_TEMPLATE))


if __name__ == "__main__":
    write_samples(HERE, render())
