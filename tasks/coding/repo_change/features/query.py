"""Features of the query engine."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

LOADS = {"app": "tablequery.app"}
ODD = (
    "SELECT city FROM rivers", "SELECT FROM towns", "SELECT city FROM towns t JOIN towns t ON true", "SELECT city FROM towns WHERE COUNT(*) > 1", "SELECT city FROM towns LIMIT x",
    "SELECT city FROM towns LIMIT 2 OFFSET", "SELECT city FROM towns 5", "SELECT city towns", "SELECT t.city FROM towns", "SELECT t.town FROM towns t", "SELECT pop FROM towns a JOIN towns b ON true",
    "SELECT city FROM towns WHERE pop", "SELECT city FROM towns WHERE NOT 'a'", "SELECT city FROM towns WHERE pop > 0 AND rank", "SELECT city FROM towns WHERE pop > 0 OR city", "SELECT -city FROM towns", "SELECT city + 1 FROM towns",
    "SELECT city < rank FROM towns", "SELECT 'a FROM towns", "SELECT city ? 1 FROM towns", "SELECT (1 FROM towns", "SELECT city IN 1 FROM towns", "SELECT city NOT 1 FROM towns", "SELECT SUM(*) FROM towns",
    "SELECT SUM(pop, rank) FROM towns", "SELECT SUM(city) FROM towns", "SELECT UPPER(city, 1) FROM towns", "SELECT NONE(1, 2) FROM towns", "SELECT city FROM towns JOIN lands land = name", "SELECT city AS FROM towns",
    "SELECT city FROM towns GROUP land", "SELECT city FROM towns WHERE rank IS 3", "SELECT pop FROM towns JOIN lands ON tax", "SELECT * FROM towns WHERE",
    "SELECT true, FALSE, null FROM towns LIMIT 1", "SELECT city FROM towns ORDER BY false", "SELECT DISTINCT rank FROM towns ORDER BY pop", "SELECT rank IN (1, rank > 2) FROM towns", "SELECT city FROM towns HAVING 1", "SELECT city FROM towns WHERE (pop IS NULL) = true",
    "SELECT COUNT(*) AS n FROM towns HAVING n IN (1, 2)", "SELECT COUNT(*) AS n FROM towns HAVING n BETWEEN 0 AND n", "SELECT COUNT(*) AS n FROM towns HAVING 3 BETWEEN n AND 9", "SELECT COUNT(*) AS n FROM towns HAVING 0 IN (n, n + 1) OR n > 0", "SELECT RANK() OVER (PARTITION BY rank > 1 ORDER BY rank = 1) FROM towns",
    "SELECT rank, SUM(pop) OVER (ORDER BY rank) + COUNT(*) FROM towns", "SELECT city FROM towns t LEFT towns u ON true", "SELECT city FROM towns LEFT JOIN lands ON land = name WHERE tax IS NULL OFFSET 1",
)  # fmt: skip
CITIES = ("Ulm", "Kiel", "Jena", "Husum", "Bonn", "Aalen", "Kehl")


def draw_tables(r: Random) -> dict[str, list[dict[str, Any]]]:
    """Return tables with nulls, equal values and numbers below 0."""
    towns = [
        {
            "city": r.choice(CITIES), "land": r.choice(["SH", "BW", "TH", None]), "pop": r.choice([None, r.randint(-30, 60), r.randint(-30, 60), 7]),
            "rank": r.randint(1, 4),
        }
        for _ in range(r.randint(0 if r.random() < 0.1 else 4, 8))
    ]  # fmt: skip
    lands = [
        {"name": name, "tax": r.choice([None, 3, 5, -4])}
        for name in r.sample(["SH", "BW", "HE", "TH"], r.randint(1, 3))
    ]
    return {"towns": towns, "lands": lands}


def number(r: Random, depth: int = 0) -> str:
    """Return an expression of numbers."""
    if depth > 1 or r.random() < 0.4:
        return r.choice(["pop", "rank", str(r.randint(0, 9)), "pop", "-pop", "null"])
    return f"{number(r, depth + 1)} {r.choice(['+', '-', '*', '/', '%', '/', '%'])} ({number(r, depth + 1)})"


def condition(r: Random, extra: Callable[[Random], str] | None, depth: int = 0) -> str:
    """Return a condition; ``extra`` gives one of the feature."""
    roll = r.random()
    if depth < 2 and roll < 0.35:
        return f"{r.choice(['', 'NOT '])}({condition(r, extra, depth + 1)} {r.choice(['AND', 'OR'])} {condition(r, extra, depth + 1)})"
    if extra is not None and roll < 0.8:
        return extra(r)
    return r.choice(
        [
            f"{number(r)} {r.choice(['=', '<>', '<', '>='])} {number(r)}",
            f"city > '{r.choice(CITIES)}'",
            "land IS NULL",
            f"rank IN (1, {r.randint(2, 4)}, null)",
        ]
    )


def call(r: Random, query: str) -> str:
    """Return the call of a query over drawn tables."""
    return f"app.run({draw_tables(r)!r}, {query!r})"


def divisions(r: Random) -> str:
    """Return a query that divides."""
    if r.random() < 0.3:
        return call(
            r,
            f"SELECT land, AVG({number(r)}) AS a, SUM(pop) % {r.randint(2, 9)} AS m FROM towns GROUP BY land ORDER BY a",
        )
    return call(
        r,
        f"SELECT city, {number(r)} AS x, pop % {r.choice(['7', '(-7)', 'rank', '(0 - rank)'])} AS y, pop / {r.choice(['3', '(-3)', '(0 - rank)'])} AS z FROM towns ORDER BY x",
    )


def between_or_like(r: Random) -> str:
    """Return a condition with BETWEEN or LIKE."""
    if r.random() < 0.5:
        return f"{number(r, 1)} {r.choice(['', 'NOT '])}BETWEEN {number(r, 1)} AND {number(r, 1)}"
    name = r.choice(CITIES)
    pattern = r.choice(
        [
            f"{name[:2]}%",
            f"%{name[1:3].upper()}%",
            f"_{name[1:]}",
            f"%{name[-1]}",
            f"{name[0].lower()}%{name[-1]}",
            "%",
            "____",
            "",
            name,
            "%_e_%",
        ]
    )
    return f"{r.choice(['city', 'land', 'city'])} {r.choice(['', 'NOT '])}LIKE {r.choice([repr(pattern), repr(pattern), repr(pattern), 'null', 'pop'][: 5 if r.random() < 0.2 else 3])}"


def ranges(r: Random) -> str:
    """Return a query with BETWEEN or LIKE."""
    head = r.choice(
        ["city, pop", "city", "rank, land", f"{between_or_like(r)}", f"NOT {between_or_like(r)} AS x, pop"]
    )
    return call(r, f"SELECT {head} FROM towns WHERE {condition(r, between_or_like)} ORDER BY city, rank")


def groups(r: Random) -> str:
    """Return a query with HAVING."""
    having = r.choice(
        [
            f"COUNT(*) > {r.randint(0, 3)}", f"n {r.choice(['>', '<', '='])} {r.randint(0, 3)}", f"s > {r.randint(-20, 40)} OR n = 1", "NOT s > 3",
            "s IS NULL", f"MAX(rank) - n < {r.randint(0, 3)}", "n IN (1, 2)", "SUM(n) > 2", "COUNT(DISTINCT city) < n", f"n + {r.randint(0, 2)} = MIN(rank)", "s", "land = 'SH' AND n > 0", "ABS(s) > 5", "-s > 3",
        ]
    )  # fmt: skip
    middle = r.choice(["GROUP BY land", "GROUP BY land", "GROUP BY rank", "GROUP BY land, rank", ""])
    head = "land, " if "GROUP BY land" in middle else ""
    where = r.choice(["", f"WHERE rank < {r.randint(0, 4)} "])
    return call(
        r,
        f"SELECT {head}COUNT(*) AS n, SUM(pop) AS s FROM towns {where}{middle} HAVING {having} ORDER BY {r.choice(['n DESC', 's', 'MAX(pop)'])} LIMIT 4",
    )


def left_joins(r: Random) -> str:
    """Return a query with LEFT JOIN."""
    on = r.choice(
        [
            "t.land = l.name",
            "land = name AND tax > 3",
            "l.tax < t.rank",
            "t.land = l.name AND t.rank > 1",
            "tax IS NULL",
            "false",
        ]
    )
    first, second = ("towns t", "lands l") if r.random() < 0.7 else ("lands l", "towns t")
    more = r.choice(
        [
            "",
            "",
            "JOIN lands m ON m.tax = l.tax ",
            "LEFT JOIN lands m ON m.name = land AND m.tax > 0 ",
            "left join towns u on u.rank = t.rank and u.pop > t.pop ",
        ]
    )
    where = r.choice(
        [
            "",
            "WHERE tax IS NULL " if not more else "WHERE l.tax IS NULL ",
            "WHERE l.name IS NOT NULL ",
            "WHERE t.rank > 2 ",
        ]
    )
    head = (
        r.choice(
            [
                "*",
                "t.city, l.name",
                "t.city, t.pop, l.tax",
                "COUNT(*), COUNT(l.tax), COUNT(t.city)",
                "l.name, COUNT(city), SUM(pop)",
            ]
        )
        if not more
        else r.choice(["*", "t.city, l.name"])
    )
    tail = (
        "GROUP BY l.name"
        if head.startswith("l.name, C")
        else ""
        if head.startswith("COUNT")
        else r.choice(["", "ORDER BY l.tax, t.city DESC"])
    )
    return call(r, f"SELECT {head} FROM {first} LEFT JOIN {second} ON {on} {more}{where}{tail}")


def windows(r: Random) -> str:
    """Return a query with OVER."""

    def one() -> str:
        function = r.choice(
            [
                "ROW_NUMBER()",
                "RANK()",
                "DENSE_RANK()",
                "SUM(pop)",
                "COUNT(*)",
                "COUNT(DISTINCT rank)",
                "MAX(pop)",
                "AVG(pop)",
                "MIN(city)",
            ]
        )
        partition = r.choice(["", "PARTITION BY land", "PARTITION BY rank > 2", "PARTITION BY land, rank"])
        order = r.choice(
            [
                "",
                "ORDER BY rank",
                "ORDER BY rank DESC, city",
                "ORDER BY pop",
                "order by city desc",
                "ORDER BY rank % 2",
            ]
        )
        return f"{function} OVER ({partition}{' ' if partition and order else ''}{order})"

    odd = r.random()
    if odd < 0.1:
        return call(
            r,
            r.choice(
                [
                    f"SELECT city FROM towns WHERE {one()} > 1",
                    f"SELECT land, {one()} FROM towns GROUP BY land",
                    "SELECT UPPER(city) OVER () FROM towns",
                    "SELECT RANK(pop) OVER (ORDER BY pop) FROM towns",
                    "SELECT ROW_NUMBER(*) OVER (ORDER BY pop) FROM towns",
                    f"SELECT COUNT(*), {one()} FROM towns",
                    "SELECT RANK() FROM towns",
                    f"SELECT city FROM towns ORDER BY {one()}, city",
                ]
            ),
        )
    tail = r.choice(
        [
            "ORDER BY city, rank, w",
            "ORDER BY w DESC, city",
            "ORDER BY w, rank LIMIT 4",
            "WHERE rank > 1",
            f"ORDER BY {one()}, w",
            "LIMIT 3",
        ]
    )
    distinct = "DISTINCT " if r.random() < 0.15 else ""
    return call(
        r,
        f"SELECT {distinct}city, {one()}{r.choice([' * 10', ' + rank', '', ''])} AS w{r.choice(['', ', ' + one()])} FROM towns {tail}",
    )


def odd_calls() -> list[str]:
    """Return calls with each odd query."""
    r = Random("odd")
    return [call(r, query) for query in ODD]


def common(r: Random) -> str:
    """Return a call about what was there before."""
    roll = r.random()
    if roll < 0.25:
        return call(r, r.choice(ODD))
    if roll < 0.45:
        order = r.choice(
            [
                "",
                "ORDER BY n, land",
                "ORDER BY SUM(pop) DESC, n DESC",
                "ORDER BY MIN(city)",
                "ORDER BY land DESC",
            ]
        )
        cut = r.choice(["", "LIMIT 2", "LIMIT 2 OFFSET 1", "LIMIT 9 OFFSET 2"])
        head = r.choice(
            [
                "land, COUNT(*) AS n",
                "land, COUNT(pop) AS n, AVG(rank), MIN(pop)",
                "land, MAX(city) AS n, COUNT(DISTINCT rank)",
                "land, SUM(pop + rank) AS n, city",
            ]
        )
        return call(
            r,
            f"SELECT {head} FROM towns {r.choice(['', 'WHERE rank > 1 ', 'WHERE pop IS NOT NULL '])}GROUP BY land{r.choice(['', ', rank'])} {order} {cut}",
        )
    if roll < 0.6:
        head = r.choice(["*", "t.city, l.tax", "COUNT(*)", "l.name, t.rank"])
        on = r.choice(["t.land = l.name", "l.tax != rank", "land = name AND tax >= 3", "true"])
        tail = r.choice(["", "WHERE tax IS NULL", "WHERE t.rank <= 2"])
        return call(
            r,
            f"SELECT {head} FROM towns t JOIN lands l ON {on} {r.choice(['', 'JOIN lands m ON m.tax = l.tax '])}{tail}",
        )
    distinct = r.choice(["", "DISTINCT "])
    head = r.choice(
        [
            "city, pop",
            "rank, land",
            "*",
            "UPPER(city) || rank AS c",
            "SUBSTR(city, rank - 1, 2)",
            "COALESCE(land, city), ABS(rank)",
            "LEAST(rank, 2), GREATEST(pop, rank, 3)",
            "LENGTH(city) AS c, LOWER(land)",
            "pop IS NULL, rank NOT IN (1, 2)",
            "NOT rank > 2 AS c, true",
        ]
    )
    order = r.choice(
        [
            "",
            "ORDER BY city, rank",
            "ORDER BY pop DESC, city",
            "ORDER BY rank ASC, city DESC",
            "ORDER BY land, pop, city",
        ]
    )
    return call(
        r,
        f"SELECT {distinct}{head} FROM towns WHERE {condition(r, None)} {order} {r.choice(['', 'LIMIT 3', 'LIMIT 2 OFFSET 1'])}",
    )


def features(make: Any) -> list[Any]:
    """Return the features."""
    return [
        make(2, "divide", 3, (
            "Results with numbers below 0 are off: `SELECT AVG(pop) FROM t` over -3 and -4 gives -4, and it should be -3. "
            "A quotient is rounded toward 0, as the docstrings say, and what a division leaves over has the sign of the number that is "
            "divided: -7 % 3 and -7 % -3 are -1, 7 % -3 is 1. Dividing by 0 stays null."
        ), (), divisions),
        make(4, "having", 3, (
            "Add HAVING. It stands between GROUP BY and ORDER BY and keeps the groups for which its condition is true (null does not "
            "count as true). The condition may use functions over rows and everything that the columns of a grouped query may use. A name "
            "that is a heading of the result means the column of that heading, also inside of larger expressions (`n + 1 > 3`, `NOT s > 3`, "
            "`n IN (1, 2)`), as in ORDER BY, but not inside the argument of a function over rows, where it is a column of the table. "
            "A query with HAVING is a query with groups, even without GROUP BY and functions over rows: then all rows are one group. A condition that is no condition gives the "
            "usual error (`error: number is no condition`). HAVING becomes a word of the language."
        ), (), groups),
        make(5, "between", 2, (
            "Add two conditions. (1) `x BETWEEN a AND b` and `x NOT BETWEEN a AND b`: like `x >= a AND x <= b` and its NOT, with the same "
            "treatment of null (so `5 BETWEEN 7 AND null` is false, not null) and the same errors for kinds that cannot be compared; "
            "each part is a sum, so that the AND belongs to BETWEEN. (2) `x LIKE p` and `x NOT LIKE p` for texts: `%` stands for any run of "
            "characters, also an empty one, `_` for exactly one; all else for itself, letters in either case; the whole text must fit. Null on a side gives "
            "null; other kinds give `error: number LIKE text cannot be compared` with the kinds found. As a heading they are shown as "
            "`pop BETWEEN 1 AND 2`, `pop NOT BETWEEN 1 AND 2`, `city LIKE 'U%'` and, for NOT LIKE, `NOT city LIKE 'U%'`. BETWEEN and LIKE become words of the language."
        ), ("app.run({'t': [{'n': 2}]}, 'SELECT n FROM t WHERE SUM(n) OVER () > 1')",), ranges),
        make(7, "leftjoin", 3, (
            "Add LEFT JOIN: `FROM a LEFT JOIN b ON condition`, also several and mixed with JOIN, from left to right. A row of what stands on the left "
            "for which no row of the table on the right makes the condition true is kept once, at its place, with null in all columns of that table. The columns "
            "of a table are those that any of its rows has; where the table has no rows, there are none. `*` and ON "
            "conditions of later joins see these nulls as ordinary values. WHERE works on the joined rows. LEFT becomes a word of the language; LEFT without JOIN "
            "gives `error: expected JOIN, found …` as the parser says it elsewhere."
        ), (), left_joins),
        make(10, "window", 4, (
            "Add window functions: `SUM(pop) OVER (PARTITION BY land ORDER BY rank DESC, city)`; both parts in the parentheses may be missing. "
            "(1) Functions are the ones over rows (COUNT, SUM, MIN, MAX, AVG, with `*` and DISTINCT as elsewhere) and three new ones "
            "without arguments: ROW_NUMBER numbers the rows of a partition in the order from 1; RANK gives rows with equal order values the number "
            "of the first of them and leaves a gap behind them; DENSE_RANK leaves none. Others give `error: UPPER has no OVER`; RANK and its like with an argument or `*` give `error: RANK takes 0 arguments`. "
            "(2) They are computed over the rows that WHERE left, before DISTINCT, ORDER BY and LIMIT. Rows keep the order of the table among "
            "equals. Null is a value of its own for PARTITION BY, and is ordered as in ORDER BY. (3) A function over rows with an ORDER BY in its parentheses "
            "runs from the first row of the partition to the row itself and all rows with the same order values; without one over the whole partition. "
            "(4) They may stand anywhere in the columns and in ORDER BY, inside of larger expressions too. Elsewhere (WHERE, ON, GROUP BY) they give `error: SUM OVER stands outside the "
            "columns and the order`. A query with groups, that is one with GROUP BY or with a function over rows outside of OVER, gives `error: a query with groups has no OVER`. "
            "(5) As a heading: `SUM(pop) OVER (PARTITION BY land ORDER BY rank DESC, city)`, ASC left out, or `COUNT(*) OVER ()`. OVER and PARTITION become words of the language."
        ), ("app.run({'t': [{'n': 2}, {'n': 5}]}, 'SELECT 7 FROM t ORDER BY COUNT(*)')",), windows),
    ]  # fmt: skip
