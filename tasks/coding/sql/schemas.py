"""Three small schemas and seeded databases over them; the last database of each is empty."""

from __future__ import annotations

import random
from collections.abc import Callable

SHOP = """CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price_cents INTEGER NOT NULL);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, day TEXT NOT NULL, status TEXT NOT NULL);
CREATE TABLE items (order_id INTEGER NOT NULL, product_id INTEGER NOT NULL, quantity INTEGER NOT NULL);
"""
STAFF = """CREATE TABLE departments (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE employees (id INTEGER PRIMARY KEY, name TEXT NOT NULL, department_id INTEGER, manager_id INTEGER, salary INTEGER NOT NULL, hired TEXT NOT NULL);
CREATE TABLE absences (employee_id INTEGER NOT NULL, day TEXT NOT NULL, reason TEXT);
"""
METERS = """CREATE TABLE sensors (id INTEGER PRIMARY KEY, place TEXT NOT NULL, kind TEXT NOT NULL);
CREATE TABLE readings (sensor_id INTEGER NOT NULL, hour INTEGER NOT NULL, value REAL);
"""
CITIES = ("Aarhus", "Bilbao", None, None)
CATEGORIES = ("tools", "toys", "tea")
STATUSES = ("paid", "paid", "paid", "open", "cancelled", "cancelled")


def sql_literal(value: object) -> str:
    """Return a value as SQL."""
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, (int, float)) else "'" + str(value).replace("'", "''") + "'"


def insert_statement(table: str, rows: list[tuple[object, ...]]) -> str:
    """Return one INSERT, or nothing for no rows."""
    if not rows:
        return ""
    values = ", ".join(f"({', '.join(map(sql_literal, row))})" for row in rows)
    return f"INSERT INTO {table} VALUES {values};\n"  # noqa: S608 - this file's own texts


def day_text(number: int) -> str:
    """Return a day of 2025, January to June, by its number from 0."""
    return f"2025-{number // 28 % 6 + 1:02}-{number % 28 + 1:02}"


def make_shop(draw: random.Random) -> str:
    """Return rows of the shop."""
    names = ["Ada", "Bo", "Cem", "Dee", "Bo", "Ada", "Gus", "Bo"]
    customers = [(n + 1, name, draw.choice(CITIES)) for n, name in enumerate(names)]
    products = [
        (n + 1, f"{CATEGORIES[n % 3]} {n + 1}", CATEGORIES[n % 3], draw.choice((250, 499, 500, 1200, 1999)))
        for n in range(9)
    ]
    orders: list[tuple[object, ...]] = []
    items: list[tuple[object, ...]] = []
    for n in range(14):
        orders.append((n + 1, draw.randint(1, 6), day_text(draw.randrange(168)), draw.choice(STATUSES)))
        bought = sorted(draw.sample(range(1, 9), draw.randint(0, 2)))
        items += [(n + 1, product, draw.randint(1, 4)) for product in bought]
    return (
        insert_statement("customers", list(customers))
        + insert_statement("products", list(products))
        + insert_statement("orders", orders)
        + insert_statement("items", items)
    )


def make_staff(draw: random.Random) -> str:
    """Return rows of the staff."""
    departments: list[tuple[object, ...]] = [(1, "sales"), (2, "lab"), (3, "store"), (4, "archive")]
    names = ["Ann", "Ben", "Cho", "Dan", "Eve", "Finn", "Gil", "Hua", "Ivo", "Jo", "Kim", "Lou"]
    employees: list[tuple[object, ...]] = []
    for n, name in enumerate(names):
        boss = None if n < 2 else draw.randint(1, n)
        salary = draw.choice((3000, 3500, 3500, 4200, 5100)) if n else 4200
        employees.append(
            (
                n + 1,
                name,
                draw.choice((1, 2, 3, None)),
                boss,
                salary,
                f"20{draw.randint(15, 24)}-0{draw.randint(1, 9)}-1{draw.randint(0, 9)}",
            )
        )
    edges = (27, 28, 41, 42)  # around the first half of February
    absences: list[tuple[object, ...]] = []
    for _ in range(20):
        when = draw.choice((*edges, draw.randrange(60)))
        absences.append((draw.randint(1, 9), day_text(when), draw.choice(("ill", "leave", None))))
    absences += absences[:3]  # entered twice
    return (
        insert_statement("departments", departments)
        + insert_statement("employees", employees)
        + insert_statement("absences", absences)
    )


def make_meters(draw: random.Random) -> str:
    """Return rows of the meters."""
    kinds = ("heat", "water")
    sensors = [(n + 1, draw.choice(("attic", "cellar", "hall")), kinds[n % 2]) for n in range(6)]
    readings = []
    for sensor in range(1, 6):
        hours = sorted(draw.sample(range(1, 25), draw.randint(5, 12)))
        readings += [(sensor, hour, draw.choice((None, 1.5, 2.0, 2.5, 3.0, 4.5, 6.0))) for hour in hours]
    sensors.append((7, "tower", "heat"))
    readings += [(7, hour, 2.5) for hour in (3, 4)]
    return insert_statement("sensors", list(sensors)) + insert_statement("readings", list(readings))


SCHEMAS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "shop": (SHOP, make_shop),
    "staff": (STAFF, make_staff),
    "meters": (METERS, make_meters),
}


def databases(schema: str, seed: int) -> list[str]:
    """Return the SQL of six databases: five seeded ones and an empty one."""
    text, fill = SCHEMAS[schema]
    return [text + fill(random.Random(f"{schema}-{seed}-{number}")) for number in range(5)] + [text]
