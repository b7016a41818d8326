"""Candidates as lines of SDP (RFC 8839 section 5.1), and their priority."""

from ipaddress import ip_address
from typing import Final, NamedTuple

from linegram.voice.own.ice.stun import Address

_TYPE_PREFERENCE: Final = {"host": 126, "prflx": 110, "srflx": 100, "relay": 0}
_COMPONENT: Final = 1


class Candidate(NamedTuple):
    """One address at which an end may be reached."""

    address: Address
    kind: str
    priority: int
    foundation: str = "1"

    def line(self, ufrag: str) -> str:
        """Write the candidate as the far end reads it."""
        ip, port = self.address
        return (
            f"candidate:{self.foundation} {_COMPONENT} udp {self.priority} {ip} {port}"
            f" typ {self.kind} generation 0 ufrag {ufrag} network-id 1"
        )


def priority_of(kind: str, local_preference: int) -> int:
    """Rank a candidate (RFC 8445 section 5.1.2.1); `local_preference` has 16 bits."""
    return _TYPE_PREFERENCE[kind] << 24 | local_preference << 8 | 256 - _COMPONENT


def parse_candidate(line: str) -> Candidate | None:
    """Read a candidate; None for one that we cannot reach: a name, TCP, a link-local address, nonsense."""
    words = line.removeprefix("a=").removeprefix("candidate:").split()
    if len(words) < 8 or words[2].lower() != "udp" or words[6] != "typ" or words[7] not in _TYPE_PREFERENCE:
        return None
    try:
        ip = ip_address(words[4])
        priority, port = int(words[3]), int(words[5])
    except ValueError:
        return None
    if ip.is_link_local or ip.is_unspecified or ip.is_multicast:
        return None
    if not 0 < port < 1 << 16 or not 0 < priority < 1 << 32:
        return None
    return Candidate(Address(str(ip), port), words[7], priority, words[0])
