"""Ways through a relay: an allocation at a TURN server, an end at one of Telegram's reflectors."""

from collections.abc import Callable

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.candidate import Candidate, foundation_of, priority_of
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.ice.turn import TurnClient
from linegram.voice.own.relays.reflector import ReflectorClient
from linegram.voice.own.relays.servers import ReflectorServer, TurnServer
from linegram.voice.own.ways.carriers import Carrier, TcpCarrier, UdpCarrier
from linegram.voice.own.ways.sockets import leading_out, routed_ip


class TurnWay:
    """An allocation; `local` is our address at the relay, another one when it had to be made anew."""

    relay = None

    def __init__(
        self,
        server: TurnServer,
        preference: int,
        random: Callable[[], float],
        now: float,
        *,
        may_tell_mapped: bool,
    ) -> None:
        """Ask for the allocation; raises OSError when this machine has no socket for it."""
        self._address = leading_out(server.addresses)
        self._carrier = UdpCarrier(self._address)
        self._client = TurnClient(self._address, server.username, server.password, random=random, now=now)
        self._priority = priority_of("relay", preference)
        self._may_tell_mapped = may_tell_mapped
        self._routed_ip = routed_ip(self._address)
        self._has_moved = False
        self.local: Candidate | None = None
        self.seen: tuple[Candidate, ...] = ()
        self._flush()

    @property
    def why(self) -> str:
        """Say what the server refused, or that it does not answer."""
        if self._has_moved:
            return f"{self} belongs to an address that we had."
        waiting = "" if self._client.relayed is not None else f"{self} has not answered."
        return self._client.why or waiting

    @property
    def is_lost(self) -> bool:
        """The server does not relay for us, or relays to where we were."""
        return self._has_moved or self._client.has_failed

    def __str__(self) -> str:
        ip, port = self._address
        return f"The TURN server {ip}:{port}"

    def send(self, target: Address, payload: bytes, now: float) -> None:
        """Have a datagram relayed."""
        self._client.send(target, payload, now)
        self._flush()

    def received(self, now: float) -> list[tuple[Address, bytes]]:
        """Give what was relayed to us."""
        found: list[tuple[Address, bytes]] = []
        for datagram in self._carrier.received():
            try:
                found += self._client.receive(datagram, now)
            except RemoteProtocolError:
                continue
        self._settle()
        return found

    def handle_timer(self, now: float) -> None:
        """Keep the allocation alive."""
        self._client.handle_timer(now)
        self._settle()

    def look_again(self, _now: float) -> None:
        """Be lost when we would come from another address: the allocation is of the old one."""
        self._has_moved = self._has_moved or routed_ip(self._address) != self._routed_ip

    def close(self, now: float) -> None:
        """Give the allocation back."""
        self._client.close(now)
        self._flush()
        self._carrier.close()

    def _settle(self) -> None:
        """Send what waits, and notice another address at the relay."""
        self._flush()
        relayed = self._client.relayed
        if relayed == (self.local and self.local.address):
            return
        related = self._client.mapped if self._may_tell_mapped else None
        foundation = foundation_of("relay", "", self._address.ip)
        self.local = relayed and Candidate(relayed, "relay", self._priority, foundation, related)

    def _flush(self) -> None:
        while (datagram := self._client.next_datagram()) is not None:
            self._carrier.send(datagram)


class ReflectorWay:
    """An end at a reflector, over UDP or TCP."""

    seen: tuple[Candidate, ...] = ()

    def __init__(self, server: ReflectorServer, preference: int, *, tag: int, now: float) -> None:
        """Say hello; raises OSError when this machine has no socket for it."""
        ip, port = self.relay = leading_out(server.addresses)
        self._addresses = server.addresses
        self._has_moved = False
        self._carrier: Carrier = TcpCarrier(self.relay) if server.is_tcp else UdpCarrier(self.relay)
        self._client = ReflectorClient(server.peer_tag, server.number, port, tag=tag, is_stream=server.is_tcp)
        self._is_stream = server.is_tcp
        self._candidate = Candidate(
            self._client.address, "relay", priority_of("relay", preference), foundation_of("relay", "", ip)
        )
        self.handle_timer(now)

    @property
    def local(self) -> Candidate | None:
        """What we are there; over UDP once the reflector has answered, over TCP once it is connected."""
        is_ready = self._carrier.is_open if self._is_stream else self._client.is_answered
        return self._candidate if is_ready else None

    @property
    def why(self) -> str:
        """Say what is wrong with the connection, or that the reflector does not answer."""
        if self._has_moved:
            return f"{self} is out of reach now."
        if self._carrier.why:
            return f"{self} {self._carrier.why}."
        return "" if self.local is not None else f"{self} has not answered."

    @property
    def is_lost(self) -> bool:
        """The connection is over, or the reflector is to be reached at its other address now."""
        return self._has_moved or bool(self._carrier.why)

    def __str__(self) -> str:
        ip, port = self.relay
        return f"The reflector {ip}:{port} ({'TCP' if self._is_stream else 'UDP'})"

    def send(self, target: Address, payload: bytes, now: float) -> None:
        """Have the reflector pass a datagram on."""
        self._carrier.send(self._client.wrap(target, payload, now))

    def received(self, now: float) -> list[tuple[Address, bytes]]:
        """Give what was passed on to us."""
        opened = (self._client.receive(packet, now) for packet in self._carrier.received())
        return [one for one in opened if one is not None]

    def handle_timer(self, now: float) -> None:
        """Say hello when it is time."""
        self._client.handle_timer(now)
        self._flush()

    def look_again(self, now: float) -> None:
        """Let the reflector know at once where we are now."""
        self._has_moved = leading_out(self._addresses) != self.relay
        self._client.greet_again(now)
        self._flush()

    def close(self, _now: float) -> None:
        """Leave; the reflector forgets us by itself."""
        self._carrier.close()

    def _flush(self) -> None:
        while (packet := self._client.next_packet()) is not None:
            self._carrier.send(packet)
