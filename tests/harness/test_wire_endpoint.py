"""Whether anybody listens, before the first request."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from gapbench.errors import SetupError
from gapbench.transport import reachability
from gapbench.values import Session


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "PAUSE_S", 0.0)


def reach(address: str, told: list[str] | None = None) -> None:
    said: list[str] = [] if told is None else told
    asyncio.run(
        reachability.check_reachable(address, Session(Path(), connect_timeout_s=5.0, notify=said.append))
    )


def test_a_listener_is_reached() -> None:
    """By any of the addresses that its name has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        reach(f"http://localhost:{server.getsockname()[1]}/v1")


def test_a_refusal_names_address_and_reason_after_two_tries() -> None:
    """A port that is bound and not listened at refuses."""
    told: list[str] = []
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(
            SetupError, match=rf"127\.0\.0\.1:{port} cannot be reached: Connection refused \(ECONNREFUSED\)"
        ):
            reach(f"http://127.0.0.1:{port}/v1", told)

    assert 1 == len(told)


def test_a_server_that_comes_up_meanwhile_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try finds it."""
    left: list[OSError] = [ConnectionRefusedError(111, "refused")]

    async def connect(_host: str, _port: int) -> None:
        if left:
            raise left.pop()

    monkeypatch.setattr(reachability, "_connect", connect)
    reach("http://127.0.0.1:1/v1")

    assert [] == left


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "cannot resolve 'gpu-7': Name or service not known"),
        (TimeoutError(), "no connection within 5 s"),
    ],
)  # fmt: skip
def test_what_no_second_try_mends_has_none(
    monkeypatch: pytest.MonkeyPatch, failure: OSError, words: str
) -> None:
    """A name that has no address, and a host that says nothing."""

    async def connect(_host: str, _port: int) -> None:
        raise failure

    monkeypatch.setattr(reachability, "_connect", connect)
    told: list[str] = []
    with pytest.raises(SetupError, match=f"gpu-7:8000 cannot be reached: {words}"):
        reach("http://gpu-7:8000/v1", told)

    assert [] == told


def test_before_a_proxy_the_proxy_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its password is not said."""
    asked: list[tuple[str, int]] = []

    async def connect(host: str, port: int) -> None:
        asked.append((host, port))
        raise TimeoutError

    monkeypatch.setattr(reachability, "_connect", connect)
    monkeypatch.setenv("http_proxy", "http://me:hushhush@proxy.test:3128")
    with pytest.raises(
        SetupError, match=r"proxy\.test:3128, the proxy for http://api.test/v1, cannot"
    ) as said:
        reach("http://api.test/v1")

    assert [("proxy.test", 3128)] == asked
    assert "hushhush" not in str(said.value)
