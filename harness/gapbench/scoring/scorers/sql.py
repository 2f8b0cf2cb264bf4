"""The scorer ``sql``: a query with the same result as the target query."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any, ClassVar

from gapbench.sandbox import SandboxJob
from gapbench.scoring.answer_extraction import reply_tail
from gapbench.scoring.code_blocks import code_blocks
from gapbench.scoring.sandboxed import FoundProgram, SandboxedScorer
from gapbench.values import Sample, Score

OTHER_LANGUAGES = frozenset(
    [
        "bash",
        "sh",
        "shell",
        "console",
        "text",
        "txt",
        "plaintext",
        "output",
        "json",
        "csv",
        "markdown",
        "md",
        "python",
        "py",
        "diff",
        "html",
        "xml",
        "yaml",
        "java",
    ]
)
"""Languages of blocks that are not SQL; any name of a database's SQL is accepted."""
COMMENTS = r"\s*(?:--[^\n]*(?:\n|$)\s*|/\*(?:(?!\*/).)*\*/\s*)*"
STATEMENT = re.compile(rf"{COMMENTS}\(*\s*(?:select|with|values)\b", re.IGNORECASE | re.DOTALL)
LINE_STARTS_QUERY = re.compile(
    r"^[ \t>*-]*(?:sql\s*[:>]\s*|sqlite>\s*)?(?=(?:select|with)\b)", re.IGNORECASE | re.MULTILINE
)
INLINE_QUERY = re.compile(r"`{1,2}((?:select|with)\b[^`]+)`{1,2}", re.IGNORECASE)
END_OF_QUERY = re.compile(r";[ \t]*(?:--[^\n]*)?(?:\n|$)|\n[ \t]*\n(?=[A-Z][a-z]+[ ,])")
LOOKS_LIKE_PROSE = re.compile(
    r"(?:select|with)\s+(?:all\s+)?(?:the|a|an|this|these|that|your|each|one)\s", re.IGNORECASE
)

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
class Sql(SandboxedScorer):
    """Accepts a query whose result on every database equals that of the target query.

    Rows are compared as a multiset, and in order if the target's outermost query has an ORDER BY.
    The query runs on SQLite in the sandbox. A sample may have several databases, so that a query that is
    right by chance on one fails on another.

    Attributes:
        setup: Column with the SQL that creates a database, or a list of such texts.
        ordered: Column with whether the order of rows counts. Samples without it: the target's ORDER BY decides.
    """

    name: ClassVar[str] = "sql"
    description: ClassVar[str] = "a query whose result on SQLite equals that of the target query"
    test_noun: ClassVar[str] = "databases"

    setup: str = "setup"
    ordered: str = "ordered"

    def unscorable_reason(self, sample: Sample) -> str | None:
        """Return that the sample has no database or no target query, or None."""
        if not self._databases(sample):
            return f"the sample has no database in column {self.setup!r}"
        if isinstance(sample.target, str) and sample.target.strip():
            return None
        return "the sample has no target" if sample.target is None else "the target is not a query"

    def _databases(self, sample: Sample) -> list[str]:
        setup = sample.columns.get(self.setup)
        given = setup if isinstance(setup, list) else [setup]
        return [text for text in given if isinstance(text, str) and text.strip()]

    def find_program(self, reply: str, sample: Sample) -> FoundProgram | Score:
        """Return a program that runs the query on each database, or the score of a reply without a query."""
        databases = self._databases(sample)
        query, is_fenced = extract_query(reply_tail(reply))
        if query is None:
            return Score(0.0, "unparsed", reason="contains no query")
        given: Any = sample.columns.get(self.ordered)
        ordered = given if isinstance(given, bool) else has_order_by(str(sample.target))
        asserts = "\n".join(f"    assert agrees(candidate, DATABASES[{at}])" for at in range(len(databases)))
        tests = TESTS.format(databases=databases, wanted=sample.target, ordered=ordered, asserts=asserts)
        job = SandboxJob((PROGRAM.format(query=query),), tests, "candidate", partial=True)
        return FoundProgram(job, query, is_fenced)


def extract_query(reply: str) -> tuple[str | None, bool]:
    """Return the query in ``reply``, or None, and whether it was in a block of code.

    It is the last block that begins with a query, else the last block of SQL, else the query between backticks, else
    the last one that begins a line, up to its semicolon or the prose that follows.
    """
    blocks = [
        block.text
        for block in code_blocks(reply)
        if block.language not in OTHER_LANGUAGES and block.text.strip()
    ]
    for text in reversed(blocks):
        if STATEMENT.match(text):
            return text.strip(), True
    if blocks:
        return blocks[-1].strip(), True
    inline = INLINE_QUERY.findall(reply)
    if inline:
        return inline[-1].strip(), True
    ends = [end.end() for end in END_OF_QUERY.finditer(reply)]
    query, until = None, 0
    for match in LINE_STARTS_QUERY.finditer(reply):
        at = match.end()
        is_prose = not reply[at : at + 4].isupper() and LOOKS_LIKE_PROSE.match(reply, at)
        if at < until or is_prose:
            continue  # a line within a query, or prose
        following = bisect_right(ends, at)
        until = ends[following] if following < len(ends) else len(reply)
        query = reply[at:until].strip()
    return query, False


def has_order_by(query: str) -> bool:
    """Return whether the outermost query has an ORDER BY, outside of parentheses, strings and comments."""
    plain = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", " ", query, flags=re.DOTALL)
    while True:
        fewer = re.sub(r"\([^()]*\)", " ", plain)
        if fewer == plain:
            break
        plain = fewer
    return bool(re.search(r"\border\s+by\b", plain, re.IGNORECASE))
