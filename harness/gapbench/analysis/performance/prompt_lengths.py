"""How long the prompts of a replay were for each model, against the log."""

from __future__ import annotations

from typing import NamedTuple

from gapbench.analysis.frames import Runs

TOLERATED_SHARE = 0.03
"""A larger difference is a warning: first-token times and cost go with the length of prompts."""


class PromptLength(NamedTuple):
    """The prompts of one model in one task, over attempts of which both counts are known.

    Attributes:
        model_id: The model.
        task: The replay.
        requests: How many attempts.
        input_tokens: What the server counted.
        logged_input_tokens: What the log counts.
    """

    model_id: str
    task: str
    requests: int
    input_tokens: int
    logged_input_tokens: int

    @property
    def difference(self) -> float:
        """By which share of the logged tokens the prompts were longer; below 0: shorter."""
        return self.input_tokens / self.logged_input_tokens - 1


def prompt_lengths(runs: Runs) -> list[PromptLength]:
    """Return the lengths of replayed prompts, by model and replay; []: nothing was replayed."""
    if not any(cell.load_kind == "replay" for _, cell in runs.cells):
        return []
    rows = runs.attempts.table(
        "SELECT model_id, task, count(*) AS requests, CAST(sum(input_tokens) AS BIGINT) AS input_tokens, "
        "CAST(sum(logged_input_tokens) AS BIGINT) AS logged_input_tokens FROM attempts "
        "WHERE input_tokens IS NOT NULL AND logged_input_tokens > 0 GROUP BY ALL ORDER BY ALL",
        ["model_id", "task", "input_tokens", "logged_input_tokens"],
    )
    return [PromptLength(**row) for row in rows.to_pylist()]


def prompt_length_notes(runs: Runs) -> list[str]:
    """Return one sentence for each model whose replayed prompts differ from the log by more than :data:`TOLERATED_SHARE`."""
    return [
        f"{one.model_id} on {one.task}: prompts had {abs(one.difference) * 100:.1f} % "
        f"{'more' if one.difference > 0 else 'fewer'} tokens than in the log ({one.input_tokens:,}, logged "
        f"{one.logged_input_tokens:,}), so its times and cost are those of {'longer' if one.difference > 0 else 'shorter'} "
        "prompts; if they were made up, give the replay a tokenizer"
        for one in prompt_lengths(runs)
        if abs(one.input_tokens - one.logged_input_tokens) > TOLERATED_SHARE * one.logged_input_tokens
    ]
