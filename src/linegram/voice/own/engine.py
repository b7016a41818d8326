"""Our own engine: makes voice legs that live in the calling thread, with no thread of their own."""

import json
import time
from collections.abc import Callable, Sequence
from random import SystemRandom
from typing import Final

import structlog

from linegram.errors import LocalProtocolError
from linegram.link.voice import NTGCALLS, VoiceParameters
from linegram.outcomes import EndReason
from linegram.voice.engine import VoiceEngine, VoiceLeg
from linegram.voice.own.audio import VoiceAudio
from linegram.voice.own.box import Box
from linegram.voice.own.dtls import Identity, make_identity
from linegram.voice.own.gathering import CALLEE_TAG, CALLER_TAG, Gathering
from linegram.voice.own.ice.agent import Credentials
from linegram.voice.own.leg import OwnLeg
from linegram.voice.own.negotiation import Negotiation
from linegram.voice.own.refused_leg import RefusedLeg
from linegram.voice.own.relays.servers import Servers, sort_servers
from linegram.voice.own.secure_path import SecurePath
from linegram.voice.own.signalling import SCTP_VERSIONS, Signalling, open_framing, version_of
from linegram.voice.own.ways.machine import MachineAddresses, local_ips
from linegram.voice.own.ways.ways import Terms, Ways

log = structlog.get_logger()

_ICE_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_UFRAG_LENGTH: Final = 4
_PASSWORD_LENGTH: Final = 24


class OwnEngine:
    """All voice legs of one process."""

    name = "own"
    sample_rates_hz: tuple[int, ...] = (8000, 16000, 48000)

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        list_ips: Callable[[], Sequence[str]] = local_ips,
    ) -> None:
        """Prepare; `list_ips` says which addresses of this machine to use."""
        self._clock = clock
        self._machine = MachineAddresses(list_ips)
        self._random = SystemRandom().random
        self._identity: Identity = make_identity()
        self._legs: list[OwnLeg] = []

    def open(self, parameters: VoiceParameters, sample_hz: int) -> VoiceLeg:
        """Start joining a call; one that cannot be joined ends as its first event.

        Raises LocalProtocolError for a rate that is not offered.
        """
        if sample_hz not in self.sample_rates_hz:
            raise LocalProtocolError(f"no voice leg at {sample_hz} Hz")
        version = version_of(parameters.versions)
        if version is None:
            return RefusedLeg(EndReason.NO_COMMON_VERSION, sample_hz)
        if parameters.asks_mtproto:
            log.error("voice_call_asks_for_mtproto", needed_engine=NTGCALLS)
            return RefusedLeg(EndReason.VOICE_ENGINE_MISSING, sample_hz)
        servers = sort_servers(parameters.servers, may_use_tcp=version in SCTP_VERSIONS)
        if not parameters.is_p2p_allowed and not servers.have_relay:
            log.warning(
                "voice_call_refused",
                cause="only relays are allowed, and none is of use",
                faults=servers.faults,
            )
            return RefusedLeg(EndReason.VOICE_NOT_CONNECTED, sample_hz)
        self._legs = [leg for leg in self._legs if not leg.is_closed]
        leg = self._join(parameters, version, servers, sample_hz)
        self._legs.append(leg)
        return leg

    def close(self) -> None:
        """Leave all calls."""
        for leg in self._legs:
            leg.close()
        self._legs.clear()

    def _join(self, parameters: VoiceParameters, version: str, servers: Servers, sample_hz: int) -> OwnLeg:
        now, is_caller = self._clock(), parameters.is_outgoing
        ssrc = 1 + int(self._random() * 0x7FFF_FFFE)
        framing = open_framing(version, Box(parameters.key, is_outgoing=is_caller), self._random, now)
        credentials = self._credentials()
        path = SecurePath(credentials, self._identity, self._random, is_caller=is_caller)
        our_tag, far_tag = _fixed_tags(parameters)
        terms = Terms(parameters.is_p2p_allowed, our_tag)
        ways = Ways(servers, terms, self._machine, random=self._random, now=now)
        return OwnLeg(
            Signalling(framing, Negotiation(is_caller=is_caller, ssrc=ssrc, random=self._random)),
            path,
            VoiceAudio(sample_hz, ssrc, self._random, now),
            sample_hz=sample_hz,
            gathering=Gathering(ways, path.ice, credentials.ufrag, far_tag=far_tag),
            clock=self._clock,
        )

    def _credentials(self) -> Credentials:
        characters = [
            _ICE_CHARACTERS[int(self._random() * len(_ICE_CHARACTERS))]
            for _ in range(_UFRAG_LENGTH + _PASSWORD_LENGTH)
        ]
        return Credentials("".join(characters[:_UFRAG_LENGTH]), "".join(characters[_UFRAG_LENGTH:]))


def _fixed_tags(parameters: VoiceParameters) -> tuple[int, int]:
    """Give our tag and the far end's at reflectors that stand alone, else zeros: each end draws its own."""
    if not _custom(parameters).get("network_standalone_reflectors"):
        return 0, 0
    return (CALLER_TAG, CALLEE_TAG) if parameters.is_outgoing else (CALLEE_TAG, CALLER_TAG)


def _custom(parameters: VoiceParameters) -> dict[str, object]:
    """Read what Telegram's server asks of this call beyond the usual; nothing from nonsense."""
    try:
        custom = json.loads(parameters.custom_parameters or "{}")
    except (ValueError, RecursionError):
        return {}
    return custom if isinstance(custom, dict) else {}


def make() -> VoiceEngine:
    """Make the engine; what `engines.make_engine` calls."""
    return OwnEngine()
