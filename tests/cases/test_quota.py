"""Case 19: a quota with an honest Retry-After loses no request, and --resume asks again for what ended without an answer."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from gapbench.store import read_attempts, read_manifest
from gapbench.store.verify import verify_run
from tests.cases.provider import ANSWER, Act, Provider, listening, run_case

LOADS = ["{concurrency: 1}", "{concurrency: 4}", "{concurrency: 64}", "{concurrency: 16, adaptive: true}"]


class WindowQuota:
    """So many requests in each window; the others are told in milliseconds when the next window begins."""

    def __init__(self, size: int, window_s: float) -> None:
        self.size = size
        self.window_s = window_s
        self.accepted: Counter[int] = Counter()
        self._lock = threading.Lock()

    def __call__(self, question: str, nth: int) -> Act:
        with self._lock:
            at_s = time.monotonic()
            number = int(at_s // self.window_s)
            if self.accepted[number] < self.size:
                self.accepted[number] += 1
                return ANSWER
            wait_ms = ((number + 1) * self.window_s - at_s) * 1e3
            return Act(status=429, headers={"retry-after-ms": f"{wait_ms:.3f}", "retry-after": "1"})


@pytest.mark.parametrize("load", LOADS)
def test_no_request_is_lost(tmp_path: Path, load: str) -> None:
    """40 requests, 8 in each window: 40 answers, and every refusal has its row."""
    quota = WindowQuota(8, 0.2)
    provider = Provider(quota)
    with listening(provider) as url:
        manifest, _ = run_case("quota", url, tmp_path, loads=f"loads: [{load}]")
    rows = read_attempts([tmp_path / "run"])
    finals = rows[rows["final"]]

    assert "complete" == manifest.state
    assert (40, {"correct"}) == (len(finals), set(finals["outcome"]))
    assert provider.seen.total() == len(rows)
    assert {"rate_limit"} >= set(rows.loc[~rows["final"], "failure_kind"])


def test_resume_asks_again_for_what_ended_without_an_answer(tmp_path: Path) -> None:
    """Every fifth question meets 500s until its tries are used up; a later session answers it. Each has one final row."""
    healthy = False

    def behave(question: str, nth: int) -> Act:
        return ANSWER if healthy or int(question.split()[2].partition("+")[0]) % 5 else Act(status=500)

    provider = Provider(behave)
    impatient = "retries: {attempts: 2, max_wait_s: 0}\n"
    with listening(provider) as url:
        run_case("quota", url, tmp_path, impatient)
        before = read_attempts([tmp_path / "run"])
        healthy = True
        manifest, watch = run_case("quota", url, tmp_path, impatient, is_resumed=True)
    rows = read_attempts([tmp_path / "run"])
    finals = rows[rows["final"]]
    again = rows[rows["attempt"] == 3]

    assert 8 == int((before[before["final"]]["outcome"] == "infra").sum())
    assert "sending 8 requests again that ended without an answer (8 server)" in watch.lines
    assert (40, 40) == (len(finals), finals["sample_id"].nunique())
    assert {"correct"} == set(finals["outcome"])
    assert 8 == len(again) == provider.seen.total() - len(before)
    assert "complete" == manifest.state
    assert [] == [issue for issue in verify_run(tmp_path / "run") if issue.kind == "damage"]


def test_resume_leaves_what_would_fail_again(tmp_path: Path) -> None:
    """A request that the provider cannot read stays as it ended; so does every answer."""
    provider = Provider(lambda question, _nth: Act(status=400) if question == "What is 9+7" else ANSWER)
    with listening(provider) as url:
        run_case("quota", url, tmp_path)
        asked = provider.seen.total()
        run_case("quota", url, tmp_path, is_resumed=True)

    assert asked == provider.seen.total() == 40
    assert "complete" == read_manifest(tmp_path / "run").state


def test_an_interrupted_resume_asks_again_too(tmp_path: Path) -> None:
    """Failures of a first, a second and a third session: the fourth answers, and one row is final."""
    failing = True

    def behave(question: str, nth: int) -> Act:
        return Act(status=503) if failing and question == "What is 3+7" else ANSWER

    provider = Provider(behave)
    once = "retries: {attempts: 1}\n"
    with listening(provider) as url:
        run_case("quota", url, tmp_path, once)
        for _ in range(2):
            run_case("quota", url, tmp_path, once, is_resumed=True)
        failing = False
        run_case("quota", url, tmp_path, once, is_resumed=True)
    rows = read_attempts([tmp_path / "run"])
    asked = rows[rows["sample_id"] == "s03"].sort_values("attempt")

    assert [1, 2, 3, 4] == list(asked["attempt"])
    assert [False, False, False, True] == list(asked["final"])
    assert 43 == len(rows)
