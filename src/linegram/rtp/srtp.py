"""SRTP and SRTCP, with the keys of a DTLS handshake or of a session description (RFC 3711, RFC 7714)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pylibsrtp import Error, Policy, Session

from linegram.errors import RemoteProtocolError


class Profile(NamedTuple):
    """A protection profile: its number in the library, and the lengths of key and salt."""

    number: int
    key_bytes: int
    salt_bytes: int


PROFILES: Final[Mapping[bytes, Profile]] = MappingProxyType(
    {
        b"SRTP_AEAD_AES_128_GCM": Profile(Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 16, 12),
        b"SRTP_AEAD_AES_256_GCM": Profile(Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 32, 12),
        b"SRTP_AES128_CM_SHA1_80": Profile(Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 16, 14),
    }
)
"""The profiles that we offer in DTLS, best first, by the names of OpenSSL (RFC 5764 section 4.1.2)."""

SUITES: Final[Mapping[str, bytes]] = MappingProxyType(
    {
        "AEAD_AES_128_GCM": b"SRTP_AEAD_AES_128_GCM",
        "AEAD_AES_256_GCM": b"SRTP_AEAD_AES_256_GCM",
        "AES_CM_128_HMAC_SHA1_80": b"SRTP_AES128_CM_SHA1_80",
        "AES_CM_128_HMAC_SHA1_32": b"SRTP_AES128_CM_SHA1_32",
    }
)
"""The same by their names in session descriptions (RFC 4568 section 6.2), and one that DTLS does not get."""

_NUMBERS: Final[Mapping[bytes, int]] = MappingProxyType(
    {
        **{name: profile.number for name, profile in PROFILES.items()},
        b"SRTP_AES128_CM_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    }
)


class SrtpKeys(NamedTuple):
    """What both directions are protected with: key and salt of each."""

    profile: bytes
    ours: bytes
    theirs: bytes

    def __repr__(self) -> str:
        return f"SrtpKeys({self.profile.decode()})"

    @classmethod
    def split(cls, profile: bytes, exported: bytes, *, is_client: bool) -> "SrtpKeys":
        """Cut what DTLS exported: both keys, then both salts, the client's first."""
        key, salt = PROFILES[profile].key_bytes, PROFILES[profile].salt_bytes
        keys, salts = exported[: 2 * key], exported[2 * key : 2 * (key + salt)]
        client, server = keys[:key] + salts[:salt], keys[key:] + salts[salt:]
        return cls(profile, client, server) if is_client else cls(profile, server, client)


class Srtp:
    """Protects what we send and opens what the far end sent."""

    def __init__(self, keys: SrtpKeys) -> None:
        number = _NUMBERS[keys.profile]
        self._out = Session(Policy(keys.ours, Policy.SSRC_ANY_OUTBOUND, srtp_profile=number))
        self._in = Session(Policy(keys.theirs, Policy.SSRC_ANY_INBOUND, srtp_profile=number))

    def protect(self, packet: bytes) -> bytes:
        """Protect one RTP packet."""
        return self._out.protect(packet)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """Protect one compound RTCP packet."""
        return self._out.protect_rtcp(packet)

    def open(self, packet: bytes) -> bytes:
        """Open one RTP packet.

        Raises RemoteProtocolError when it is not genuine, or came before.
        """
        try:
            return self._in.unprotect(packet)
        except (Error, ValueError) as error:
            raise RemoteProtocolError(f"SRTP: {error}") from None

    def open_rtcp(self, packet: bytes) -> bytes:
        """Open one compound RTCP packet.

        Raises RemoteProtocolError when it is not genuine, or came before.
        """
        try:
            return self._in.unprotect_rtcp(packet)
        except (Error, ValueError) as error:
            raise RemoteProtocolError(f"SRTCP: {error}") from None
