"""Keys for SRTP in a session description: `a=crypto` (RFC 4568, RFC 7714). Pure; keys are passed in.

The keys travel in the clear inside SIP: they protect audio only where TLS protects the SIP.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final, Self

from linegram.errors import RemoteProtocolError
from linegram.sip.sdp import Attribute, MediaDescription

NAME: Final = "crypto"
KEY_BYTES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "AEAD_AES_128_GCM": 16 + 12,
        "AEAD_AES_256_GCM": 32 + 12,
        "AES_CM_128_HMAC_SHA1_80": 16 + 14,
        "AES_CM_128_HMAC_SHA1_32": 16 + 14,
    }
)
"""The suites that we can do, best first, and how long key and salt are together."""

SECURED_PROTOCOLS: Final = ("RTP/SAVP", "RTP/SAVPF")
_LINE: Final = re.compile(
    r"([0-9]{1,9})[ \t]+([A-Za-z0-9_]+)[ \t]+([^ \t]+)((?:[ \t]+[^ \t]+)*)[ \t]*"
).fullmatch
_INLINE: Final = "inline:"
_HARMLESS: Final = ("WSH=", "KDR=0")


class SrtpPolicy(Enum):
    """Whether an account's audio is encrypted. PREFERRED offers it to peers that may ignore it."""

    OFF = "off"
    PREFERRED = "preferred"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class CryptoLine:
    """One way to encrypt: its number, its suite, and the key and salt of its writer."""

    tag: int
    suite: str
    key: bytes = field(repr=False)

    @classmethod
    def parse(cls, value: str) -> Self | None:
        """Read the value of `a=crypto`; None for one that we cannot follow, which is no mistake.

        Raises RemoteProtocolError for what is not of this form at all.
        """
        match = _LINE(value)
        if match is None:
            raise RemoteProtocolError("malformed crypto line", status_hint=488)
        tag, suite, keys, parameters = match.groups()
        length = KEY_BYTES.get(suite.upper())
        if length is None or any(not word.startswith(_HARMLESS) for word in parameters.split()):
            return None
        key = _read_key(keys)
        return None if key is None or len(key) != length else cls(int(tag), suite.upper(), key)

    def __str__(self) -> str:
        """Write the value, key included: never into a log."""
        return f"{self.tag} {self.suite} {_INLINE}{base64.b64encode(self.key).decode()}"


@dataclass(frozen=True, slots=True)
class SrtpTerms:
    """What both sides agreed to encrypt with: key and salt of each direction."""

    suite: str
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class LocalSrtp:
    """Our side: the policy, and one line for each suite with keys that stay for the whole dialog."""

    policy: SrtpPolicy = SrtpPolicy.OFF
    lines: tuple[CryptoLine, ...] = ()

    @classmethod
    def with_keys(cls, policy: SrtpPolicy, random_bytes: Callable[[int], bytes]) -> Self:
        """Make keys for every suite; `random_bytes` must be fit for secrets."""
        if policy is SrtpPolicy.OFF:
            return cls()
        lines = (
            CryptoLine(number, suite, random_bytes(length))
            for number, (suite, length) in enumerate(KEY_BYTES.items(), start=1)
        )
        return cls(policy, tuple(lines))

    @property
    def protocol(self) -> str:
        """What to offer: a peer may ignore lines, but must refuse a secured protocol unknown to it."""
        return SECURED_PROTOCOLS[0] if self.policy is SrtpPolicy.REQUIRED else "RTP/AVP"

    def attributes(self) -> list[Attribute]:
        """The lines as an offer has them."""
        return [(NAME, str(line)) for line in self.lines]

    def may_answer(self, section: MediaDescription) -> bool:
        """Say whether the policy lets us take an offered stream."""
        if is_secured(section) or self.policy is SrtpPolicy.REQUIRED:
            return self.answer(section) is not None
        return True

    def answer(self, section: MediaDescription) -> tuple[CryptoLine, SrtpTerms] | None:
        """Choose the first of the offered lines that we can do: our line, and what it agrees on."""
        ours = {line.suite: line for line in self.lines}
        for theirs in read_lines(section) if ours else ():
            mine = ours.get(theirs.suite)
            if mine is not None:
                line = CryptoLine(theirs.tag, mine.suite, mine.key)
                return line, SrtpTerms(mine.suite, mine.key, theirs.key)
        return None


NO_SRTP: Final = LocalSrtp()


def is_secured(section: MediaDescription) -> bool:
    """Say whether a stream is written as one that must be encrypted."""
    return section.protocol.upper() in SECURED_PROTOCOLS


def read_lines(section: MediaDescription) -> list[CryptoLine]:
    """Read the lines that we can follow. Raises RemoteProtocolError for a malformed one."""
    lines = (CryptoLine.parse(value) for value in section.attribute_values(NAME))
    return [line for line in lines if line is not None]


def read_answer(offered: MediaDescription, answered: MediaDescription) -> SrtpTerms | None:
    """What an answer to our offer agrees on; None for audio in the clear.

    Raises RemoteProtocolError when a stream that must be encrypted comes back without a line of ours.
    """
    ours = {line.tag: line for line in read_lines(offered)}
    for theirs in read_lines(answered) if ours else ():
        mine = ours.get(theirs.tag)
        if mine is not None and mine.suite == theirs.suite:
            return SrtpTerms(mine.suite, mine.key, theirs.key)
    if is_secured(answered) or is_secured(offered):
        raise RemoteProtocolError("the answer takes none of our keys", status_hint=488)
    return None


def _read_key(text: str) -> bytes | None:
    """Read the first key; None when it needs an identifier in each packet, which we do not write."""
    first = text.split(";", maxsplit=1)[0]
    if not first.lower().startswith(_INLINE):
        return None
    encoded, *rest = first[len(_INLINE) :].split("|")
    if any(":" in part for part in rest):
        return None
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise RemoteProtocolError("malformed key in a crypto line", status_hint=488) from None
