"""Blocks of RTCP extended reports to and from bytes: VoIP metrics, and others as they came (RFC 3611)."""

import struct
from dataclasses import astuple, dataclass
from typing import Final, TypeAlias

from linegram.errors import RemoteProtocolError

VOIP_METRICS: Final = 7
UNKNOWN: Final = 127
"""What a field of eight bits holds when nobody could tell (section 4.7)."""

_HEAD: Final = struct.Struct("!BBH")
_VOIP: Final = struct.Struct("!IBBBBHHHHbbBBBBBBBBHHH")
_VOIP_WORDS: Final = _VOIP.size // 4


@dataclass(frozen=True, slots=True)
class VoipMetrics:
    """How a call sounds at a receiver (section 4.7). Rates are in 256ths, opinions in tenths of MOS."""

    ssrc: int
    loss_rate: int = 0
    discard_rate: int = 0
    burst_density: int = 0
    gap_density: int = 0
    burst_ms: int = 0
    gap_ms: int = 0
    round_trip_ms: int = 0
    end_system_ms: int = 0
    signal_dbm: int = UNKNOWN
    noise_dbm: int = UNKNOWN
    echo_return_loss_db: int = UNKNOWN
    gap_minimum: int = 16
    r_factor: int = UNKNOWN
    outer_r_factor: int = UNKNOWN
    listening_mos_tenths: int = UNKNOWN
    conversation_mos_tenths: int = UNKNOWN
    receiver_configuration: int = 0
    reserved: int = 0
    playout_ms: int = 0
    playout_maximum_ms: int = 0
    playout_limit_ms: int = 0

    def serialise(self) -> bytes:
        """Write the block."""
        return _HEAD.pack(VOIP_METRICS, 0, _VOIP_WORDS) + _VOIP.pack(*astuple(self))


@dataclass(frozen=True, slots=True)
class OtherBlock:
    """A block of a type that we do not read; whole 32-bit words."""

    block_type: int
    specific: int
    content: bytes

    def serialise(self) -> bytes:
        """Write the block as it came."""
        return _HEAD.pack(self.block_type, self.specific, len(self.content) // 4) + self.content


ReportedBlock: TypeAlias = VoipMetrics | OtherBlock


def parse_blocks(content: bytes) -> tuple[ReportedBlock, ...]:
    """Read the blocks of one extended report.

    Raises RemoteProtocolError for a block that is longer than its packet.
    """
    blocks: list[ReportedBlock] = []
    start = 0
    while start < len(content):
        if start + _HEAD.size > len(content):
            raise RemoteProtocolError("RTCP extended report ends inside a block's header")
        block_type, specific, words = _HEAD.unpack_from(content, start)
        end = start + _HEAD.size + 4 * words
        if end > len(content):
            raise RemoteProtocolError("RTCP extended report ends inside a block")
        body = content[start + _HEAD.size : end]
        is_voip = block_type == VOIP_METRICS and words == _VOIP_WORDS and specific == 0
        blocks.append(VoipMetrics(*_VOIP.unpack(body)) if is_voip else OtherBlock(block_type, specific, body))
        start = end
    return tuple(blocks)
