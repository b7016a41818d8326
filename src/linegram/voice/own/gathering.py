"""Brings both ends' candidates together: ours to the far end when a way opens, theirs to the path."""

from typing import Final

from linegram.voice.own.ice.agent import IceAgent
from linegram.voice.own.ice.candidate import Candidate, network_of, parse_candidate, reflector_name
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.messages import CandidateLine, Candidates
from linegram.voice.own.ways.ways import Found, Ways

CALLER_TAG, CALLEE_TAG = 1, 2
"""The tags of calls whose reflectors stand alone (`network_standalone_reflectors`)."""

_MOST_LINES: Final = 32


class Gathering:
    """Tells of candidates at any time of the call; there is no last one."""

    def __init__(self, ways: Ways, ice: IceAgent, ufrag: str, *, far_tag: int = 0) -> None:
        """Begin; `far_tag` is the far end's at every reflector when it is fixed, then none is told."""
        self.ways = ways
        self._ice = ice
        self._ufrag = ufrag
        self._far_tag = far_tag

    def take(self, message: Candidates) -> None:
        """Try what the far end tells of; what we cannot reach is passed over."""
        for line in message.candidates:
            candidate = parse_candidate(line.sdp_string)
            if candidate is not None and not (self._far_tag and candidate.address.ip.endswith(".reflector")):
                self._ice.add_remote(candidate)

    def news(self, now: float) -> Candidates | None:
        """Use the ways that have opened, give up the lost; return what the far end must be told, or None."""
        while self.ways.lost:
            self._ice.remove_local(self.ways.lost.popleft(), now)
        lines: list[CandidateLine] = []
        while self.ways.found and len(lines) < _MOST_LINES:
            found = self.ways.found.popleft()
            self._use(found)
            lines.append(CandidateLine(found.candidate.line(self._ufrag)))
        return Candidates(tuple(lines)) if lines else None

    def _use(self, found: Found) -> None:
        if found.number is None:
            return
        self._ice.add_local(found.number, found.candidate, found.relay)
        network = network_of(found.candidate.address)
        if self._far_tag and network.startswith("reflector-"):
            name = reflector_name(int(network.removeprefix("reflector-")), self._far_tag)
            address = Address(name, found.candidate.address.port)
            self._ice.add_remote(Candidate(address, "relay", found.candidate.priority))
