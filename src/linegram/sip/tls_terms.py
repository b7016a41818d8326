"""What one account demands of a TLS connection, and offers on it. A value: the handshake is the shell's."""

import re
from dataclasses import dataclass
from typing import Final

from linegram.errors import LocalProtocolError

_FINGERPRINT_DIGITS: Final = 64
_PREFIX: Final = re.compile(r"^sha-?256[\s:=]+", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[\s:]+")


@dataclass(frozen=True, slots=True)
class TlsTerms:
    """Accounts with equal terms share a connection.

    An empty `ca_file` means the system's authorities. `fingerprint` is the SHA-256 of the server's
    certificate; without a `ca_file` of one's own it proves the server alone, so that the certificate may be
    self-signed. `server_name` is what the certificate must carry, if not the server's name (RFC 5922 7.1).
    """

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    fingerprint: str = ""
    server_name: str = ""

    def __post_init__(self) -> None:
        """Raises LocalProtocolError for a fingerprint that is none."""
        object.__setattr__(self, "fingerprint", normal_fingerprint(self.fingerprint))

    @property
    def is_pin_enough(self) -> bool:
        """Whether the fingerprint replaces the check of authority and name."""
        return bool(self.fingerprint) and not self.ca_file


def normal_fingerprint(text: str) -> str:
    """Return 64 small hexadecimal digits, or nothing for nothing. Raises LocalProtocolError."""
    digits = _SEPARATORS.sub("", _PREFIX.sub("", text.strip())).lower()
    if digits and (len(digits) != _FINGERPRINT_DIGITS or set(digits) - set("0123456789abcdef")):
        raise LocalProtocolError("a SHA-256 fingerprint is 64 hexadecimal digits")
    return digits


DEFAULT_TERMS: Final = TlsTerms()
