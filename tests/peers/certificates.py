"""Certificates for tests: an authority of one's own and what it signs. Elliptic keys: made in no time."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as files."""

    certificate_file: Path
    key_file: Path
    fingerprint: str


class PeerTls:
    """The TLS side of a peer: an authority of its own, which signed its certificate for these names."""

    def __init__(
        self,
        folder: Path,
        names: tuple[str, ...],
        *,
        days: tuple[int, int] = (-1, 30),
        wants_client: bool = False,
    ) -> None:
        self.authority = Authority(folder)
        self.certificate = self.authority.sign(*names, days=days)
        self.wants_client = wants_client

    @property
    def ca_file(self) -> str:
        """The file by which this peer is trusted."""
        return str(self.authority.ca_file)


class Authority:
    """Signs certificates into a folder; its own certificate is `ca_file`."""

    def __init__(self, folder: Path, name: str = "test CA") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca_file = folder / f"{name.replace(' ', '-')}.pem"
        certificate = (
            _begun(self._name, self._key.public_key(), days=(-1, 30))
            .issuer_name(self._name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(is_authority=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def sign(self, *names: str, days: tuple[int, int] = (-1, 30)) -> Certificate:
        """Make a certificate for host names and addresses, valid from and to so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _begun(subject, key.public_key(), days=days)
            .issuer_name(self._name)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(authority_key, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return self._write(certificate, key, f"{names[0]}{days[1]}")

    def _write(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, name: str
    ) -> Certificate:
        der = certificate.public_bytes(serialization.Encoding.DER)
        fingerprint = hashlib.sha256(der).hexdigest()
        stem = f"{name.replace(':', '_')}-{fingerprint[:8]}"
        made = Certificate(self._folder / f"{stem}.pem", self._folder / f"{stem}.key", fingerprint)
        made.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        made.key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return made


def _begun(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, *, days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * _DAY)
        .not_valid_after(now + days[1] * _DAY)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
