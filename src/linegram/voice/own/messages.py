"""The JSON messages of call signalling, strictly read. Pure.

What is unknown (types, fields) is ignored, as newer apps say more; what is
known must have the right form, and no text or list may be longer than is sane.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

import msgspec
from msgspec import Meta, field

from linegram.errors import RemoteProtocolError
from linegram.voice.own.inflate import LONGEST_JSON_BYTES

LONGEST_WORD: Final = 256
LONGEST_LINE: Final = 1024
LONGEST_NUMBER: Final = 20
GREATEST_INTEGER: Final = 0xFFFF_FFFF
MOST_CANDIDATES: Final = 64
MOST_FINGERPRINTS: Final = 8
MOST_PAYLOAD_TYPES: Final = 64
MOST_CONTENTS: Final = 16
MOST_ATTRIBUTES: Final = 64
"""Feedback types and parameters of a codec, extensions of a stream."""

_Word = Annotated[str, Meta(max_length=LONGEST_WORD)]
_Line = Annotated[str, Meta(max_length=LONGEST_LINE)]
_Number = Annotated[str, Meta(pattern=rf"^[0-9]{{1,{LONGEST_NUMBER}}}$")]
"""ssrc and exchange ids travel as text."""

_Integer = Annotated[int, Meta(ge=0, le=GREATEST_INTEGER)]
_Raws = Annotated[tuple[msgspec.Raw, ...], Meta(max_length=MOST_ATTRIBUTES)]


class Fingerprint(msgspec.Struct, frozen=True):
    """The hash of an end's DTLS certificate, and the DTLS role that it offers."""

    hash: _Word
    setup: _Word
    fingerprint: _Word


class InitialSetup(msgspec.Struct, frozen=True, tag_field="@type", tag="InitialSetup"):
    """What an end's network path is protected with; each end sends it once."""

    ufrag: Annotated[str, Meta(min_length=4, max_length=LONGEST_WORD)]
    pwd: Annotated[str, Meta(min_length=22, max_length=LONGEST_WORD)]
    fingerprints: Annotated[tuple[Fingerprint, ...], Meta(min_length=1, max_length=MOST_FINGERPRINTS)]
    renomination: bool = False

    def __repr__(self) -> str:
        return f"InitialSetup(ufrag={self.ufrag})"


class CandidateLine(msgspec.Struct, frozen=True, rename="camel"):
    """One address of an end, as a line of SDP."""

    sdp_string: _Line
    sdp_mid: _Word = ""
    sdp_m_line_index: _Integer = field(name="sdpMLineIndex", default=0)


class Candidates(msgspec.Struct, frozen=True, tag_field="@type", tag="Candidates"):
    """Addresses at which an end may be reached; at any time, any number of times."""

    candidates: Annotated[tuple[CandidateLine, ...], Meta(max_length=MOST_CANDIDATES)] = ()


class PayloadType(msgspec.Struct, frozen=True, rename="camel"):
    """One codec of a stream."""

    id: Annotated[int, Meta(ge=0, le=127)]
    name: _Word
    clockrate: _Integer = 0
    channels: _Integer = 0
    feedback_types: _Raws = ()
    parameters: Annotated[dict[_Word, _Word], Meta(max_length=MOST_ATTRIBUTES)] = field(default_factory=dict)


class Content(msgspec.Struct, frozen=True, rename="camel"):
    """One stream that its sender offers."""

    type: _Word
    ssrc: _Number
    payload_types: Annotated[tuple[PayloadType, ...], Meta(max_length=MOST_PAYLOAD_TYPES)] = ()
    rtp_extensions: _Raws = ()


class NegotiateChannels(
    msgspec.Struct, frozen=True, rename="camel", tag_field="@type", tag="NegotiateChannels"
):
    """An offer of streams, or the answer to one: then the offer's exchange id comes back."""

    exchange_id: _Number
    contents: Annotated[tuple[Content, ...], Meta(max_length=MOST_CONTENTS)] = ()


class MediaState(msgspec.Struct, frozen=True, rename="camel", tag_field="@type", tag="MediaState"):
    """What an end's microphone and cameras do now."""

    muted: bool = False
    low_battery: bool = False
    video_state: _Word = "inactive"
    video_rotation: _Integer = 0
    screencast_state: _Word = "inactive"


Message = InitialSetup | Candidates | NegotiateChannels | MediaState


class _Head(msgspec.Struct, frozen=True):
    type: str = field(name="@type", default="")


_head_decoder: Final = msgspec.json.Decoder(_Head)
_DECODERS: Final[Mapping[str, msgspec.json.Decoder[Message]]] = MappingProxyType(
    {
        "InitialSetup": msgspec.json.Decoder(InitialSetup),
        "Candidates": msgspec.json.Decoder(Candidates),
        "NegotiateChannels": msgspec.json.Decoder(NegotiateChannels),
        "MediaState": msgspec.json.Decoder(MediaState),
    }
)


def read_message(text: bytes) -> Message | None:
    """Read one message; None for a type that we do not know.

    Raises RemoteProtocolError when it is no JSON object, too long, too deep, or a known type in a wrong form.
    """
    if len(text) > LONGEST_JSON_BYTES:
        raise RemoteProtocolError("message longer than any real one")
    try:
        decoder = _DECODERS.get(_head_decoder.decode(text).type)
        return None if decoder is None else decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RemoteProtocolError(f"signalling message: {error}") from None


def write_message(message: Message) -> bytes:
    """Write one message."""
    return msgspec.json.encode(message)
