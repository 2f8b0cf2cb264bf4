"""Case 21: what is in the way of one request in three kinds does not give a model up."""

from __future__ import annotations

import threading
from pathlib import Path

from gapbench.store import read_attempts
from tests.cases.provider import ANSWER, Act, Provider, listening, run_case


def test_two_503_and_one_401_give_nothing_up(tmp_path: Path) -> None:
    """The sixth to eighth requests fail: 503, 503, 401. All 40 questions are answered all the same."""
    count = 0
    lock = threading.Lock()

    def behave(question: str, nth: int) -> Act:
        nonlocal count
        with lock:
            count += 1
            return {6: Act(status=503), 7: Act(status=503), 8: Act(status=401)}.get(count, ANSWER)

    with listening(Provider(behave)) as url:
        manifest, watch = run_case("breaker", url, tmp_path)
    rows = read_attempts([tmp_path / "run"])

    assert ("complete", []) == (manifest.state, manifest.failures)
    assert (43, 40) == (len(rows), int((rows["outcome"] == "correct").sum()))
    assert [] == [line for line in watch.lines if "given up" in line]


def test_the_first_reason_is_in_the_progress_and_in_run_json(tmp_path: Path) -> None:
    """16 in flight when the key is revoked: three 401 decide, whatever the other 13 end with."""
    count = 0
    lock = threading.Lock()

    def behave(question: str, nth: int) -> Act:
        nonlocal count
        with lock:
            count += 1
            return Act(status=401) if 17 <= count <= 19 else Act(status=503) if count > 19 else ANSWER

    with listening(Provider(behave)) as url:
        manifest, watch = run_case("breaker", url, tmp_path)

    assert "failed" == manifest.state
    (entry,) = manifest.failures
    assert entry.message.startswith("given up after 3 failures in a row (auth): ")
    assert "(401: " in entry.message
    assert entry.message.endswith("; the rest is unsent")
    assert ["m: given up after 3 failures in a row (auth); --resume sends the remaining requests"] == [
        line for line in watch.lines if "given up" in line
    ]
