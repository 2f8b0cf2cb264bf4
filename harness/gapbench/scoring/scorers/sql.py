"""The scorer ``sql``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, ClassVar

from gapbench.sandbox import Sandbox, SandboxJob, SandboxLimits
from gapbench.scoring.answer_extraction import fenced_blocks, reply_tail
from gapbench.scoring.sandboxed import find_checked_sandbox, run_and_score
from gapbench.scoring.scorers.none import EMPTY_REPLY, make_unscored
from gapbench.values import Sample, Score

SQL_LANGUAGES = {"sql", "sqlite", "sqlite3", ""}
STATEMENT = re.compile(r"\s*(?:--[^\n]*\n\s*)*(?:select|with|values)\b", re.IGNORECASE)
LINE_STARTS_QUERY = re.compile(r"^(?:select|with)\b", re.IGNORECASE | re.MULTILINE)

PROGRAM = """
from gapbench.sandbox.guest.sql import query_rows
def candidate(setup):
    return query_rows(setup, {query!r})
"""
TESTS = """
import sqlite3
from gapbench.sandbox.guest.sql import query_rows, results_equal
DATABASES = {databases!r}
def agrees(candidate, setup):
    return results_equal(candidate(setup), query_rows(setup, {wanted!r}), ordered={ordered!r})
def check(candidate):
{asserts}
"""


@dataclass(frozen=True)
class Sql:
    """Accepts a query whose result on every database equals that of the target, a query too.

    Rows are compared as a multiset, and in order where the target's outermost query has an ORDER BY.
    The query runs on SQLite in the sandbox. A sample may bring several databases, so that a query that is
    right by chance on one fails on another.

    Attributes:
        timeout_s: Wall-clock seconds for all databases.
        memory_bytes: Address space of each process.
        setup: Column with the SQL that makes a database, or a list of such texts.
        ordered: Column that says whether order counts. A sample without it: as the target's ORDER BY says.
        partial: The value is the share of databases that agree; otherwise all or nothing.
        sandbox: As for the scorer ``code``.
    """

    timeout_s: float = 10.0
    memory_bytes: int = 512 * 2**20
    setup: str = "setup"
    ordered: str = "ordered"
    partial: bool = False
    sandbox: str = ""
    is_slow: ClassVar[bool] = True
    box: Sandbox = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the limits and find a sandbox, before anything is paid for."""
        box = find_checked_sandbox("sql", self.timeout_s, self.memory_bytes, self.sandbox)
        object.__setattr__(self, "box", box)

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return why a sample cannot be scored: it has no database, or no target query."""
        if not self._databases(sample):
            return f"the sample has no database in column {self.setup!r}"
        if isinstance(sample.target, str) and sample.target.strip():
            return None
        return "the sample has no target" if sample.target is None else "the target is no query"

    def _databases(self, sample: Sample) -> list[str]:
        setup = sample.columns.get(self.setup)
        given = setup if isinstance(setup, list) else [setup]
        return [text for text in given if isinstance(text, str) and text.strip()]

    def __call__(self, reply: str, sample: Sample) -> Score:
        """Return 1, 0 or, with ``partial``, the share of databases; the answer is the query."""
        fault = self.unscorable_reason(sample)
        if fault:
            return make_unscored(fault)
        databases = self._databases(sample)
        if not reply.strip():
            return EMPTY_REPLY
        query, is_fenced = extract_query(reply_tail(reply))
        if query is None:
            return Score(0.0, "unparsed", reason="holds no query")
        told: Any = sample.columns.get(self.ordered)
        ordered = told if isinstance(told, bool) else has_order_by(str(sample.target))
        asserts = "\n".join(f"    assert agrees(candidate, DATABASES[{at}])" for at in range(len(databases)))
        tests = TESTS.format(databases=databases, wanted=sample.target, ordered=ordered, asserts=asserts)
        job = SandboxJob((PROGRAM.format(query=query),), tests, "candidate", partial=True)
        limits = SandboxLimits(self.timeout_s, cpu_s=int(self.timeout_s) + 1, memory_bytes=self.memory_bytes)
        return run_and_score(
            self.box,
            job,
            limits,
            query,
            test_noun="databases",
            is_fenced=is_fenced,
            partial_credit=self.partial,
        )


def extract_query(reply: str) -> tuple[str | None, bool]:
    """Return the query in ``reply`` and whether it stood in a fence; None: there is none."""
    blocks = [text for language, text in fenced_blocks(reply) if language in SQL_LANGUAGES and text.strip()]
    for text in reversed(blocks):
        if STATEMENT.match(text):
            return text.strip(), True
    if blocks:
        return blocks[-1].strip(), True
    start = LINE_STARTS_QUERY.search(reply)
    return (reply[start.start() :].strip(), False) if start else (None, False)


def has_order_by(query: str) -> bool:
    """Say whether the outermost query has an ORDER BY, outside of parentheses, text and comments."""
    plain = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", " ", query, flags=re.DOTALL)
    while True:
        fewer = re.sub(r"\([^()]*\)", " ", plain)
        if fewer == plain:
            break
        plain = fewer
    return bool(re.search(r"\border\s+by\b", plain, re.IGNORECASE))
