"""The attempts of runs counted: one row for each combination of labels, with sums over its attempts.

There are as few rows as there are cells times outcomes, however many attempts there are. What needs counts, shares, means of
whole numbers or the settings of requests takes them from here, and never reads the attempts themselves.

Columns besides :data:`gapbench.store.part_facts.LABELS`:

==================== ======================================================================================
``turns``            whether the attempts are turns of episodes
``load``             last part of the cell's name
``timed`` ``retried``  as in :mod:`gapbench.analysis.frames`
``n``                attempts
``first``            number that orders the rows by their first attempt, as written
``with_images``      attempts with images; ``images`` and ``image_bytes`` are the sums over these
``reasoning_known``  attempts that report reasoning tokens; ``reasoning_tokens`` is their sum
``unpriced``         attempts whose token counts are missing or impossible, so that their cost is not known
``impossible``       those of them that are impossible
``partly_cached``    answered episodes whose last reply the model gave itself, and our own cache another one
``queued``           first attempts that were sent; ``late`` of them more than :data:`LATE_S` after they were due
``high_repeat``      largest number of a repetition
``rungs``            attempts on a rung of a ladder
``done_s``           latest end of an attempt, in seconds of its cell
``low_score`` ``high_score``  smallest and largest score
==================== ======================================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gapbench.errors import ResultsError
from gapbench.stats import Ints
from gapbench.store.attempt_relation import AttemptRelation
from gapbench.store.part_facts import LABELS

_COUNTED = (
    "turn", "repeat", "image_count", "image_bytes", "reasoning_tokens", "rung", "done_s", "score",
    "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens", "outcome",
    "from_cache", "attempt", "queue_s",
)  # fmt: skip
LATE_S = 0.010
"""Lateness below this is always accepted, however fast the server: one timer tick of the event loop takes as long."""
# A comparison with null is null, which counts as no: few rows need a value in place of an unknown one.
POSSIBLE = """coalesce(NOT (
  cached_input_tokens < 0 OR cache_write_tokens < 0 OR cache_write_1h_tokens < 0 OR output_tokens < 0 OR input_tokens < 0
  OR cache_write_1h_tokens > coalesce(cache_write_tokens, 0)
  OR coalesce(cached_input_tokens, 0) + coalesce(cache_write_tokens, 0) > input_tokens
), true)"""
"""Whether the token counts of an attempt can be true; see :func:`gapbench.analysis.cost.attempt_costs.has_possible_counts`."""
PRICED = f"""(coalesce(from_cache, false) OR {POSSIBLE}
  AND (outcome = 'infra' OR input_tokens IS NOT NULL AND output_tokens IS NOT NULL))"""
"""Whether the cost of an attempt by its tokens is known, or it is not billed."""
_PARTLY_CACHED = (
    "count_if(final AND has_cached_reply AND NOT coalesce(from_cache, false) AND outcome <> 'infra')"
)
_BY_PART = """
SELECT *, hash(part, {names}turns) AS code,
  min(first) OVER (PARTITION BY turns, {labels}) AS place
FROM (
  SELECT ord >> 32 AS part, {varying}turn IS NOT NULL AS turns,
    count(*) AS n, min(ord) AS first,
    count_if(image_count > 0) AS with_images, CAST(sum(image_count) AS BIGINT) AS images,
    CAST(coalesce(sum(image_bytes) FILTER (image_count > 0), 0) AS BIGINT) AS image_bytes,
    count(reasoning_tokens) AS reasoning_known, CAST(coalesce(sum(reasoning_tokens), 0) AS BIGINT) AS reasoning_tokens,
    count_if(NOT priced) AS unpriced, count_if(NOT priced AND NOT possible) AS impossible,
    {partly_cached} AS partly_cached,
    count_if(attempt = 1 AND queue_s IS NOT NULL) AS queued, count_if(attempt = 1 AND queue_s > {late_s}) AS late,
    count(rung) AS rungs, max(repeat) AS high_repeat, max(done_s) AS done_s, min(score) AS low_score, max(score) AS high_score
  FROM (SELECT *, {possible} AS possible, {priced} AS priced FROM attempts) AS attempts GROUP BY ALL
) LEFT JOIN labels USING (part)
"""
"""Attempts counted in each part by the labels that vary within parts, with all labels. ``place`` is the same in all rows of one
combination of labels."""
_TOTALS = """
SELECT {labels}, any_value(turns) AS turns, CAST(sum(n) AS BIGINT) AS n, place AS first,
  {sums}, max(high_repeat) AS high_repeat, max(done_s) AS done_s, min(low_score) AS low_score, max(high_score) AS high_score
FROM by_part GROUP BY place ORDER BY place
"""
_SUMS = (
    "with_images", "images", "image_bytes", "reasoning_known", "reasoning_tokens", "unpriced", "impossible", "partly_cached", "queued", "late",
    "rungs",
)  # fmt: skip
_OUTSIDE = """
SELECT run_id, sample_id, task, score FROM attempts WHERE score < 0 OR score > 1 ORDER BY ord LIMIT 1
"""


@dataclass(frozen=True)
class Tally:
    """Attempts counted.

    Attributes:
        rows: The table; see the module's docstring. Its index counts from 0.
        codes: For each part and each combination of labels in it, the value of ``code_of``.
        numbers: The row of each of these.
        varying: The labels that vary within a part; in all other labels the attempts of a part agree.
    """

    rows: pd.DataFrame
    codes: np.ndarray[tuple[int], np.dtype[np.uint64]]
    numbers: Ints
    varying: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the attempt row that :meth:`code_of` reads."""
        return (*self.varying, "turn")

    def code_of(self, attempt: str) -> str:
        """Return SQL for the code of an attempt, which leads to its row.

        Args:
            attempt: Name of the table of attempts.
        """
        labels = "".join(f"{_text(name, attempt)}, " for name in self.varying)
        return f"hash({attempt}.ord >> 32, {labels}{attempt}.turn IS NOT NULL)"

    def sorted_by(self, order: Ints) -> Tally:
        """Return the table with its rows in another order."""
        numbers: Ints = np.argsort(order)[self.numbers]
        return replace(self, rows=self.rows.iloc[order].reset_index(drop=True), numbers=numbers)


def count_attempts(attempts: AttemptRelation) -> Tally:
    """Return the attempts counted.

    What all rows of a part share is in its footer, and is read from there: hashing two dozen labels of each row takes longer
    than all the rest.

    Raises:
        ResultsError: A part cannot be read, or a score is not within 0 to 1.
    """
    labels, varying = attempts.labels_of_parts(LABELS)
    # It needs the figures of whole episodes, which take longer than the rest, and few runs have any.
    may_be_cached = attempts.has_episodes and (
        "from_cache" in varying or any(labels["from_cache"].to_pylist())
    )
    by_part = attempts.table(
        _BY_PART.format(
            varying="".join(f"{_text(name, 'attempts')} AS {name}, " for name in varying),
            names="".join(f"{name}, " for name in varying),
            late_s=LATE_S,
            possible=POSSIBLE,
            priced=PRICED,
            partly_cached=_PARTLY_CACHED if may_be_cached else "CAST(0 AS BIGINT)",
            labels=", ".join(LABELS),
        ),
        {*varying, *_COUNTED, *(["final", "has_cached_reply"] if may_be_cached else [])},
        tables={"labels": labels},
    )
    rows: pd.DataFrame = attempts.table(
        _TOTALS.format(
            labels=", ".join(f"any_value({name}) AS {name}" for name in LABELS),
            sums=", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in _SUMS),
        ),
        (),
        tables={"by_part": by_part},
    ).to_pandas()
    if (rows["low_score"] < 0).any() or (rows["high_score"] > 1).any():
        row = attempts.table(_OUTSIDE, ["run_id", "sample_id", "task", "score"]).to_pylist()[0]
        raise score_outside(row["run_id"], f"sample {row['sample_id']} of {row['task']}", row["score"])
    within = ~rows["final"] & rows["turns"] & (rows["outcome"] != "infra")
    rows = rows.assign(
        load=rows["cell_id"].str.rsplit("|", n=1).str[-1],
        timed=(rows["phase"] == "measure") & (rows["final"] | within),
        retried=~rows["final"] & ~within,
    )
    codes = by_part["code"].to_numpy()
    if len(pd.unique(codes)) < len(codes):
        raise ResultsError("two groups of labels have one code of 64 bits; read fewer runs at once")
    numbers = pd.Index(rows["first"]).get_indexer(by_part["place"].to_numpy()).astype(np.int32)
    return Tally(rows, codes, numbers, tuple(varying))


def _text(name: str, attempt: str) -> str:
    return f"array_to_string({attempt}.{name}, chr(10))" if name == "params_changes" else f"{attempt}.{name}"


def score_outside(run_id: str, where: str, score: float) -> ResultsError:
    """Return the error for a score that is not within 0 to 1."""
    return ResultsError(
        f"{run_id}: {where} has the score {score:g}; scores are 0 to 1; correct its scorer and run `bench score`"
    )
