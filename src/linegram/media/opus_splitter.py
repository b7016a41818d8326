"""Opus packets for a peer that wishes shorter ones: cut between frames, which costs no sound. Pure."""

from collections.abc import Iterable
from typing import Final

from linegram.audio.opus_toc import split_opus
from linegram.errors import RemoteProtocolError
from linegram.rtp.packet import PassedPacket

_TICKS_PER_MS: Final = 48
_SILENT_BYTES: Final = 2
"""A packet that says "nothing to say" may be of any length."""


class OpusSplitter:
    """Renumbers what it cuts, so that a lost packet is as many lost ones."""

    def __init__(self, longest_ms: int) -> None:
        self.has_met_uncuttable = False
        """A frame is longer than the wish: the peer gets its packet as it is, once; then open them."""
        self._longest_ticks = longest_ms * _TICKS_PER_MS
        self._source: int | None = None
        self._sequence = self._number = 0
        self._last_count = 1

    def split(self, packets: Iterable[PassedPacket]) -> list[PassedPacket]:
        """Give packets no longer than the wish, where frames allow it."""
        return [part for packet in packets for part in self._parts(packet)]

    def _parts(self, packet: PassedPacket) -> list[PassedPacket]:
        payloads = self._payloads(packet)
        first, ticks = self._first_number(packet, len(payloads)), packet.duration_ticks // len(payloads)
        return [
            PassedPacket(
                packet.source,
                first + at,
                (packet.timestamp + at * ticks) & 0xFFFF_FFFF,
                payload,
                ticks,
                marker=packet.marker and at == 0,
            )
            for at, payload in enumerate(payloads)
        ]

    def _payloads(self, packet: PassedPacket) -> list[bytes]:
        if packet.duration_ticks <= self._longest_ticks or len(packet.payload) <= _SILENT_BYTES:
            return [packet.payload]
        try:
            payloads = split_opus(packet.payload)
        except RemoteProtocolError:
            return [packet.payload]
        if packet.duration_ticks // len(payloads) > self._longest_ticks:
            self.has_met_uncuttable = True
            return [packet.payload]
        return payloads

    def _first_number(self, packet: PassedPacket, count: int) -> int:
        """Number the first part: a packet that is missing before it leaves as many numbers free."""
        step = packet.sequence - self._sequence
        if packet.source != self._source:
            self._source, number = packet.source, packet.sequence
        elif step > 0:
            number = self._number + self._last_count + (step - 1) * count
        else:
            return self._number + step * count
        self._sequence, self._number, self._last_count = packet.sequence, number, count
        return number
