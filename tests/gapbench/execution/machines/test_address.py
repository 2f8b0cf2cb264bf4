"""The value of --machines, of --join, and the token: each mistake is one line that says what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from gapbench.errors import InputError, SetupError
from gapbench.execution.machines.address import MachinesAddress, parse_host_port, read_token


def test_the_forms() -> None:
    """Listen with all options; Ray by itself and by its head."""
    listen = MachinesAddress.parse("listen://[::]:7000?machines=3&token_env=T&wait_s=5")

    assert MachinesAddress("listen", "::", 7000, 3, "T", 5.0) == listen
    assert MachinesAddress("ray", "auto", 6379, None) == MachinesAddress.parse("ray://auto")
    assert MachinesAddress("ray", "head", 10, 2) == MachinesAddress.parse("ray://head:10?machines=2")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.0.0.0:7000", "it starts with no scheme"),
        ("tcp://a:1", "it starts with tcp://"),
        ("listen://:7000?machines=1", "it names no host"),
        ("listen://a?machines=1", "it names no port"),
        ("listen://a:99999?machines=1", "the port is not a number up to 65535"),
        ("listen://a:1", r"add \?machines=N"),
        ("listen://a:1?machines=0", "machines=0 is not a whole number above 0"),
        ("listen://a:1?machines=two", "machines=two is not a whole number"),
        ("listen://a:1?machines=1&x=2", "'x' is not one of machines, token_env, wait_s"),
        ("listen://a:1?machines=1&machines=2", "'machines' is given twice"),
        ("listen://u:secret@a:1?machines=1", "a user or password is in it"),
        ("listen://a:1/path?machines=1", "/path after the address means nothing"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(text: str, words: str) -> None:
    """And shows the forms; a password is not repeated."""
    with pytest.raises(InputError, match=words) as caught:
        MachinesAddress.parse(text)

    assert "expected listen://0.0.0.0:7000?machines=3" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["host", "host:", "host:x", "host:70000", ":7000", "http://host:1", "a@host:1"]
)
def test_a_wrong_place_to_join(text: str) -> None:
    """Host and port, nothing else."""
    with pytest.raises(InputError, match="expected HOST:PORT"):
        parse_host_port(text)


def test_a_token_comes_from_a_variable_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absent, short, from the variable, from the file that NAME_FILE names."""
    with pytest.raises(
        SetupError, match=r"no token in \$T_TOKEN, nor in a file that \$T_TOKEN_FILE names; make one"
    ):
        read_token("T_TOKEN")
    monkeypatch.setenv("T_TOKEN", "short-token")
    with pytest.raises(SetupError, match="has 11 characters and needs 20"):
        read_token("T_TOKEN")
    monkeypatch.delenv("T_TOKEN")
    file = tmp_path / "token"
    file.write_text("from-a-file-0123456789\n")
    monkeypatch.setenv("T_TOKEN_FILE", str(file))

    assert b"from-a-file-0123456789" == read_token("T_TOKEN")
