"""What offer/answer speaks about: codecs, our side of the audio, the agreed stream. Plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from linegram.sip.sdp import Direction, RtpMap, Sdp
from linegram.sip.sdp_crypto import NO_SRTP, LocalSrtp, SrtpTerms


@dataclass(frozen=True, slots=True)
class CodecOffer:
    """One codec with its payload type. `fmtp` is what the side that wrote it wishes to receive."""

    name: str
    clock_hz: int
    channels: int = 1
    fmtp: str = ""
    payload_type: int = 96

    def is_same_codec(self, other: "CodecOffer | RtpMap") -> bool:
        """Compare what is sent, not under which number."""
        return (self.name.lower(), self.clock_hz, self.channels) == (
            other.name.lower(),
            other.clock_hz,
            other.channels,
        )


PCMA: Final = CodecOffer("PCMA", 8000, payload_type=8)
PCMU: Final = CodecOffer("PCMU", 8000, payload_type=0)
G722: Final = CodecOffer("G722", 8000, payload_type=9)
OPUS: Final = CodecOffer("opus", 48000, 2, "useinbandfec=1", 107)
SPEEX: Final = CodecOffer("speex", 8000, payload_type=97)
SPEEX_WIDE: Final = CodecOffer("speex", 16000, payload_type=98)
G729: Final = CodecOffer("G729", 8000, fmtp="annexb=no", payload_type=18)
GSM: Final = CodecOffer("GSM", 8000, payload_type=3)


@dataclass(frozen=True, slots=True)
class LocalAudio:
    """Our side of the stream: where we listen, what we can do, in our order of preference.

    `session_id` is digits (RFC 8866 section 5.2) and stays for the whole dialog.
    """

    address: str
    port: int
    codecs: tuple[CodecOffer, ...]
    session_id: str
    direction: Direction = Direction.SENDRECV
    ptime_ms: int = 20
    has_telephone_event: bool = True
    srtp: LocalSrtp = NO_SRTP


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """How digits travel: the payload types of each way and the clock (RFC 4733)."""

    send_payload_type: int
    receive_payload_type: int
    clock_hz: int


@dataclass(frozen=True, slots=True)
class AudioStream:
    """What was agreed, seen from our side.

    `codec` is what we send, with the peer's payload type and wishes; `receivable` maps
    every payload type that may arrive to its codec. Do not send where `direction` says no:
    the address may then be 0.0.0.0. `ptime_ms` is the packet length that the peer wishes,
    and never more than it takes. `srtp` is None for audio in the clear.
    """

    remote_address: str
    remote_port: int
    remote_rtcp_port: int
    codec: CodecOffer
    receivable: Mapping[int, CodecOffer]
    direction: Direction
    ptime_ms: int = 20
    telephone_event: TelephoneEvent | None = None
    srtp: SrtpTerms | None = None

    @property
    def is_held_by_peer(self) -> bool:
        """Tell whether the peer wants nothing from us now."""
        return not self.direction.sends


@dataclass(frozen=True, slots=True)
class AnsweredMedia:
    """Our answer, and the stream that it agrees to."""

    sdp: Sdp
    stream: AudioStream
