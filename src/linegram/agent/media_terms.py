"""Offer and answer in the words of the media host, and codec names in the words of the office. Pure."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from linegram.audio.codec import available_codecs
from linegram.link.accounts import SipAccountSettings, SipTransport, SrtpUse
from linegram.media.control import Direction, LocalMedia, RemoteMedia, SrtpMedia
from linegram.sip.audio_stream import (
    G722,
    G729,
    GSM,
    OPUS,
    PCMA,
    PCMU,
    SPEEX,
    SPEEX_WIDE,
    AudioStream,
    CodecOffer,
    LocalAudio,
)
from linegram.sip.offer_answer import NoCommonCodecError, answer
from linegram.sip.sdp import Sdp
from linegram.sip.sdp_crypto import NO_SRTP, LocalSrtp, SrtpPolicy

_CODECS: Final[Mapping[str, CodecOffer]] = MappingProxyType(
    {
        "opus": OPUS,
        "g722": G722,
        "alaw": PCMA,
        "mulaw": PCMU,
        "speex": SPEEX,
        "speex/16000": SPEEX_WIDE,
        "g729": G729,
        "gsm": GSM,
    }
)
_NOWHERE: Final = LocalMedia("0.0.0.0", 9)


def local_audio(
    local: LocalMedia, codecs: Sequence[str], session_id: str, srtp: LocalSrtp = NO_SRTP
) -> LocalAudio:
    """Describe our side of the audio; codecs that do not work on this machine are left out."""
    working = {(codec.name.lower(), codec.clock_hz) for codec in available_codecs()}
    known = (_CODECS[name] for name in codecs if name in _CODECS)
    ours = tuple(codec for codec in known if (codec.name.lower(), codec.clock_hz) in working)
    return LocalAudio(local.ip, local.port, ours, session_id, srtp=srtp)


def local_srtp(settings: SipAccountSettings, random_bytes: Callable[[int], bytes]) -> LocalSrtp:
    """Make the keys for one call of an account; encryption is preferred where TLS protects them in SIP."""
    use = settings.srtp
    if use is SrtpUse.AUTO:
        use = SrtpUse.PREFERRED if settings.transport is SipTransport.TLS else SrtpUse.OFF
    return LocalSrtp.with_keys(SrtpPolicy(use.value), random_bytes)


def has_common_codec(offer: Sdp, codecs: Sequence[str], srtp: LocalSrtp = NO_SRTP) -> bool:
    """Say whether an offer could be answered, before there is a port to answer it with."""
    try:
        answer(offer, local_audio(_NOWHERE, codecs, "0", srtp))
    except NoCommonCodecError:
        return False
    return True


def remote_media(stream: AudioStream, *, is_early: bool = False) -> RemoteMedia:
    """Tell the media host what was agreed."""
    event, secret = stream.telephone_event, stream.srtp
    return RemoteMedia(
        ip=stream.remote_address,
        port=stream.remote_port,
        rtcp_port=stream.remote_rtcp_port,
        codec=_media_name(stream.codec),
        payload_type=stream.codec.payload_type,
        other_codecs={number: _media_name(codec) for number, codec in stream.receivable.items()},
        telephone_event_payload_type=None if event is None else event.send_payload_type,
        ptime_ms=stream.ptime_ms,
        format_parameters=stream.codec.fmtp,
        direction=Direction(stream.direction.value),
        is_early=is_early,
        has_keypad_tones=event is None,
        srtp=None if secret is None else SrtpMedia(secret.suite, secret.ours, secret.theirs),
    )


def _media_name(codec: CodecOffer) -> str:
    """The codec as the media host opens it: Speex has two clocks under one name."""
    return f"{codec.name}/{codec.clock_hz}" if codec.name.lower() == SPEEX.name else codec.name
