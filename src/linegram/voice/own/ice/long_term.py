"""The user name and password by which a TURN server knows us (RFC 8489 section 9.2). Pure."""

from hashlib import md5
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.stun import Attribute, StunMessage

_LONGEST_BYTES: Final = 763
"""As REALM and NONCE may be (sections 14.9 and 14.10)."""


class LongTermCredentials:
    """Unsigned at first; the server's challenge names the realm and the nonce to sign with."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._realm: bytes | None = None
        self._nonce = b""
        self.key: bytes | None = None

    def __repr__(self) -> str:
        return f"LongTermCredentials({self._username})"

    def attributes(self) -> tuple[tuple[int, bytes], ...]:
        """Give what a signed request names; nothing before the first challenge."""
        if self._realm is None:
            return ()
        return (
            (Attribute.USERNAME, self._username.encode()),
            (Attribute.REALM, self._realm),
            (Attribute.NONCE, self._nonce),
        )

    def take_challenge(self, message: StunMessage) -> None:
        """Sign from now on as the server asks; an answer without a realm keeps the old one.

        Raises RemoteProtocolError when it does not say how.
        """
        realm = message.find(Attribute.REALM) or self._realm
        nonce = message.find(Attribute.NONCE)
        if realm is None or not nonce or max(len(realm), len(nonce)) > _LONGEST_BYTES:
            raise RemoteProtocolError("TURN challenge without realm or nonce")
        self._realm, self._nonce = realm, nonce
        text = b":".join((self._username.encode(), realm, self._password.encode()))
        self.key = md5(text, usedforsecurity=False).digest()
