"""Where machines come from: the value of ``--machines``, and the token that both ends must know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from gapbench import credentials
from gapbench.errors import InputError, SetupError

DEFAULT_TOKEN_ENV = "GAPBENCH_TOKEN"  # noqa: S105 - the name of a variable
DEFAULT_WAIT_S = 600.0
MIN_TOKEN_CHARS = 20
"""A shorter token could be guessed from one recorded handshake."""
RAY_PORT = 6379
FORMS = "listen://0.0.0.0:7000?machines=3, ray://auto or ray://HEAD:6379"
_OPTIONS = ("machines", "token_env", "wait_s")


def read_token(env: str) -> bytes:
    """Return the token from an environment variable, or from the file that ``NAME_FILE`` names.

    Args:
        env: Name of the variable; the token itself is in no argument, file of ours or log.

    Raises:
        SetupError: There is none, or it is too short.
    """
    hint = "make one with `openssl rand -base64 32` and give every machine the same"
    token = credentials.read_key(env)
    if token is None:
        raise SetupError(
            f"no token in ${env}, nor in a file that ${env}{credentials.FILE_SUFFIX} names; {hint}"
        )
    if len(token) < MIN_TOKEN_CHARS:
        raise SetupError(
            f"the token in ${env} has {len(token)} characters and needs {MIN_TOKEN_CHARS}; {hint}"
        )
    return token.encode()


@dataclass(frozen=True, slots=True)
class MachinesAddress:
    """The machines that send the requests of a run.

    Attributes:
        kind: ``listen``: they join by themselves, with ``bench worker --join``. ``ray``: Ray starts one on each node.
        host: Address to listen on; for Ray the head's, or ``auto``.
        port: Port to listen on; for Ray the head's. 0: any free one.
        machines: How many to wait for. None: all nodes of the Ray cluster.
        token_env: Name of the environment variable with the token.
        wait_s: How long to wait for them.
    """

    kind: Literal["listen", "ray"]
    host: str
    port: int
    machines: int | None
    token_env: str = DEFAULT_TOKEN_ENV
    wait_s: float = DEFAULT_WAIT_S

    @classmethod
    def parse(cls, text: str) -> MachinesAddress:
        """Return the address that ``--machines`` gives.

        Raises:
            InputError: It is not one; the message says what is wrong and shows the forms.
        """
        url = urlsplit(text)
        if url.scheme not in {"listen", "ray"}:
            raise _wrong(text, f"it starts with {url.scheme + '://' if url.scheme else 'no scheme'}")
        if url.username or url.password:
            raise _wrong("…", "a user or password is in it; the token comes from an environment variable")
        if url.path not in {"", "/"} or url.fragment:
            raise _wrong(text, f"{url.path or '#' + url.fragment} after the address means nothing")
        try:
            port = url.port
        except ValueError:
            raise _wrong(text, "the port is not a number up to 65535") from None
        host = url.hostname
        if not host:
            raise _wrong(text, "it names no host")
        if url.scheme == "listen" and port is None:
            raise _wrong(text, "it names no port")
        options = _options(text, url.query)
        machines = _number(text, "machines", options.get("machines"), whole=True)
        if url.scheme == "listen" and machines is None:
            raise _wrong(text, "it does not say how many machines to wait for; add ?machines=N")
        wait_s = _number(text, "wait_s", options.get("wait_s"), whole=False)
        return cls(
            "listen" if url.scheme == "listen" else "ray",
            host,
            RAY_PORT if port is None else port,
            None if machines is None else int(machines),
            options.get("token_env") or DEFAULT_TOKEN_ENV,
            DEFAULT_WAIT_S if wait_s is None else wait_s,
        )


def parse_host_port(text: str) -> tuple[str, int]:
    """Return the host and port of ``HOST:PORT``; an IPv6 address stands in brackets.

    Raises:
        InputError: It is not one.
    """
    try:
        url = urlsplit(f"//{text}")
        host, port = url.hostname, url.port
    except ValueError:
        host = port = None
    if not host or not port or url.path or url.query or url.username:
        raise InputError(f"--join: found {text!r}; expected HOST:PORT, such as 10.0.0.5:7000")
    return host, port


def _options(text: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _OPTIONS:
            raise _wrong(text, f"{key!r} is not one of {', '.join(_OPTIONS)}")
        if key in options:
            raise _wrong(text, f"{key!r} is given twice")
        options[key] = value
    return options


def _number(text: str, key: str, value: str | None, *, whole: bool) -> float | None:
    if value is None:
        return None
    try:
        number = int(value) if whole else float(value)
    except ValueError:
        number = 0
    if not 0 < number < 1e6:
        raise _wrong(text, f"{key}={value} is not a {'whole ' if whole else ''}number above 0")
    return float(number)


def _wrong(text: str, problem: str) -> InputError:
    return InputError(f"--machines: found {text!r}: {problem}; expected {FORMS}")
