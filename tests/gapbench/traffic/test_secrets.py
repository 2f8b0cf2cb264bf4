"""No secret, id or image reaches the table or the file of what was set aside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gapbench.errors import InputError
from gapbench.traffic.secrets import remove_secrets
from tests.traffic_logs import import_files, lines, spend

SECRETS = (
    "sk-proj-" + "a1B2" * 10,
    "sk-ant-api03-" + "x9" * 30,
    "AKIA" + "ABCDEFGH12345678",
    "AIza" + "Sy" + "a" * 33,
    "ghp_" + "a1" * 18,
    "xoxb-" + "1234567890-abcdef",
    "hf_" + "aB" * 17,
    "gsk_" + "aB1" * 17,
    "xai-" + "aB1" * 26,
    "pplx-" + "aB1" * 16,
    "csk-" + "a1b" * 16,
    "nvapi-" + "aB-1" * 16,
    "r8_" + "aB1" * 12,
    "lsv2_pt_" + "0a" * 16 + "_" + "0a" * 5,
    "dapi" + "0a" * 16,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmno",
    "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_text_of_a_keys_shape_is_removed(secret: str) -> None:
    """Once, with what is around it kept."""
    assert ("use [redacted] please", 1) == remove_secrets(f"use {secret} please")


def test_what_only_starts_like_many_tokens_is_searched_in_one_pass() -> None:
    """A search of 2 MB from each start would take minutes."""
    text = "-eyJ" * 500_000 + " .eyJ"

    assert (text, 0) == remove_secrets(text)


@pytest.mark.parametrize(
    "text", ["a risk-averse approach to task-oriented dialogue", "task-force", "ghosts through", "basic"]
)
def test_words_are_no_secrets(text: str) -> None:
    """Removing them would spoil prompts."""
    assert (text, 0) == remove_secrets(text)


def test_no_secret_and_no_id_reaches_the_table_or_the_file_of_what_was_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prompts, replies, errors, labels and broken lines; a key of the environment too."""
    key = "s3cr3t-gateway-key-0123456789"
    monkeypatch.setenv("GATEWAY_API_KEY", key)
    from gapbench import credentials

    credentials.remember_key(key)
    planted = " ".join((*SECRETS, key))
    record = {
        "request": {"model": "m", "messages": [{"role": "user", "content": planted}], "user": "ann@example.com", "tools": [{"name": planted}]},
        "response": {"choices": [{"message": {"content": planted, "tool_calls": [{"arguments": planted}]}, "finish_reason": planted}]},
        "error": planted, "route": planted, "session_id": "session-4711",
    }  # fmt: skip
    import_files(tmp_path, {"log.jsonl": lines(record, '{"broken": "' + planted.replace("\n", "\\n"))})
    from gapbench.store.table_file import iterate_rows

    text = json.dumps(list(iterate_rows(tmp_path / "traffic.parquet")), default=str)
    text += (tmp_path / "traffic.set-aside.jsonl").read_text()
    for secret in (*SECRETS[:-1], key, "ann@example.com", "session-4711"):
        assert secret not in text


def test_hashes_are_the_same_only_with_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A random key tells nothing across imports; one of the user's own joins them."""
    log = {"log.jsonl": [spend(1, user="ann"), spend(2, user="ann", session_id="ann")]}
    (first, second), _ = import_files(tmp_path, log)
    (other, _), _ = import_files(tmp_path, log)
    monkeypatch.setenv("TRAFFIC_KEY", "long and random 1234567890")
    (joined, _), one = import_files(tmp_path, log, hash_key_env="TRAFFIC_KEY")
    (again, _), two = import_files(tmp_path, log, hash_key_env="TRAFFIC_KEY")

    assert first["user_hash"] == second["user_hash"] != other["user_hash"]
    assert second["user_hash"] != second["session_hash"]
    assert (joined["user_hash"], one.key_id) == (again["user_hash"], two.key_id)


def test_metadata_only(tmp_path: Path) -> None:
    """--no-text stores counts and times, and no word of prompt and reply."""
    record = {
        "request": {
            "model": "m",
            "messages": [{"role": "user", "content": "Hello"}],
            "tools": [{"name": "t"}],
        },
        "response": {
            "choices": [{"message": {"content": "Hi"}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1},
        },
    }
    (row,), _ = import_files(tmp_path, {"log.jsonl": [record]}, keep_texts=False)

    assert [None] * 4 == [row[name] for name in ("messages", "tools", "reply", "reply_tool_calls")]
    assert (3, 0) == (row["input_tokens"], row["image_count"])


def test_image_data_becomes_its_hash(tmp_path: Path) -> None:
    """An image of 3 bytes; addresses stay."""
    content = [
        {"type": "text", "text": "?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAEC"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    (row,), _ = import_files(
        tmp_path, {"log.jsonl": [{"model": "m", "messages": [{"role": "user", "content": content}]}]}
    )

    assert 2 == row["image_count"]
    assert "AAEC" not in row["messages"]
    assert ",sha256:ae4b3280e56e2faf 3 bytes" in row["messages"]
    assert "https://example.com/a.png" in row["messages"]


@pytest.mark.parametrize("secret", SECRETS[:8])
def test_a_message_that_shows_the_start_of_a_value_shows_no_part_of_a_key(
    tmp_path: Path, secret: str
) -> None:
    """A key that is cut through has no known shape, so it goes before the cut: in a time, and at the start of a file."""
    _, report = import_files(tmp_path, {"log.jsonl": [spend(1), spend(2, startTime=f"at noon {secret}")]})
    with pytest.raises(InputError) as unknown:
        import_files(tmp_path, {"other.txt": f"it is {secret}"})
    with pytest.raises(InputError) as keys:
        import_files(tmp_path, {"other.jsonl": [{secret: 1}]})

    said = " ".join((*report.first_set_aside, str(unknown.value), str(keys.value)))
    assert secret[:12] not in said
    assert 3 == said.count("[redacted]")
