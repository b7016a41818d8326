"""Offer and answer for one audio stream (RFC 3264): what both sides can do becomes what they will do.

Pure functions over `Sdp`. Streams that we do not want (video, fax, a second audio)
are answered with port 0 and keep their place in later offers. Whether a stream is
encrypted is `sdp_crypto`'s business.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from linegram.errors import RemoteProtocolError
from linegram.sip.audio_stream import (
    G722,
    OPUS,
    PCMA,
    PCMU,
    AnsweredMedia,
    AudioStream,
    CodecOffer,
    LocalAudio,
    TelephoneEvent,
)
from linegram.sip.sdp import Attribute, Connection, Direction, MediaDescription, Origin, RtpMap, Sdp
from linegram.sip.sdp_crypto import NAME, SECURED_PROTOCOLS, is_secured
from linegram.sip.sdp_crypto import read_answer as read_keys

__all__ = [
    "G722",
    "OPUS",
    "PCMA",
    "PCMU",
    "AnsweredMedia",
    "AudioStream",
    "CodecOffer",
    "LocalAudio",
    "NoCommonCodecError",
    "TelephoneEvent",
    "answer",
    "make_offer",
    "read_answer",
]

TELEPHONE_EVENT: Final = "telephone-event"
_EVENTS: Final = "0-16"
_PROTOCOLS: Final = ("RTP/AVP", "RTP/AVPF", *SECURED_PROTOCOLS)
_PTIMES_MS: Final = (10, 20, 30, 40, 60)
_DEFAULT_PTIME_MS: Final = 20
_FIRST_DYNAMIC: Final = 96
_LAST_DYNAMIC: Final = 127


class NoCommonCodecError(RemoteProtocolError):
    """There is no audio stream that both sides can do: 488 Not Acceptable Here."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status_hint=488)


def make_offer(local: LocalAudio, previous: Sdp | None = None, *, theirs: Sdp | None = None) -> Sdp:
    """Describe what we can do. `previous` is our last description in this dialog, `theirs` the peer's last.

    A re-offer keeps the session, the place of every stream and the meaning of every
    payload type, and raises the version if anything changed (RFC 3264 section 8).
    """
    earlier = () if previous is None else previous.media
    place = _find_audio(earlier)
    known = [
        rtp_map
        for sdp in (previous, theirs)
        for section in (() if sdp is None else sdp.media[place : place + 1])
        for rtp_map in section.rtp_maps
    ]
    audio = _describe(local, _number_codecs(local, known), direction=local.direction)
    protocol = _offered_protocol(local, earlier[place : place + 1])
    audio = replace(audio, protocol=protocol, attributes=(*audio.attributes, *local.srtp.attributes()))
    media = [_refuse(section) for section in earlier]
    media[place : place + 1] = [audio]
    sdp = _wrap(local, tuple(media))
    return sdp if previous is None else sdp.with_version_after(previous)


def answer(
    offer: Sdp, local: LocalAudio, previous: Sdp | None = None, *, prefers_ours: bool = False
) -> AnsweredMedia:
    """Choose one stream and one codec of `offer`, by the peer's order unless `prefers_ours`.

    Raises NoCommonCodecError if no audio stream fits; `previous` is our last description in this dialog.
    """
    place, codec = _select(offer, local, prefers_ours=prefers_ours)
    section = offer.media[place]
    event = _find_event(section, codec) if local.has_telephone_event else None
    direction = _offered_direction(offer, section).answered_by(local.direction)
    media = [_refuse(other) for other in offer.media]
    described = _describe(local, [codec] if event is None else [codec, event], direction=direction)
    secured = local.srtp.answer(section)
    keys = () if secured is None else ((NAME, str(secured[0])),)
    media[place] = replace(described, protocol=section.protocol, attributes=(*described.attributes, *keys))
    sdp = _wrap(local, tuple(media))
    agreed = _agree(offer, section, replace(codec, fmtp=section.fmtp(codec.payload_type)), direction)
    stream = replace(
        agreed,
        receivable=MappingProxyType({codec.payload_type: codec}),
        telephone_event=None if event is None else _mirror(event),
        srtp=None if secured is None else secured[1],
    )
    return AnsweredMedia(sdp if previous is None else sdp.with_version_after(previous), stream)


def read_answer(offer: Sdp, answered: Sdp) -> AudioStream:
    """Return what the peer's answer to our `offer` agrees to.

    Its payload types count for what we send, ours for what it sends (RFC 3264 section 5.1);
    those of its own that collide with none of ours are understood too, since some peers send them.
    Raises NoCommonCodecError if it refuses the stream or answers with codecs that we did not offer.
    """
    place = _find_audio(offer.media)
    if place >= len(answered.media) or not _is_usable(answered.media[place]):
        raise NoCommonCodecError("the answer refuses the audio stream")
    ours, theirs = offer.media[place], answered.media[place]
    sent = _read_codecs(theirs)
    offered = _read_codecs(ours)
    chosen = [codec for codec in sent if _is_audio(codec) and _find_same(offered, codec) is not None]
    if not chosen:
        raise NoCommonCodecError("the answer has no codec of the offer")
    direction = _offered_direction(answered, theirs).answered_by(offer.direction_of(ours))
    receivable = {codec.payload_type: codec for codec in (*chosen, *offered) if _is_audio(codec)}
    stream = _agree(answered, theirs, chosen[0], direction)
    return replace(
        stream,
        receivable=MappingProxyType(receivable),
        telephone_event=_match_events(theirs, ours, chosen[0]),
        srtp=read_keys(ours, theirs),
    )


def _find_audio(media: Sequence[MediaDescription]) -> int:
    """Return the place of the audio stream in a description of ours, or the place behind all."""
    places = [place for place, section in enumerate(media) if section.kind == "audio"]
    return min(places, key=lambda place: media[place].port == 0, default=len(media))


def _offered_protocol(local: LocalAudio, earlier: Sequence[MediaDescription]) -> str:
    """Stay with what the dialog has agreed on: only the first offer is free."""
    return next((section.protocol for section in earlier if is_secured(section)), local.srtp.protocol)


def _select(offer: Sdp, local: LocalAudio, *, prefers_ours: bool) -> tuple[int, CodecOffer]:
    """Return the place of the first stream that fits, and the codec for it."""
    for place, section in enumerate(offer.media):
        is_fitting = _is_usable(section) and local.srtp.may_answer(section)
        codec = _choose(section, local.codecs, prefers_ours=prefers_ours) if is_fitting else None
        if codec is not None:
            return place, codec
    raise NoCommonCodecError("no audio stream with a codec of ours")


def _is_usable(section: MediaDescription) -> bool:
    return section.kind == "audio" and section.port > 0 and section.protocol.upper() in _PROTOCOLS


def _is_audio(codec: CodecOffer) -> bool:
    return codec.name.lower() not in (TELEPHONE_EVENT, "cn")


def _read_codecs(section: MediaDescription) -> list[CodecOffer]:
    return [
        CodecOffer(m.name, m.clock_hz, m.channels, section.fmtp(m.payload_type), m.payload_type)
        for m in section.rtp_maps
    ]


def _find_same(codecs: Iterable[CodecOffer], wanted: CodecOffer | RtpMap) -> CodecOffer | None:
    return next((codec for codec in codecs if codec.is_same_codec(wanted)), None)


def _choose(
    section: MediaDescription, ours: Sequence[CodecOffer], *, prefers_ours: bool
) -> CodecOffer | None:
    """Return our version of the first common codec, under the peer's payload type."""
    common: list[tuple[int, CodecOffer]] = []
    for rtp_map in section.rtp_maps:
        codec = _find_same(ours, rtp_map)
        if codec is not None:
            rank = list(ours).index(codec) if prefers_ours else len(common)
            common.append((rank, replace(codec, payload_type=rtp_map.payload_type)))
    return min(common, key=lambda entry: entry[0])[1] if common else None


def _find_event(section: MediaDescription, codec: CodecOffer) -> CodecOffer | None:
    """Return the telephone-event on the codec's clock (RFC 4733 section 2.1), else the one on 8 000 Hz."""
    events = [found for found in _read_codecs(section) if found.name.lower() == TELEPHONE_EVENT]
    for clock_hz in (codec.clock_hz, 8000):
        for event in events:
            if event.clock_hz == clock_hz:
                return event
    return None


def _match_events(
    theirs: MediaDescription, ours: MediaDescription, codec: CodecOffer
) -> TelephoneEvent | None:
    sent = _find_event(theirs, codec)
    received = None if sent is None else _find_same(_read_codecs(ours), sent)
    if sent is None or received is None:
        return None
    return TelephoneEvent(sent.payload_type, received.payload_type, sent.clock_hz)


def _mirror(event: CodecOffer) -> TelephoneEvent:
    return TelephoneEvent(event.payload_type, event.payload_type, event.clock_hz)


def _offered_direction(sdp: Sdp, section: MediaDescription) -> Direction:
    """Return the peer's direction; the old hold by 0.0.0.0 means that it does not receive (section 8.4)."""
    direction = sdp.direction_of(section)
    connection = sdp.connection_of(section)
    if connection is not None and connection.is_hold:
        return Direction.of(sends=direction.sends, receives=False)
    return direction


def _agree(sdp: Sdp, section: MediaDescription, codec: CodecOffer, direction: Direction) -> AudioStream:
    connection = sdp.connection_of(section)
    if connection is None:
        raise RemoteProtocolError("SDP says no address for the audio stream", status_hint=488)
    return AudioStream(
        connection.address,
        section.port,
        section.rtcp_port,
        codec,
        MappingProxyType({}),
        direction,
        _choose_ptime_ms(section),
    )


def _choose_ptime_ms(section: MediaDescription) -> int:
    wished = section.ptime_ms
    longest = section.maxptime_ms or _PTIMES_MS[-1]
    if wished in _PTIMES_MS and wished <= longest:
        return wished
    return _DEFAULT_PTIME_MS if longest >= _DEFAULT_PTIME_MS else _PTIMES_MS[0]


def _number_codecs(local: LocalAudio, earlier: Sequence[RtpMap]) -> list[CodecOffer]:
    """Give every codec and one telephone-event per clock a payload type that never meant anything else."""
    wanted = list(local.codecs)
    if local.has_telephone_event:
        clocks = sorted({codec.clock_hz for codec in local.codecs})
        wanted += [CodecOffer(TELEPHONE_EVENT, clock, fmtp=_EVENTS, payload_type=101) for clock in clocks]
    taken = {rtp_map.payload_type for rtp_map in earlier}
    numbered: list[CodecOffer] = []
    for codec in wanted:
        known = next((m.payload_type for m in earlier if codec.is_same_codec(m)), None)
        number = known if known is not None else _free_number(codec.payload_type, taken)
        taken.add(number)
        numbered.append(replace(codec, payload_type=number))
    return numbered


def _free_number(wished: int, taken: set[int]) -> int:
    if wished not in taken:
        return wished
    return next(number for number in range(_FIRST_DYNAMIC, _LAST_DYNAMIC + 1) if number not in taken)


def _describe(local: LocalAudio, codecs: Sequence[CodecOffer], *, direction: Direction) -> MediaDescription:
    attributes: list[Attribute] = []
    for codec in codecs:
        rtp_map = RtpMap(codec.payload_type, codec.name, codec.clock_hz, codec.channels)
        attributes.append(("rtpmap", str(rtp_map)))
        if codec.fmtp:
            attributes.append(("fmtp", f"{codec.payload_type} {codec.fmtp}"))
    attributes += [("ptime", str(local.ptime_ms)), (direction.value, None)]
    formats = tuple(str(codec.payload_type) for codec in codecs)
    return MediaDescription("audio", local.port, _PROTOCOLS[0], formats, tuple(attributes))


def _refuse(section: MediaDescription) -> MediaDescription:
    """Return the same stream with port 0 (RFC 3264 section 6)."""
    return MediaDescription(section.kind, 0, section.protocol, section.formats)


def _wrap(local: LocalAudio, media: tuple[MediaDescription, ...]) -> Sdp:
    here = Connection.at(local.address)
    return Sdp(Origin("-", local.session_id, "1", here), media, here)
