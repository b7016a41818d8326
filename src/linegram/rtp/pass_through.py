"""Packets from one RTP stream to another, unopened: payloads bit by bit, gaps kept as gaps.

While it is on, no jitter buffer of ours is between the ends: the one that
plays the sound has its own, and needs sequence numbers and timestamps as far
apart as they were sent. Knows no codec: how long a payload sounds is told by a
function passed in.
"""

from collections.abc import Callable, Iterable
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.rtp.packet import PassedPacket, RtpPacket
from linegram.rtp.receiver import RtpReceiver
from linegram.rtp.sender import RtpSender
from linegram.rtp.sequence import ReplayWindow

_MOST_WAITING: Final = 100
_NO_SOURCE: Final = -1


class PassedPackets:
    """Stands where the jitter buffer was: keeps the order of arrival, drops what came twice."""

    def __init__(self, payload_types: frozenset[int], duration_of: Callable[[bytes], int]) -> None:
        """Pass packets of these types; `duration_of` raises RemoteProtocolError for what is no packet."""
        self.duplicate = self.malformed = self.overflowed = 0
        self.has_other_type = False
        self._payload_types = payload_types
        self._duration_of = duration_of
        self._waiting: list[PassedPacket] = []
        self._source = _NO_SOURCE
        self._seen = ReplayWindow()
        self._without_audio = 0

    def put(self, sequence: int, packet: RtpPacket, now: float) -> None:  # noqa: ARG002
        """Keep one packet; a type that cannot pass is only noted."""
        self._follow(packet.ssrc)
        if not self._seen.take(sequence):
            self.duplicate += 1
        elif packet.payload_type not in self._payload_types:
            self.has_other_type = True
        elif len(self._waiting) >= _MOST_WAITING:
            self.overflowed += 1
        else:
            self._keep(sequence, packet)

    def pass_over(self, sequence: int) -> None:
        """Close the gap of a packet without audio: the far end must not take a digit for a loss."""
        if sequence == self._seen.highest + 1:
            self._without_audio += 1
        self._seen.take(sequence)

    def take(self) -> list[PassedPacket]:
        """Give what has come since the last time."""
        taken, self._waiting = self._waiting, []
        return taken

    def _follow(self, source: int) -> None:
        if source != self._source:
            self._source, self._seen, self._without_audio = source, ReplayWindow(), 0

    def _keep(self, sequence: int, packet: RtpPacket) -> None:
        try:
            ticks = self._duration_of(packet.payload)
        except RemoteProtocolError:
            self.malformed += 1
            return
        number = sequence - self._without_audio
        self._waiting.append(
            PassedPacket(packet.ssrc, number, packet.timestamp, packet.payload, ticks, packet.marker)
        )


class PassThrough:
    """Switches one stream between its own codec and passing; take and give once per 20 ms while it is on."""

    def __init__(
        self, receiver: RtpReceiver, sender: RtpSender, duration_of: Callable[[bytes], int], frame_ticks: int
    ) -> None:
        self.packets_passed = 0
        self._receiver = receiver
        self._sender = sender
        self._duration_of = duration_of
        self._frame_ticks = frame_ticks
        self._packets: PassedPackets | None = None
        self._earlier_duplicates = 0

    @property
    def is_on(self) -> bool:
        """Packets go through unopened now."""
        return self._packets is not None

    @property
    def has_other_type(self) -> bool:
        """The peer sends a codec that cannot pass."""
        return self._packets is not None and self._packets.has_other_type

    @property
    def duplicates(self) -> int:
        """How many packets came twice while passing."""
        return self._earlier_duplicates + (0 if self._packets is None else self._packets.duplicate)

    def take(self, payload_types: frozenset[int]) -> list[PassedPacket]:
        """Give what came. The first time begins with what waited to be played: nothing of it is cut off."""
        if self._packets is None:
            self._packets = PassedPackets(payload_types, self._duration_of)
            for sequence, packet in self._receiver.buffer.drain():
                self._packets.put(sequence, packet, 0.0)
            self._receiver.passed = self._packets
        return self._packets.take()

    def give(self, packets: Iterable[PassedPacket], now: float) -> list[bytes]:
        """Make the packets to send in these 20 ms."""
        self._sender.frame_begins_at = now
        datagrams = []
        for packet in packets:
            datagram = self._sender.forward(packet)
            if datagram is not None:
                datagrams.append(datagram)
        self._sender.let_pass(self._frame_ticks)
        self.packets_passed += len(datagrams)
        return datagrams

    def stop(self) -> None:
        """Let packets into the jitter buffer again. No effect while it is off."""
        if self._packets is not None:
            self._earlier_duplicates += self._packets.duplicate
            self._receiver.passed = self._packets = None
