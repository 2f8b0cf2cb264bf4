"""Keys come from the environment or a file it names, and leave in no text."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from gapbench import credentials
from gapbench.errors import SetupError

KEY = "planted/key+0123456789=="


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    """What one test plants is no key in the next."""
    before = set(credentials._known_keys)
    yield
    credentials._known_keys.clear()
    credentials._known_keys.update(before)
    credentials._secret_forms.cache_clear()


def test_a_key_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable itself stands above the file."""
    monkeypatch.setenv("SOME_API_KEY", KEY)
    monkeypatch.setenv("SOME_API_KEY_FILE", "/nowhere")

    assert KEY == credentials.read_key("SOME_API_KEY")


def test_a_key_is_read_from_the_file_that_a_variable_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As Docker and Kubernetes mount secrets; the line end is no part of it."""
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    monkeypatch.setenv("SOME_API_KEY_FILE", str(file))

    assert KEY == credentials.read_key("SOME_API_KEY")
    assert "[redacted]" == credentials.redact(KEY)


@pytest.mark.parametrize("content", [b"", b"two\nlines-of-text", b"\xff\xfe", b"x" * 70_000])
def test_a_file_without_a_key_is_said_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes
) -> None:
    """Empty, two lines, no text, or too long to be one."""
    file = tmp_path / "key"
    file.write_bytes(content)
    monkeypatch.setenv("SOME_API_KEY_FILE", str(file))

    with pytest.raises(
        SetupError, match=r"SOME_API_KEY_FILE names a file (without a key|that cannot be read)"
    ) as caught:
        credentials.read_key("SOME_API_KEY")
    assert "lines-of-text" not in str(caught.value)


def test_what_is_lacking_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways are named; a missing file is said as such."""
    assert "export it, or NO_SUCH_KEY_FILE" in (credentials.missing_key_reason("NO_SUCH_KEY") or "")
    monkeypatch.setenv("NO_SUCH_KEY_FILE", "/nowhere/at/all")
    assert "cannot be read: No such file" in (credentials.missing_key_reason("NO_SUCH_KEY") or "")


@pytest.mark.parametrize(
    "carried",
    [KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode()],
    ids=["as it is", "in a URL", "in a Basic header"],
)
def test_a_key_is_taken_out_however_it_is_carried(carried: str) -> None:
    """Servers echo headers and addresses in their own form."""
    credentials.remember_key(KEY)

    assert "bad key: [redacted], sorry" == credentials.redact(f"bad key: {carried}, sorry")


@pytest.mark.parametrize("length", [8, 12, len(KEY) - 1])
def test_the_beginning_of_a_key_at_the_end_of_a_cut_text_is_taken_out(length: int) -> None:
    """A stream may be cut within an echoed key."""
    credentials.remember_key(KEY)

    assert "your key is [redacted]" == credentials.redact(f"your key is {KEY[:length]}")


def test_every_variable_that_names_a_key_is_kept_out() -> None:
    """Also one that no model of the suite uses; words, paths and short values are no keys."""
    credentials.remember_environment_keys(
        {
            "OTHER_API_KEY": "other-key-0123456789",
            "DEPLOY_TOKEN": "abcdef0123456789abcdef",
            "KEYBOARD": "qwerty0123456789qwerty",
            "A_KEY": "benchmark",
            "B_KEY_FILE": "/run/secrets/0123456789",
        }
    )

    assert "[redacted] [redacted]" == credentials.redact("other-key-0123456789 abcdef0123456789abcdef")
    assert "qwerty0123456789qwerty benchmark" == credentials.redact("qwerty0123456789qwerty benchmark")
    assert "/run/secrets/0123456789" == credentials.redact("/run/secrets/0123456789")


@pytest.mark.parametrize("value", ["none", "EMPTY", "not-needed"])
def test_a_placeholder_is_no_key(value: str) -> None:
    """Local servers are given such; taking the word out would spoil answers."""
    credentials.remember_key(value)

    assert f"{value}!" == credentials.redact(f"{value}!")


def test_a_tree_is_cleaned_in_names_and_values() -> None:
    """As run.json is written."""
    credentials.remember_key(KEY)

    assert {"[redacted]": ["x [redacted]", 1, None]} == credentials.redact_tree({KEY: (f"x {KEY}", 1, None)})


def test_a_log_is_cleaned_and_left_alone_otherwise(tmp_path: Path) -> None:
    """A server of ours may print the arguments it was started with."""
    credentials.remember_key(KEY)
    log = tmp_path / "server.log"
    log.write_text(f"--api-key {KEY}\n")

    assert credentials.redact_file(log)
    assert "--api-key [redacted]\n" == log.read_text()
    assert not credentials.redact_file(log)


def test_a_server_of_ours_is_not_given_the_vendors_keys() -> None:
    """What it needs itself stays."""
    credentials.remember_key(KEY)

    left = credentials.without_vendor_keys({"OPENAI_API_KEY": KEY, "HF_TOKEN": KEY, "PATH": "/bin"})
    assert {"HF_TOKEN": KEY, "PATH": "/bin"} == left
