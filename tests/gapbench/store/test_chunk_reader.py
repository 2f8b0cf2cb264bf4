"""The chunks of requests whose text was arriving at given instants, read from as few parts as their footers allow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gapbench.store import RunWriter, chunk_reader, read_chunks_at_instants
from gapbench.values import Attempt
from tests.makers import payload
from tests.run_folders import make_attempt, write_run

CELL = "open-b|reasoning/sums|r10"


def sent_at(number: int, first_s: float, last_s: float, cell_id: str = CELL) -> Attempt:
    """Return an attempt whose text arrived from ``first_s`` to ``last_s``, in three chunks."""
    return make_attempt(
        run_id="run", cell_id=cell_id, model_id="open-b", sample_id=str(number), scheduled_s=first_s - 0.2,
        sent_s=first_s - 0.1, first_byte_s=first_s, first_token_s=first_s, last_token_s=last_s, done_s=last_s,
        chunk_s=(first_s, (first_s + last_s) / 2, last_s),
    )  # fmt: skip


def run_of_parts(folder: Path, parts: Iterable[list[Attempt]]) -> Path:
    """Write a run with these rows in these parts."""
    first, *others = parts
    run = write_run(folder / "run", first)
    for rows in others:
        with RunWriter(run) as writer:
            for row in rows:
                writer.add(replace(row, run_id="run"), payload(row))
    return run


def samples_at(run: Path, *instants: float) -> set[str]:
    found = read_chunks_at_instants([run], {("run", CELL): list(instants)})
    return set(found["sample_id"].astype(str))


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the rows of each part that is read."""
    read: list[int] = []
    look = chunk_reader._is_streaming_at

    def counted(part: Any, instants: Any) -> Any:
        read.append(part.num_rows)
        return look(part, instants)

    monkeypatch.setattr(chunk_reader, "_is_streaming_at", counted)
    return read


def test_only_parts_with_text_at_the_instant_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten parts of one second each; at 3.5 s only the text of the fourth was arriving."""
    run = run_of_parts(tmp_path, ([sent_at(k, k + 0.1, k + 0.9)] for k in range(10)))
    read = count_reads(monkeypatch)

    assert {"3"} == samples_at(run, 3.5)
    assert [1] == read


def test_a_part_of_another_cell_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both cells have text at 0.5 s; one is asked for."""
    other = "open-b|reasoning/dates|r10"
    run = run_of_parts(tmp_path, [[sent_at(1, 0.1, 0.9)], [sent_at(2, 0.1, 0.9, other)]])
    read = count_reads(monkeypatch)

    assert {"1"} == samples_at(run, 0.5)
    assert [1] == read


def test_a_part_without_any_text_leaves_the_others_alone(tmp_path: Path) -> None:
    """Its footer has no smallest first token, so that it is read, and none of its rows counts."""
    silent = replace(
        sent_at(9, 0.1, 0.9), first_token_s=None, last_token_s=None, chunk_s=(), outcome="infra", score=None
    )
    assert {"1"} == samples_at(run_of_parts(tmp_path, [[sent_at(1, 0.1, 0.9)], [silent]]), 0.5)


@pytest.mark.parametrize("seed", range(8))
def test_the_rows_found_are_those_whose_span_holds_an_instant(tmp_path: Path, seed: int) -> None:
    """Thirty spans in parts of random sizes, long and short, edges included, against a plain loop over the spans."""
    rng = np.random.default_rng(seed)
    spans = [
        (float(low), float(low + rng.choice([0.0, 0.1, 3.0]))) for low in rng.uniform(1, 10, 30).round(1)
    ]
    cuts = [0, *sorted(rng.choice(np.arange(1, 30), 5, replace=False).tolist()), 30]
    rows = [sent_at(k, *span) for k, span in enumerate(spans)]
    run = run_of_parts(tmp_path, [rows[low:high] for low, high in pairwise(cuts)])
    instants = [spans[0][0], spans[1][1], float(rng.uniform(1, 12))]

    right = {str(k) for k, (low, high) in enumerate(spans) if any(low <= at <= high for at in instants)}
    assert right == samples_at(run, *instants)
