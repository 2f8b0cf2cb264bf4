"""Both ends prove that they know the token, over TLS and bound to its certificate; nothing is believed before.

The proof is an HMAC-SHA-256 over the role, the certificate's fingerprint and one random text of each end. Someone between
the two would have to show another certificate, for which no proof is valid; a recorded proof is for other random texts.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import ssl
from collections.abc import Callable
from dataclasses import replace

from gapbench.errors import SetupError
from gapbench.execution.machines import messages
from gapbench.execution.machines.certificate import fingerprint_of, joining_context
from gapbench.execution.machines.frames import MAX_FIRST_FRAME_BYTES, READ_BUFFER_BYTES, FrameChannel
from gapbench.formatting import escape_invisible

HANDSHAKE_S = 10.0
"""Time that a peer has for its part; TLS included."""
NONCE_BYTES = 32
MAX_REASON_CHARS = 300


def prove(token: bytes, who: str, fingerprint: str, machine_nonce: str, conductor_nonce: str) -> str:
    """Return the proof that one end knows the token.

    Args:
        token: The token.
        who: ``conductor``, ``machine`` or ``worker``: no end can send back the other's proof as its own.
        fingerprint: SHA-256 of the conductor's certificate, as this end sees it.
        machine_nonce: The machine's random text.
        conductor_nonce: The conductor's.
    """
    text = f"gapbench 1\n{who}\n{fingerprint}\n{machine_nonce}\n{conductor_nonce}"
    # A peer's random text may be any text, also one with broken surrogates.
    return hmac.digest(token, text.encode(errors="surrogatepass"), "sha256").hex()


def _is_proof(found: str, expected: str) -> bool:
    """Return whether a peer's proof is the expected one. ``compare_digest`` takes only ASCII texts, or bytes."""
    return hmac.compare_digest(found.encode(errors="replace"), expected.encode())


async def join(
    host: str,
    port: int,
    token: bytes,
    token_name: str,
    role: messages.Role,
    about: messages.Proof,
    version: str,
) -> tuple[FrameChannel, messages.Welcome]:
    """Connect to a conductor.

    Args:
        host: Its host.
        port: Its port.
        token: The token.
        token_name: Name of the variable with the token, for messages.
        role: What connects.
        about: What this machine sends to the conductor; its ``proof`` is filled in here.
        version: Version of gapbench here.

    Raises:
        OSError: Nothing listens there.
        SetupError: It is no conductor, or it is one that this machine must not work for.
    """
    place = f"{host}:{port}"
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            reader, writer = await asyncio.open_connection(
                host, port, ssl=joining_context(), limit=READ_BUFFER_BYTES
            )
            connection = writer.get_extra_info("ssl_object")
            channel = FrameChannel(
                reader, writer, messages.TO_MACHINE_FIRST, messages.TO_CONDUCTOR_FIRST, MAX_FIRST_FRAME_BYTES
            )
            try:
                welcome = await _introduce(
                    channel, fingerprint_of(connection), place, token, token_name, role, about, version
                )
            except BaseException:
                channel.close()
                raise
    except TimeoutError:
        raise ConnectionError(f"{place} did not answer within {HANDSHAKE_S:g} s") from None
    except ssl.SSLError as exc:
        raise SetupError(
            f"{place} does not speak TLS as a conductor of gapbench does: {exc.reason}"
        ) from None
    incoming, outgoing = (
        (messages.TO_MACHINE, messages.TO_CONDUCTOR)
        if role == "machine"
        else (messages.TO_WORKER, messages.FROM_WORKER)
    )
    return channel.with_codecs(incoming, outgoing), welcome


async def _introduce(
    channel: FrameChannel,
    fingerprint: str,
    place: str,
    token: bytes,
    token_name: str,
    role: messages.Role,
    about: messages.Proof,
    version: str,
) -> messages.Welcome:
    nonce = secrets.token_hex(NONCE_BYTES)
    channel.send(messages.Hello(version, role, nonce))
    challenge = await channel.read()
    if isinstance(challenge, messages.Refused):
        raise _refusal(place, challenge)
    if not isinstance(challenge, messages.Challenge):
        raise SetupError(f"{place} does not answer as `bench run --machines` does; check the address")
    if challenge.version != version:
        raise SetupError(
            f"the conductor at {place} has gapbench {_shown(challenge.version)}, and this machine {version}; "
            "install the same version on both"
        )
    proof = prove(token, role, fingerprint, nonce, challenge.nonce)
    channel.send(replace(about, proof=proof))
    welcome = await channel.read()
    if isinstance(welcome, messages.Refused):
        raise _refusal(place, welcome)
    expected = prove(token, "conductor", fingerprint, nonce, challenge.nonce)
    if not isinstance(welcome, messages.Welcome) or not _is_proof(welcome.proof, expected):
        raise SetupError(
            f"{place} does not know the token in ${token_name}, or someone is between it and this machine; "
            "nothing was run"
        )
    return welcome


def _refusal(place: str, refused: messages.Refused) -> SetupError:
    return SetupError(f"the conductor at {place} refuses this machine: {_shown(refused.reason)}")


def _shown(text: str) -> str:
    """Return a peer's text for the terminal."""
    return escape_invisible(text[:MAX_REASON_CHARS])


class RefusedPeerError(Exception):
    """A peer may not join; the message says why and goes to this side's user."""


async def receive(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    token: bytes,
    token_name: str,
    fingerprint: str,
    version: str,
    check: Callable[[messages.Role, messages.Proof], messages.Welcome | str],
) -> tuple[FrameChannel, messages.Role, messages.Proof, messages.Welcome]:
    """Let a peer in that knows the token.

    Args:
        reader: The connection's reader.
        writer: The connection's writer.
        token: The token.
        token_name: Name of the variable with the token, for messages.
        fingerprint: Of the certificate that was shown to the peer.
        version: Version of gapbench here.
        check: Decides about a peer that has proved the token: returns the reply to it, without a proof, or why it is refused.

    Raises:
        RefusedPeerError: It is refused.
    """
    channel = FrameChannel(
        reader, writer, messages.TO_CONDUCTOR_FIRST, messages.TO_MACHINE_FIRST, MAX_FIRST_FRAME_BYTES
    )

    async def refuse(reason: str, note: str) -> RefusedPeerError:
        channel.send(messages.Refused(reason))
        await channel.drain()
        channel.close()
        return RefusedPeerError(note)

    async with asyncio.timeout(HANDSHAKE_S):
        hello = await channel.read()
        if not isinstance(hello, messages.Hello):
            channel.abort()
            raise RefusedPeerError("it does not speak gapbench's protocol")
        nonce = secrets.token_hex(NONCE_BYTES)
        channel.send(messages.Challenge(version, nonce))
        if hello.version != version:
            # The machine says so itself.
            await channel.drain()
            channel.close()
            raise RefusedPeerError(
                f"it has gapbench {_shown(hello.version)}, and this machine {version}; install the same version on both"
            )
        proof = await channel.read()
        expected = prove(token, hello.role, fingerprint, hello.nonce, nonce)
        if not isinstance(proof, messages.Proof):
            channel.abort()
            raise RefusedPeerError("it does not speak gapbench's protocol")
        if not _is_proof(proof.proof, expected):
            raise await refuse(
                f"the token is wrong; give both machines the same in ${token_name}", "it has another token"
            )
        welcome = check(hello.role, proof)
        if isinstance(welcome, str):
            raise await refuse(welcome, welcome)
        mine = prove(token, "conductor", fingerprint, hello.nonce, nonce)
        channel.send(replace(welcome, proof=mine))
    incoming, outgoing = (
        (messages.TO_CONDUCTOR, messages.TO_MACHINE)
        if hello.role == "machine"
        else (messages.FROM_WORKER, messages.TO_WORKER)
    )
    return channel.with_codecs(incoming, outgoing), hello.role, proof, welcome
