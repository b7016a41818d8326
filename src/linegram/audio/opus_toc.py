"""What the first bytes of an Opus packet tell, without decoding it (RFC 6716 section 3)."""

from typing import Final, NamedTuple

from linegram.errors import RemoteProtocolError

_LONGEST_TICKS: Final = 5760
"""120 ms at 48 000 Hz: no packet is longer (requirement R5)."""

_SILK_TICKS: Final = (480, 960, 1920, 2880)
_HYBRID_TICKS: Final = (480, 960)
_CELT_TICKS: Final = (120, 240, 480, 960)
_FIRST_HYBRID, _FIRST_CELT = 12, 16
_STEREO: Final = 0x04
_COUNT_MASK: Final = 0x3F


class OpusPacketForm(NamedTuple):
    """How much sound a packet holds; ticks are of 48 000 Hz, as on RTP timestamps."""

    frame_count: int
    frame_ticks: int
    is_stereo: bool

    @property
    def duration_ticks(self) -> int:
        """How long the packet sounds."""
        return self.frame_count * self.frame_ticks

    @property
    def duration_ms(self) -> float:
        """How long the packet sounds."""
        return self.duration_ticks / 48


def read_opus_form(payload: bytes) -> OpusPacketForm:
    """Read the table of contents; a packet of one byte is fine, it says "nothing to say" (DTX).

    Raises RemoteProtocolError for what no decoder takes.
    """
    if not payload:
        raise RemoteProtocolError("empty Opus payload")
    first = payload[0]
    frame_ticks = _frame_ticks(first >> 3)
    form = OpusPacketForm(_frame_count(payload), frame_ticks, bool(first & _STEREO))
    if form.duration_ticks > _LONGEST_TICKS:
        raise RemoteProtocolError("Opus packet longer than 120 ms")
    return form


def _frame_ticks(configuration: int) -> int:
    """Look up the length of a frame (section 3.1, table 2)."""
    if configuration < _FIRST_HYBRID:
        return _SILK_TICKS[configuration & 3]
    if configuration < _FIRST_CELT:
        return _HYBRID_TICKS[configuration & 1]
    return _CELT_TICKS[configuration & 3]


def _frame_count(payload: bytes) -> int:
    """Count the frames by the code in the lowest two bits (section 3.2)."""
    code = payload[0] & 3
    if code == 0:
        return 1
    if code == 1:
        if len(payload) % 2 == 0:
            raise RemoteProtocolError("Opus packet of two equal frames has an odd rest")
        return 2
    if code == 2:
        return 2
    if len(payload) < 2:
        raise RemoteProtocolError("Opus packet ends before its frame count")
    count = payload[1] & _COUNT_MASK
    if count == 0:
        raise RemoteProtocolError("Opus packet of no frame")
    return count
