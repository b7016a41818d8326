"""What a codec is, which ones work here, and how to open one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from linegram.audio import g729, gsm, opus, speex
from linegram.audio.frame import FULLBAND_HZ, NARROWBAND_HZ, WIDEBAND_HZ, PcmFrame
from linegram.audio.g711 import G711Codec
from linegram.audio.g722 import G722Codec


class Codec(Protocol):
    """Both directions of one stream. Stateful: one per stream, frames in order."""

    @property
    def name(self) -> str:
        """The encoding name in SDP."""

    @property
    def clock_hz(self) -> int:
        """How fast RTP timestamps run."""

    @property
    def sample_hz(self) -> int:
        """How many samples a second a frame has; not always the clock."""

    @property
    def payload_type(self) -> int | None:
        """The static RTP payload type (RFC 3551 section 6), None where SDP assigns one."""

    def encode(self, frame: PcmFrame) -> bytes:
        """Turn one frame into one payload."""

    def decode(self, payload: bytes) -> PcmFrame:
        """Turn one payload into samples, as many as it holds; RemoteProtocolError when it is none."""

    def conceal(self, sample_count: int) -> PcmFrame:
        """Invent what a lost packet held."""

    def recover(self, following: bytes, sample_count: int) -> PcmFrame:
        """Restore what a lost packet held from the payload after it, where the codec can; else conceal."""

    def expect_loss(self, percent: int) -> None:
        """Tell the encoder how much of what it makes is lost on the way."""

    def close(self) -> None:
        """Release native state. Safe to repeat."""


@dataclass(frozen=True, slots=True)
class CodecDescription:
    """What an SDP offer says of a codec."""

    name: str
    clock_hz: int
    sample_hz: int
    payload_type: int | None
    channels: int = 1
    format_parameters: str = ""


_DESCRIPTIONS: Final = (
    CodecDescription(
        "opus", FULLBAND_HZ, FULLBAND_HZ, None, channels=2, format_parameters="useinbandfec=1;usedtx=0"
    ),
    CodecDescription("G722", NARROWBAND_HZ, WIDEBAND_HZ, 9),
    CodecDescription("PCMA", NARROWBAND_HZ, NARROWBAND_HZ, 8),
    CodecDescription("PCMU", NARROWBAND_HZ, NARROWBAND_HZ, 0),
    CodecDescription("speex", WIDEBAND_HZ, WIDEBAND_HZ, None),
    CodecDescription("speex", NARROWBAND_HZ, NARROWBAND_HZ, None),
    CodecDescription("G729", NARROWBAND_HZ, NARROWBAND_HZ, 18, format_parameters="annexb=no"),
    CodecDescription("GSM", NARROWBAND_HZ, NARROWBAND_HZ, 3),
)
_IS_LOADABLE: Final[Mapping[str, Callable[[], bool]]] = MappingProxyType(
    {
        "opus": opus.is_available,
        "speex": speex.is_available,
        "G729": g729.is_available,
        "GSM": gsm.is_available,
    }
)
"""The codecs that need a library of the machine."""


def available_codecs() -> tuple[CodecDescription, ...]:
    """List the codecs that work on this machine, in the order in which they are offered."""
    return tuple(entry for entry in _DESCRIPTIONS if _IS_LOADABLE.get(entry.name, _always)())


def _always() -> bool:
    return True


def open_codec(name: str, *, sample_hz: int | None = None) -> Codec:
    """Open a codec by its name in SDP, whatever the case; one with several clocks as `speex/16000`.

    `sample_hz` is a wish that only Opus can fulfil; the others have one rate.
    Raises ValueError for a name that is not offered, UnavailableError when its library does not load.
    """
    match name.upper():
        case "PCMA" | "PCMU" as law:
            return G711Codec(law)
        case "G722":
            return G722Codec()
        case "OPUS":
            return opus.OpusCodec(FULLBAND_HZ if sample_hz is None else sample_hz)
        case "SPEEX" | "SPEEX/8000":
            return speex.SpeexCodec(NARROWBAND_HZ)
        case "SPEEX/16000":
            return speex.SpeexCodec(WIDEBAND_HZ)
        case "G729":
            return g729.G729Codec()
        case "GSM":
            return gsm.GsmCodec()
    raise ValueError(f"no such codec: {name}")
