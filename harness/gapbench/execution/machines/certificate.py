"""TLS between machines: a certificate that is made for one run, and pinned by the handshake and not by an authority."""

from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gapbench.values import sha256

VALID_FOR = timedelta(days=30)


class RunCertificate(NamedTuple):
    """What a conductor serves TLS with.

    Attributes:
        context: The server's TLS settings.
        fingerprint: SHA-256 of the certificate, in hex. Both ends put it into their proof of the token, so a
            certificate of someone between them fails.
    """

    context: ssl.SSLContext
    fingerprint: str


def make_run_certificate() -> RunCertificate:
    """Return a new certificate; its key is on no disk but for the moment in which OpenSSL reads it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gapbench run")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of machines differ.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID_FOR)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    with tempfile.TemporaryDirectory() as folder:  # only this user may enter it
        path = Path(folder) / "run.pem"
        path.touch(mode=0o600)
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return RunCertificate(context, sha256(certificate.public_bytes(serialization.Encoding.DER)))


def joining_context() -> ssl.SSLContext:
    """Return the TLS settings of a machine that joins; the handshake proves the certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def fingerprint_of(connection: ssl.SSLObject) -> str:
    """Return the fingerprint of the certificate that the other end has shown; "" if it has shown none."""
    shown = connection.getpeercert(binary_form=True)
    return sha256(shown) if shown else ""
