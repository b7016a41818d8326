"""Which PBX leg holds which pair of RTP ports, and what SDP says of it. Pure: the clock is passed in."""

from collections.abc import Callable

from linegram.agent.rtp_ports import RtpPorts
from linegram.media.control import LocalMedia
from linegram.units import LegId


class LegPorts:
    """Gives out ports and keeps those that a leg has got; a port that nobody keeps rests."""

    def __init__(self, ports: RtpPorts, announced_ip: str, clock: Callable[[], float]) -> None:
        self._ports = ports
        self._announced_ip = announced_ip
        self._clock = clock
        self._port_of_leg: dict[LegId, int] = {}

    @property
    def taken_count(self) -> int:
        """How many pairs are in use."""
        return self._ports.taken_count

    def media_of(self, leg_id: LegId) -> LocalMedia | None:
        """Say where a leg receives; None without ports."""
        port = self._port_of_leg.get(leg_id)
        return None if port is None else LocalMedia(self._announced_ip, port)

    def take(self) -> int:
        """Give a port to try; then `keep` it or `drop` it.

        Raises UnavailableError with a sentence when there is none.
        """
        return self._ports.take(self._clock())

    def keep(self, leg_id: LegId, port: int) -> LocalMedia:
        """Let a leg have a port that was taken."""
        self._port_of_leg[leg_id] = port
        return LocalMedia(self._announced_ip, port)

    def drop(self, port: int) -> None:
        """Let a port go that no leg has got."""
        self._ports.give_back(port, self._clock())

    def free(self, leg_id: LegId) -> None:
        """Let go what a leg has; nothing, if it has none."""
        port = self._port_of_leg.pop(leg_id, None)
        if port is not None:
            self.drop(port)
