"""What the worker and a media host say to each other. Plain data; knows no socket and no process.

Commands and events that the hub knows too are those of `link/`; here are only
the ones that end at the worker. Every command about a call or leg that is
unknown or over is ignored, so each may be repeated.
"""

from enum import Enum
from typing import TypeAlias

import msgspec

from linegram.link.commands import CloseVoice, ConnectAudio, EndCall, OpenVoice, PlayTone, SignalVoice
from linegram.link.events import CallMeasured, DigitReceived, VoiceConnected, VoiceEnded, VoiceSignalled
from linegram.units import CallId, LegId


class Direction(Enum):
    """What we may do with a media stream after offer and answer (RFC 3264 section 6.1), seen from our end."""

    BOTH = "sendrecv"
    SEND = "sendonly"
    RECEIVE = "recvonly"
    NEITHER = "inactive"

    @property
    def may_send(self) -> bool:
        """Audio goes out."""
        return self in {Direction.BOTH, Direction.SEND}

    @property
    def may_receive(self) -> bool:
        """Audio comes in; a stream that may not receive is on hold."""
        return self in {Direction.BOTH, Direction.RECEIVE}


class LocalMedia(msgspec.Struct, frozen=True, tag=True):
    """Where a leg receives RTP: what goes into our SDP. RTCP is on the next port."""

    ip: str
    port: int


class SrtpMedia(msgspec.Struct, frozen=True, tag=True):
    """What a leg's audio is encrypted with: the suite as SDP names it, key and salt of each direction."""

    suite: str
    ours: bytes
    theirs: bytes

    def __repr__(self) -> str:
        return f"SrtpMedia({self.suite})"


class RemoteMedia(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What offer and answer settled about one audio stream.

    `ip` is a literal address: a host name would have to be looked up in the middle of the audio.
    `codec` is the one we send; `other_codecs` are the agreed payload types that the peer may send besides.
    `is_early` says that the call is not answered: then nobody misses media. `has_keypad_tones` says that
    the peer has no other way in the audio to press keys: then they are listened for.
    """

    ip: str
    port: int
    rtcp_port: int
    codec: str
    payload_type: int
    other_codecs: dict[int, str] = {}
    telephone_event_payload_type: int | None = None
    ptime_ms: int = 20
    format_parameters: str = ""
    direction: Direction = Direction.BOTH
    is_early: bool = False
    has_keypad_tones: bool = False
    srtp: SrtpMedia | None = None


class HostSettings(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Everything a media host is told before its first call.

    `cadences` replaces tones by name, in the writing of `audio.tones.parse_cadence`; the others have
    their defaults.
    """

    engine: str = "ntgcalls"
    first_media_limit_s: float = 30.0
    media_limit_s: float = 15.0
    cadences: dict[str, str] = {}
    log_level: str = "info"
    logs_json: bool = False


class OpenPbxLeg(msgspec.Struct, frozen=True, tag=True):
    """Bind the leg's RTP and RTCP sockets; PbxLegOpened or PortRefused answers."""

    call_id: CallId
    leg_id: LegId
    ip: str
    port: int


class ConnectPbxLeg(msgspec.Struct, frozen=True, tag=True):
    """Exchange RTP as agreed; again after every new agreement."""

    leg_id: LegId
    remote: RemoteMedia


class PressDigits(msgspec.Struct, frozen=True, tag=True):
    """Press keys towards the PBX: as telephone events, or as tones in the audio."""

    leg_id: LegId
    digits: str
    in_band: bool = False


class ClosePbxLeg(msgspec.Struct, frozen=True, tag=True):
    """Free the leg's sockets."""

    leg_id: LegId


class MuteVoice(msgspec.Struct, frozen=True, tag=True):
    """Say nothing on a voice leg, or speak again; its far end is told where the engine can."""

    leg_id: LegId
    is_muted: bool


class LeaveHost(msgspec.Struct, frozen=True, tag=True):
    """End the process, calls included."""


HostCommand: TypeAlias = (
    HostSettings
    | OpenPbxLeg
    | ConnectPbxLeg
    | PressDigits
    | ClosePbxLeg
    | OpenVoice
    | SignalVoice
    | CloseVoice
    | MuteVoice
    | ConnectAudio
    | PlayTone
    | EndCall
    | LeaveHost
)


class HostReady(msgspec.Struct, frozen=True, tag=True):
    """The engine is loaded: the host can take calls. `priority` says how it is scheduled."""

    priority: str = "ordinary"


class HostUnfit(msgspec.Struct, frozen=True, tag=True):
    """The host cannot work at all and leaves; the sentence is for the administrator."""

    sentence: str


class PbxLegOpened(msgspec.Struct, frozen=True, tag=True):
    """The leg's sockets are bound."""

    leg_id: LegId
    local: LocalMedia


class PortRefused(msgspec.Struct, frozen=True, tag=True):
    """The leg's sockets could not be bound to this pair of ports."""

    leg_id: LegId
    port: int
    text: str


class MediaSilent(msgspec.Struct, frozen=True, tag=True):
    """No RTP came from the PBX for the agreed time although it should; said once per silence."""

    leg_id: LegId


class HostBeat(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """The host lives.

    Lateness of its ticks and its share of one core are of the last ten seconds, CPU time and memory are
    of its process;
    `playout_target_ms` is the longest delay that a jitter buffer now thinks its network needs.
    """

    calls: int
    playout_target_ms: float
    late_ms_p50: float
    late_ms_p99: float
    late_ms_max: float
    cpu_percent: float
    cpu_s: float
    resident_mb: float


HostEvent: TypeAlias = (
    HostReady
    | HostUnfit
    | PbxLegOpened
    | PortRefused
    | MediaSilent
    | HostBeat
    | VoiceSignalled
    | VoiceConnected
    | VoiceEnded
    | DigitReceived
    | CallMeasured
)
