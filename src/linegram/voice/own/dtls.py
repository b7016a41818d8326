"""DTLS over whatever carries datagrams, for SRTP keys and the data channel (RFC 5764, RFC 8827 section 6.5).

OpenSSL keeps the time of resends itself; `handle_timer` only lets it look.
"""

import hmac
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from linegram.errors import RemoteProtocolError, UnavailableError
from linegram.rtp.srtp import PROFILES, SrtpKeys
from linegram.voice.own.messages import Fingerprint

log = structlog.get_logger()

_DTLS_1_2: Final = 0xFEFD
_MTU_BYTES: Final = 1200
_LONGEST_BYTES: Final = 64 << 10
MOST_UNSENT: Final = 64
"""Datagrams that wait for a path; the oldest are lost, as on any network."""

MOST_UNREAD: Final = 64
_RECORD_HEAD_BYTES: Final = 13
_EXPORTER_LABEL: Final = b"EXTRACTOR-dtls_srtp"
_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = MappingProxyType(
    {"sha-256": hashes.SHA256(), "sha-384": hashes.SHA384(), "sha-512": hashes.SHA512()}
)


class Identity(NamedTuple):
    """A certificate of ours, ready for use, and the fingerprint by which the far end knows it."""

    context: SSL.Context
    fingerprint: str


def make_identity() -> Identity:
    """Make a certificate that nobody signed: the signalling vouches for its fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "voice")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(_DTLS_1_2)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _accept_for_now)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_tlsext_use_srtp(b":".join(PROFILES))
    return Identity(context, _written(certificate.fingerprint(hashes.SHA256())))


def _accept_for_now(*_: object) -> bool:
    """Let the handshake go on; the fingerprint decides at its end."""
    return True


def _written(digest: bytes) -> str:
    return ":".join(f"{byte:02X}" for byte in digest)


class Dtls:
    """One end. Everything that arrives is read at once; what is to be sent waits in `next_datagram`."""

    def __init__(self, identity: Identity, expected: tuple[Fingerprint, ...], *, is_client: bool) -> None:
        """Prepare; a client speaks first. `expected` are the fingerprints that the far end told."""
        self.keys: SrtpKeys | None = None
        self.is_closed = False
        self._expected = expected
        self._is_client = is_client
        self._connection = SSL.Connection(identity.context, None)
        self._connection.set_ciphertext_mtu(_MTU_BYTES)
        self._out: deque[bytes] = deque(maxlen=MOST_UNSENT)
        self._heard: deque[bytes] = deque(maxlen=MOST_UNREAD)
        if is_client:
            self._connection.set_connect_state()
            self._advance()
        else:
            self._connection.set_accept_state()

    def receive(self, datagram: bytes) -> None:
        """Take a datagram in.

        Raises RemoteProtocolError when the far end is not whom the signalling named, or breaks off.
        """
        if self.is_closed:
            return
        self._connection.bio_write(datagram)
        self._advance()

    def handle_timer(self) -> None:
        """Let OpenSSL send again what is overdue."""
        if self.keys is None and not self.is_closed:
            try:
                self._connection.DTLSv1_handle_timeout()
            except SSL.Error:
                self.is_closed = True
            self._collect()

    def send(self, payload: bytes) -> None:
        """Send to the data channel; nothing before the handshake is over."""
        if self.keys is not None and not self.is_closed:
            try:
                self._connection.send(payload)
            except SSL.Error as error:
                log.info("voice_data_unsent", reason=str(error))
            self._collect()

    def close(self) -> None:
        """Tell the far end that we leave."""
        if self.is_closed:
            return
        self.is_closed = True
        if self.keys is not None:
            try:
                self._connection.shutdown()
            except SSL.Error:
                return
            self._collect()

    def next_datagram(self) -> bytes | None:
        """Return the next datagram to send, or None."""
        return self._out.popleft() if self._out else None

    def next_payload(self) -> bytes | None:
        """Return what came next for the data channel, or None."""
        return self._heard.popleft() if self._heard else None

    def _advance(self) -> None:
        try:
            if self.keys is None:
                self._connection.do_handshake()
                self.keys = self._agreed_keys()
            self._read()
        except SSL.WantReadError:
            return
        except SSL.ZeroReturnError:
            self.is_closed = True
        except SSL.Error as error:
            self.is_closed = True
            raise RemoteProtocolError(f"DTLS: {error}") from None
        finally:
            self._collect()

    def _read(self) -> None:
        while True:
            self._heard.append(self._connection.recv(_LONGEST_BYTES))

    def _agreed_keys(self) -> SrtpKeys:
        self._check_fingerprint()
        profile = self._connection.get_selected_srtp_profile()
        if profile not in PROFILES:
            self.is_closed = True
            raise RemoteProtocolError("the far end does not speak SRTP")
        length = PROFILES[profile].key_bytes + PROFILES[profile].salt_bytes
        exported = self._connection.export_keying_material(_EXPORTER_LABEL, 2 * length)
        return SrtpKeys.split(profile, exported, is_client=self._is_client)

    def _check_fingerprint(self) -> None:
        """Hold the certificate to what the signalling said (RFC 8122 section 6.2)."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            raise UnavailableError("OpenSSL let an end without a certificate pass")
        for told in self._expected:
            algorithm = _HASHES.get(told.hash.lower())
            if algorithm is None:
                continue
            found = _written(certificate.fingerprint(algorithm))
            if hmac.compare_digest(found.encode(), told.fingerprint.upper().encode()):
                return
        self.is_closed = True
        raise RemoteProtocolError("the far end's certificate is not the one that it told of")

    def _collect(self) -> None:
        """Cut what OpenSSL wrote into datagrams of whole records (RFC 6347 section 4.1.1)."""
        try:
            written = self._connection.bio_read(_LONGEST_BYTES)
        except SSL.WantReadError:
            return
        datagram = b""
        at = 0
        while at < len(written):
            end = at + _RECORD_HEAD_BYTES + int.from_bytes(written[at + 11 : at + 13], "big")
            if datagram and len(datagram) + end - at > _MTU_BYTES:
                self._out.append(datagram)
                datagram = b""
            datagram += written[at:end]
            at = end
        self._out.append(datagram)
