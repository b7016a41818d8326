"""A way without a relay: a socket on one address of this machine, and how the world sees it."""

from collections.abc import Callable, Sequence
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.candidate import Candidate, foundation_of, priority_of
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.ice.stun_probe import StunProbe
from linegram.voice.own.ways.sockets import family_of, open_udp, read_udp

_MOST_SEEN: Final = 4


class DirectWay:
    """A socket; STUN servers of its family are asked from it."""

    relay = None
    is_lost = False

    def __init__(
        self,
        ip: str,
        preference: int,
        *,
        stun_servers: Sequence[Address],
        random: Callable[[], float],
        now: float,
    ) -> None:
        """Open; raises OSError when the address refuses."""
        self._socket = open_udp(ip)
        self._send = self._socket.sendto
        address = Address(*self._socket.getsockname()[:2])
        self.local = Candidate(
            address, "host", priority_of("host", preference), foundation_of("host", address.ip, "")
        )
        self.seen: tuple[Candidate, ...] = ()
        self._preference = preference
        self._random = random
        reachable = [server for server in stun_servers if family_of(server.ip) == family_of(ip)]
        self._probes = {server: StunProbe(server, random, now) for server in reachable}
        self._send_questions()

    @property
    def why(self) -> str:
        """Name the STUN servers that do not answer."""
        return " ".join(probe.why for probe in self._probes.values() if probe.why)

    def send(self, target: Address, payload: bytes, _now: float) -> None:
        """Send a datagram."""
        try:
            self._send(payload, target)
        except OSError:
            return

    def received(self, now: float) -> list[tuple[Address, bytes]]:
        """Give what came from the far end; answers of STUN servers are for us."""
        found = read_udp(self._socket)
        if self._probes and any(source in self._probes for source, _ in found):
            return [one for one in found if not self._is_answer(*one, now)]
        return found

    def handle_timer(self, now: float) -> None:
        """Ask the STUN servers when it is time."""
        for probe in self._probes.values():
            probe.handle_timer(now)
        self._send_questions()

    def look_again(self, now: float) -> None:
        """Ask the STUN servers anew: a NAT may show us at another address now."""
        self._probes = {server: StunProbe(server, self._random, now) for server in self._probes}
        self._send_questions()

    def close(self, _now: float) -> None:
        """Free the port."""
        self._socket.close()

    def _send_questions(self) -> None:
        for server, probe in self._probes.items():
            while (question := probe.next_datagram()) is not None:
                self.send(server, question, 0.0)

    def _is_answer(self, source: Address, datagram: bytes, now: float) -> bool:
        """Take an answer in; from the same address a far end may speak too."""
        probe = self._probes.get(source)
        if probe is None:
            return False
        try:
            probe.receive(datagram, now)
        except RemoteProtocolError:
            return False
        self._note_seen(source, probe.mapped)
        return True

    def _note_seen(self, server: Address, mapped: Address | None) -> None:
        """Remember how the world sees us (RFC 8445 section 5.1.1.2); without a NAT that is nothing new."""
        if mapped is None or mapped == self.local.address or mapped in [one.address for one in self.seen]:
            return
        candidate = Candidate(
            mapped,
            "srflx",
            priority_of("srflx", self._preference),
            foundation_of("srflx", self.local.address.ip, server.ip),
            self.local.address,
        )
        self.seen = (*self.seen, candidate)[-_MOST_SEEN:]
