"""The attempts of runs counted: one row for each combination of labels, with sums over its attempts.

There are as few rows as there are cells times outcomes, however many attempts there are. What needs counts, shares, means of
whole numbers or the settings of requests takes them from here, and never reads the attempts themselves.

Columns besides :data:`LABELS`:

==================== ======================================================================================
``turns``            whether the attempts are turns of episodes
``load``             last part of the cell's name
``timed`` ``retried``  as in :mod:`gapbench.analysis.frames`
``n``                attempts
``first``            number that orders the rows by their first attempt, as written
``prompts``          sum of the 64-bit hashes of the prompts, as text
``with_images``      attempts with images; ``images`` and ``image_bytes`` are the sums over these
``reasoning_known``  attempts that report reasoning tokens; ``reasoning_tokens`` is their sum
``unpriced``         attempts whose token counts are missing or impossible, so that their cost is not known
``impossible``       those of them that are impossible
``high_repeat``      largest number of a repetition
``rungs``            attempts on a rung of a ladder
``done_s``           latest end of an attempt, in seconds of its cell
``low_score`` ``high_score``  smallest and largest score
==================== ======================================================================================
"""

from __future__ import annotations

import pandas as pd

from gapbench.errors import ResultsError
from gapbench.store.attempt_relation import AttemptRelation

LABELS = (
    "run_id", "cell_id", "task", "task_sha256", "category", "model_id", "runner", "model_asked", "model_served",
    "service_tier", "started_at", "simulated", "phase", "final", "outcome", "scorer", "load_kind", "from_cache",
    "transport", "reasoning_disclosure", "image_detail", "params_asked", "params_sent",
)  # fmt: skip
"""Columns of the attempt row by which attempts are counted."""
_COUNTED = (
    "turn", "repeat", "params_changes", "prompt_sha256", "image_count", "image_bytes", "reasoning_tokens", "rung", "done_s", "score",
    "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens",
)  # fmt: skip
POSSIBLE = """(
  coalesce(cached_input_tokens, 0) >= 0 AND coalesce(cache_write_tokens, 0) >= 0
  AND coalesce(cache_write_1h_tokens, 0) >= 0 AND coalesce(output_tokens, 0) >= 0
  AND coalesce(cache_write_1h_tokens, 0) <= coalesce(cache_write_tokens, 0)
  AND (input_tokens IS NULL OR (input_tokens >= 0
    AND coalesce(cached_input_tokens, 0) + coalesce(cache_write_tokens, 0) <= input_tokens))
)"""
"""Whether the token counts of an attempt can be true; see :func:`gapbench.analysis.cost.attempt_costs.has_possible_counts`."""
PRICED = f"""(coalesce(from_cache, false) OR {POSSIBLE}
  AND (outcome = 'infra' OR input_tokens IS NOT NULL AND output_tokens IS NOT NULL))"""
"""Whether the cost of an attempt by its tokens is known, or it is not billed."""
_SELECT = f"""
SELECT {", ".join(LABELS)}, turn IS NOT NULL AS turns, array_to_string(params_changes, chr(10)) AS params_changes,
  count(*) AS n, min(ord) AS first, CAST(sum(hash(prompt_sha256)) AS VARCHAR) AS prompts,
  count_if(image_count > 0) AS with_images, CAST(sum(image_count) AS BIGINT) AS images,
  CAST(coalesce(sum(image_bytes) FILTER (image_count > 0), 0) AS BIGINT) AS image_bytes,
  count(reasoning_tokens) AS reasoning_known, CAST(coalesce(sum(reasoning_tokens), 0) AS BIGINT) AS reasoning_tokens,
  count_if(NOT priced) AS unpriced, count_if(NOT priced AND NOT possible) AS impossible,
  count(rung) AS rungs, max(repeat) AS high_repeat, max(done_s) AS done_s, min(score) AS low_score, max(score) AS high_score
FROM (
  SELECT *, {POSSIBLE} AS possible, {PRICED} AS priced FROM attempts
) GROUP BY ALL ORDER BY first
"""
_OUTSIDE = """
SELECT run_id, sample_id, task, score FROM attempts WHERE score < 0 OR score > 1 ORDER BY ord LIMIT 1
"""


def count_attempts(attempts: AttemptRelation) -> pd.DataFrame:
    """Return the table; see the module's docstring.

    Raises:
        ResultsError: A part cannot be read, or a score is not within 0 to 1.
    """
    found: pd.DataFrame = attempts.table(_SELECT, [*LABELS, *_COUNTED]).to_pandas()
    if (found["low_score"] < 0).any() or (found["high_score"] > 1).any():
        row = attempts.table(_OUTSIDE, ["run_id", "sample_id", "task", "score"]).to_pylist()[0]
        raise score_outside(row["run_id"], f"sample {row['sample_id']} of {row['task']}", row["score"])
    within = ~found["final"] & found["turns"] & (found["outcome"] != "infra")
    return found.assign(
        load=found["cell_id"].str.rsplit("|", n=1).str[-1],
        timed=(found["phase"] == "measure") & (found["final"] | within),
        retried=~found["final"] & ~within,
    )


def score_outside(run_id: str, where: str, score: float) -> ResultsError:
    """Return the error for a score that is not within 0 to 1."""
    return ResultsError(
        f"{run_id}: {where} has the score {score:g}; scores are 0 to 1; correct its scorer and run `bench score`"
    )
