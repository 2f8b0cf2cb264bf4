"""`bench init --from` recognizes a log of requests, and does not make a task of its timestamps."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapbench.cli import invoke
from tests.gapbench.traffic.test_forms import LITELLM, OBSERVATION
from tests.gapbench.traffic.test_observer_forms import GENERATION, VLLM_LOG
from tests.gapbench.traffic.test_opentelemetry_form import CURRENT_SPAN, export
from tests.traffic_logs import CHAT_REPLY, HELLO, lines, table

LOGS = {
    "litellm.jsonl": lines(LITELLM),
    "litellm.csv": table([LITELLM]),
    "generations.csv": table([GENERATION]),
    "spans.jsonl": lines(export(CURRENT_SPAN)),
    "replies.jsonl": lines(CHAT_REPLY),
    "observations.jsonl": lines({**OBSERVATION, "input": None, "output": None}),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_log_is_pointed_to_the_import(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """One line, exit 2, no suite."""
    (tmp_path / name).write_text(LOGS[name])

    assert 2 == invoke(["init", str(tmp_path / "s.yaml"), "--from", str(tmp_path / name)])
    (line,) = capsys.readouterr().err.splitlines()
    assert "is a log of requests (" in line
    assert f"`bench traffic import {tmp_path / name}`" in line
    assert not (tmp_path / "s.yaml").exists()


def test_conversations_of_a_log_are_still_a_task(tmp_path: Path) -> None:
    """Requests with their messages can be asked again; a comment tells of the import."""
    (tmp_path / "chats.jsonl").write_text(
        lines(*({"model": "gpt-5.2", "messages": HELLO, "n": n} for n in range(3)))
    )

    assert 0 == invoke(["init", str(tmp_path / "s.yaml"), "--from", str(tmp_path / "chats.jsonl")])
    suite = (tmp_path / "s.yaml").read_text()
    assert 'messages: "{messages}"' in suite
    assert f"`bench traffic import {tmp_path / 'chats.jsonl'}`" in suite


def test_a_data_set_is_no_log(tmp_path: Path) -> None:
    """Nothing changes for questions and answers."""
    (tmp_path / "q.jsonl").write_text(
        lines({"question": "1 + 1?", "answer": "2"}, {"question": "2 + 2?", "answer": "4"})
    )

    assert 0 == invoke(["init", str(tmp_path / "s.yaml"), "--from", str(tmp_path / "q.jsonl")])
    assert "traffic" not in (tmp_path / "s.yaml").read_text()


def test_a_text_log_has_no_ending_that_init_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """VLLM's log is recognized before its ending is refused."""
    (tmp_path / "vllm.log").write_text(VLLM_LOG)

    assert 2 == invoke(["init", str(tmp_path / "s.yaml"), "--from", str(tmp_path / "vllm.log")])
    assert "bench traffic import" in capsys.readouterr().err
