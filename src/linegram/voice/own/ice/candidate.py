"""Candidates as lines of SDP (RFC 8839 section 5.1), their priority, and which of them can meet.

A candidate behind one of Telegram's relays ("reflector") has a name instead of an address:
`reflector-<number of the relay>-<tag of the end>.reflector`. Such a name stands where an IP address would.
"""

import re
import zlib
from ipaddress import ip_address
from typing import Final, NamedTuple

from linegram.voice.own.ice.stun import Address

_TYPE_PREFERENCE: Final = {"host": 126, "prflx": 110, "srflx": 100, "relay": 0}
_COMPONENT: Final = 1
_REFLECTOR: Final = re.compile(r"reflector-([1-9][0-9]{0,3})-([1-9][0-9]{0,9})\.reflector")
_NOBODY: Final = {"4": Address("0.0.0.0", 9), "6": Address("::", 9)}
"""The address of one who does not say where he is (RFC 8839 section 5.1)."""


class Candidate(NamedTuple):
    """One address at which an end may be reached; `related` is where it really is, None to keep that back."""

    address: Address
    kind: str
    priority: int
    foundation: str = "1"
    related: Address | None = None

    def line(self, ufrag: str) -> str:
        """Write the candidate as the far end reads it."""
        ip, port = self.address
        return (
            f"candidate:{self.foundation} {_COMPONENT} udp {self.priority} {ip} {port}"
            f" typ {self.kind}{self._related()} generation 0 ufrag {ufrag} network-id 1"
        )

    def _related(self) -> str:
        """Every kind but host names a related address, be it nobody's."""
        if self.kind == "host":
            return ""
        ip, port = self.related or _NOBODY["6" if ":" in self.address.ip else "4"]
        return f" raddr {ip} rport {port}"


def priority_of(kind: str, local_preference: int) -> int:
    """Rank a candidate (RFC 8445 section 5.1.2.1); `local_preference` has 16 bits."""
    return _TYPE_PREFERENCE[kind] << 24 | local_preference << 8 | 256 - _COMPONENT


def foundation_of(kind: str, base_ip: str, server: str) -> str:
    """Name what candidates have in common that fare alike (RFC 8445 section 5.1.1.3)."""
    return str(zlib.crc32(f"{kind} {base_ip} {server}".encode()))


def reflector_name(number: int, tag: int) -> str:
    """Name an end behind a reflector."""
    return f"reflector-{number}-{tag}.reflector"


def reflector_tag(name: str) -> int:
    """Give the tag of an end from its name, 0 when that is no such name."""
    match = _REFLECTOR.fullmatch(name)
    return 0 if match is None else int(match[2])


def network_of(address: Address) -> str:
    """Say in which network an address is: only within one can datagrams travel.

    That is a family of IP, or all ends behind one reflector. This machine's loopback is a network of its own:
    a far end that names it would have us knock at our own doors.
    """
    ip = address.ip
    if ip.endswith(".reflector"):
        return ip.rpartition("-")[0]
    family = "6" if ":" in ip else "4"
    return f"loopback {family}" if ip.startswith("127.") or ip == "::1" else family


def parse_candidate(line: str) -> Candidate | None:
    """Read a candidate; None for one out of reach: a host's name, TCP, a link-local address, nonsense."""
    words = line.removeprefix("a=").removeprefix("candidate:").split()
    if len(words) < 8 or words[2].lower() != "udp" or words[6] != "typ" or words[7] not in _TYPE_PREFERENCE:
        return None
    try:
        priority, port = int(words[3]), int(words[5])
        ip = words[4] if _is_reflected(words) else _reachable_ip(words[4])
    except ValueError:
        return None
    if not 0 < port < 1 << 16 or not 0 < priority < 1 << 32:
        return None
    return Candidate(Address(ip, port), words[7], priority, words[0])


def _is_reflected(words: list[str]) -> bool:
    return words[7] == "relay" and 0 < reflector_tag(words[4]) < 1 << 32


def _reachable_ip(text: str) -> str:
    """Write an address in its one form; raises ValueError for one that leads nowhere."""
    ip = ip_address(text)
    if "%" in text:
        raise ValueError("an address in a zone of somebody else's machine")
    if ip.is_link_local or ip.is_unspecified or ip.is_multicast:
        raise ValueError("an address that leads nowhere")
    return str(ip)
