"""A request that may have reached the server is sent again only with a row of its own."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from gapbench.store import read_attempts
from tests.cases.provider import ANSWER, Act, Provider, listening, run_case

FAULTS = {
    "reset before a byte": Act(0.0, "reset"),
    "closed before a byte": Act(0.0, "fin"),
    "reset in the head": Act(0.05, "reset"),
    "closed in the head": Act(0.05, "fin"),
    "reset in the body": Act(0.7, "reset"),
    "closed in the body": Act(0.7, "fin"),
    "500": Act(status=500),
    "500 and closed": Act(status=500, ending="fin"),
    "429": Act(status=429),
}
ANSWERS = [ANSWER, ANSWER, Act(ending="fin")]
"""A third of the answers ends its connection, so that kept connections are found closed."""
PATIENT = "retries: {attempts: 20, max_wait_s: 0}\nbreaker: {failures: 1000}\n"


def rows_of(run: Path) -> pd.DataFrame:
    frame = read_attempts([run])
    return frame.sort_values(["sample_id", "attempt"])


def test_case_22(tmp_path: Path) -> None:
    """Every fourth question is read whole and its connection reset: 50 requests, 50 rows, 10 retries."""

    def behave(question: str, nth: int) -> Act:
        number = int(question.split()[2].partition("+")[0])
        return FAULTS["reset before a byte"] if number % 4 == 0 and nth == 0 else ANSWER

    provider = Provider(behave)
    with listening(provider) as url:
        run_case("silent_resend", url, tmp_path, PATIENT)
    rows = rows_of(tmp_path / "run")

    assert (50, 50, 10) == (provider.seen.total(), len(rows), int((~rows["final"]).sum()))
    assert {"cut_stream"} == set(rows.loc[~rows["final"], "failure_kind"])
    assert {"correct"} == set(rows.loc[rows["final"], "outcome"])


@pytest.mark.parametrize("concurrency", [1, 4, 16])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("transport", ["lean", "httpx2"])
def test_the_server_sees_as_many_requests_as_there_are_rows(
    tmp_path: Path, transport: str, seed: int, concurrency: int
) -> None:
    """Half of all requests meet a drawn fault: each is one row with its own send, question by question."""

    def behave(question: str, nth: int) -> Act:
        draw = random.Random(f"{seed} {question} {nth}")
        return draw.choice(list(FAULTS.values())) if draw.random() < 0.5 else draw.choice(ANSWERS)

    provider = Provider(behave)
    with listening(provider) as url:
        settings = f"transport: {transport}\n"
        loads = f"loads: [{{concurrency: {concurrency}}}]"
        (tmp_path / "case").mkdir()
        run_case("silent_resend", url, tmp_path / "case", PATIENT + settings, loads=loads)
    rows = rows_of(tmp_path / "case" / "run")
    by_question = Counter(f"What is {int(name[1:])}+7" for name in rows["sample_id"])

    assert provider.seen == by_question
    assert {"correct"} == set(rows.loc[rows["final"], "outcome"])
    assert 40 == int(rows["final"].sum())
    for name, attempts in rows.groupby("sample_id", observed=True):
        acts = provider.acts[f"What is {int(str(name)[1:])}+7"]
        failed = [act.sent < 1 or act.status != 200 for act in acts]
        assert failed == list(attempts["outcome"] == "infra")
        # Each attempt is sent after the one before it has ended, and its times count from its own send.
        assert (attempts["sent_s"].iloc[1:].to_numpy() >= attempts["done_s"].iloc[:-1].to_numpy()).all()
        answered = attempts[attempts["final"]]
        assert (answered["first_token_s"] >= answered["sent_s"]).all()
