"""The scorer ``sql``: results compared on every database, in order only when asked."""

from __future__ import annotations

import pytest

from gapbench.scoring import make_scorer
from gapbench.scoring.scorers.sql import extract_query, has_order_by
from gapbench.values import Sample, Score

SETUP = "CREATE TABLE t (name TEXT, n INTEGER, x REAL);"
DATABASES = [
    SETUP + "INSERT INTO t VALUES ('a', 1, 0.1), ('b', 2, 0.2), ('b', 2, 0.2), (NULL, 3, NULL);",
    SETUP + "INSERT INTO t VALUES ('c', -1, 1e9);",
    SETUP,
]


def score(reply: str, target: str = "SELECT name, n FROM t", **columns: object) -> Score:
    return make_scorer("sql", {})(
        reply, Sample("s", (), target=target, columns={"setup": DATABASES, **columns})
    )


@pytest.mark.parametrize(
    ("reply", "target", "outcome"),
    [
        ("```sql\nSELECT name, n FROM t\n```", "SELECT name, n FROM t", "correct"),
        ("SELECT name, n FROM t;", "SELECT name, n FROM t", "correct"),
        ("Sure:\n\nselect name, n from t -- all", "SELECT name, n FROM t", "correct"),
        ("```\nWITH a AS (SELECT * FROM t) SELECT name, n FROM a\n```", "SELECT name, n FROM t", "correct"),
        ("SELECT name AS who, n AS many FROM t ORDER BY n DESC", "SELECT name, n FROM t", "correct"),
        ("SELECT name, n FROM t ORDER BY n", "SELECT name, n FROM t ORDER BY n DESC", "wrong"),
        ("SELECT n, name FROM t", "SELECT name, n FROM t", "wrong"),
        ("SELECT DISTINCT name, n FROM t", "SELECT name, n FROM t", "wrong"),
        ("SELECT name, n FROM t WHERE name IS NOT NULL", "SELECT name, n FROM t", "wrong"),
        ("SELECT sum(x) FROM t", "SELECT sum(x * 3) / 3 FROM t", "correct"),
        ("SELECT sum(n) FROM t", "SELECT sum(n) + 1 FROM t", "wrong"),
        ("SELECT 1", "SELECT '1'", "wrong"),
        ("SELECT nothing FROM t", "SELECT name FROM t", "wrong"),
        ("```sql\nDROP TABLE t\n```", "SELECT name FROM t", "wrong"),
        ("```sql\nCREATE TEMP TABLE u AS SELECT * FROM t; SELECT name, n FROM u;\n```", "SELECT name, n FROM t", "correct"),
        ("I do not know the tables.", "SELECT name FROM t", "unparsed"),
        ("", "SELECT name FROM t", "unparsed"),
    ],
)  # fmt: skip
def test_results_decide(reply: str, target: str, outcome: str) -> None:
    """Words and column names do not count; rows, their number and their columns do."""
    assert score(reply, target).outcome == outcome


def test_order_can_be_said_by_a_column() -> None:
    """A column overrules what the target's ORDER BY says."""
    target = "SELECT n FROM t ORDER BY n"
    assert score("SELECT n FROM t ORDER BY n DESC", target).outcome == "wrong"
    assert score("SELECT n FROM t ORDER BY n DESC", target, ordered=False).outcome == "correct"


def test_partial_credit_is_a_share_of_databases() -> None:
    """A query that is right on the empty database and on the one row alone gets 2 of 3."""
    found = score("SELECT DISTINCT name, n FROM t")
    assert (found.value, found.partial) == (0.0, 2 / 3)


def test_an_endless_query_is_ended() -> None:
    """A query that never ends is wrong after the limit, and harms nobody."""
    endless = "WITH RECURSIVE a(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM a) SELECT count(*) FROM a"
    sample = Sample("s", (), target="SELECT 1", columns={"setup": SETUP})
    assert make_scorer("sql", {"timeout_s": 1})(endless, sample).outcome == "wrong"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT load_extension('/tmp/evil.so')",
        "ATTACH DATABASE '/etc/passwd' AS p; SELECT * FROM p.sqlite_master",
        "SELECT hex(readfile('/etc/passwd'))",
        "SELECT hex(randomblob(1000000000))",
        "PRAGMA writable_schema = 1; SELECT 1",
        "CREATE TABLE same (a); SELECT name, n FROM t; SELECT 1",
    ],
)
def test_hostile_queries_score_0(query: str) -> None:
    """Extensions, other files and huge values are refused by SQLite or by the walls."""
    assert score(f"```sql\n{query}\n```").value == 0.0


@pytest.mark.parametrize(
    ("query", "asks"),
    [
        ("SELECT a FROM t ORDER BY a", True),
        ("SELECT a FROM (SELECT a FROM t ORDER BY a LIMIT 3)", False),
        ("SELECT rank() OVER (ORDER BY a) FROM t", False),
        ("SELECT 'order by' FROM t -- order by a", False),
        ("WITH x AS (SELECT 1 ORDER BY 1) SELECT * FROM x\norder   by 1", True),
    ],
)
def test_order_is_asked_by_the_outermost_query(query: str, asks: bool) -> None:
    """Windows, sub-queries, text and comments do not ask for an order."""
    assert has_order_by(query) is asks


def test_the_last_query_in_a_fence_is_meant() -> None:
    """Of several blocks the last with a query is taken."""
    assert extract_query("```sql\nSELECT 1\n```\nor better\n```sql\nSELECT 2\n```\n```\nresult: 2\n```") == (
        "SELECT 2",
        True,
    )


def test_what_is_missing_blames_no_model() -> None:
    """A sample without databases or target is not scored."""
    assert make_scorer("sql", {})("SELECT 1", Sample("s", (), target="SELECT 1")).outcome == "unscored"
    assert make_scorer("sql", {})("SELECT 1", Sample("s", (), columns={"setup": SETUP})).outcome == "unscored"
