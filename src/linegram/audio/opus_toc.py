"""How an Opus packet is made up of frames, without decoding it (RFC 6716 section 3)."""

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
_PADDED, _VARIABLE = 0x40, 0x80
_LONG_LENGTH: Final = 252
_MORE_PADDING: Final = 255


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


def split_opus(payload: bytes) -> list[bytes]:
    """Make a packet of its own for every frame; each decodes as it would have within the packet.

    Raises RemoteProtocolError for what no decoder takes.
    """
    form = read_opus_form(payload)
    if form.frame_count == 1 and payload[0] & 3 == 0:
        return [payload]
    head = bytes((payload[0] & 0xFC,))
    return [head + frame for frame in _frames(payload, form.frame_count)]


def _frames(payload: bytes, count: int) -> list[bytes]:
    """Cut the frames out by the code of the packet (section 3.2)."""
    code, content = payload[0] & 3, payload[1:]
    if code == 1:
        return _equal_parts(content, 2)
    if code == 2:
        return _cut(content, count)
    flags, content = payload[1], payload[2:]
    if flags & _PADDED:
        content = _without_padding(content)
    return _cut(content, count) if flags & _VARIABLE else _equal_parts(content, count)


def _equal_parts(content: bytes, count: int) -> list[bytes]:
    size, rest = divmod(len(content), count)
    if rest:
        raise RemoteProtocolError("Opus packet of equal frames has an odd rest")
    return [content[at * size : (at + 1) * size] for at in range(count)]


def _cut(content: bytes, count: int) -> list[bytes]:
    """Cut by the lengths that are written for all frames but the last; they come first."""
    sizes, start = [], 0
    for _ in range(count - 1):
        size, width = _length_at(content, start)
        sizes.append(size)
        start += width
    frames = []
    for size in sizes:
        frames.append(content[start : start + size])
        start += size
    if start > len(content):
        raise RemoteProtocolError("Opus packet ends inside a frame")
    return [*frames, content[start:]]


def _length_at(content: bytes, at: int) -> tuple[int, int]:
    """Read a length of one or two bytes (section 3.2.1)."""
    if at < len(content) and content[at] < _LONG_LENGTH:
        return content[at], 1
    if at + 1 >= len(content):
        raise RemoteProtocolError("Opus packet ends inside a length")
    return 4 * content[at + 1] + content[at], 2


def _without_padding(content: bytes) -> bytes:
    """Drop the padding and its length (section 3.2.5): 255 stands for 254 and more."""
    at, size = 0, 0
    while at < len(content) and content[at] == _MORE_PADDING:
        size += _MORE_PADDING - 1
        at += 1
    if at >= len(content):
        raise RemoteProtocolError("Opus packet ends inside its padding length")
    size += content[at]
    rest = content[at + 1 :]
    if size > len(rest):
        raise RemoteProtocolError("Opus packet is shorter than its padding")
    return rest[: len(rest) - size]
