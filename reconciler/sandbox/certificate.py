"""A certificate for a sandbox that is served with TLS, made on the spot; for this machine only, and for a month."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_VALID = timedelta(days=30)


def make_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """Write a certificate and its key to a folder, over those of an earlier time; return their paths.

    It holds for ``localhost``, the loopback's addresses and ``host``, an address or a name. Clients are to trust the
    file of the certificate itself: nothing else has signed it.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "reconcile sandbox")])
    now = datetime.now(UTC)
    alternatives = [_alternative(item) for item in dict.fromkeys(("localhost", "127.0.0.1", "::1", host))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "sandbox-cert.pem", folder / "sandbox-key.pem"
    private.unlink(missing_ok=True)
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return public, private


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
