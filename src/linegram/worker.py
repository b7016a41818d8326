"""The worker as a running service: SIP stack, media hosts and agent, joined to a link. Wiring only."""

import os
import secrets
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from linegram.agent.admission import AdmissionSettings
from linegram.agent.agent import Agent
from linegram.agent.host_fleet import FleetSettings
from linegram.agent.hosts import HostPool, HostPoolSettings, PoolEvent
from linegram.agent.pbx_legs import PbxLegs
from linegram.agent.registrations import Registrations
from linegram.agent.sip_stack import SipStack
from linegram.agent.voice_legs import VoiceLegs
from linegram.config import Settings, ToneSettings
from linegram.errors import UnavailableError
from linegram.link.carrier import MemoryLink
from linegram.link.commands import Tone
from linegram.link.gate import Gate
from linegram.link.voice import NTGCALLS, OWN
from linegram.media.control import HostSettings
from linegram.sip.context import EndpointConfig
from linegram.sip.events import SipEvent
from linegram.sip.timers import TimerDurations
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.voice.engines import installed_engines

_INVITE_SILENCE_S: Final = 10.0
"""Long enough for five tries of an INVITE; the employee hears silence meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A running worker: what a command line or a test may ask of it."""

    transport: SipTransport
    pool: HostPool


@asynccontextmanager
async def running_worker(settings: Settings, link: MemoryLink) -> AsyncIterator[Worker]:
    """Run a worker: bind the sockets, start the media hosts, take commands; hang up and leave at the end.

    Raises UnavailableError with a sentence if a port is taken or no media host can work.
    """
    async with AsyncExitStack() as stack:
        sip_gate, media_gate = Gate[SipEvent](), Gate[PoolEvent]()
        pool = HostPool(pool_settings(settings), media_gate)
        await pool.start()
        stack.push_async_callback(pool.close)
        transport = await _open_transport(settings, sip_gate)
        stack.push_async_callback(transport.close)
        sip = SipStack(transport)
        registrations = Registrations(sip, link.report)
        pbx_legs = PbxLegs(
            sip,
            pool,
            link.report,
            accounts=registrations.settings,
            new_id=lambda: uuid.uuid4().hex,
            new_session_id=lambda: str(secrets.randbits(48)),
        )
        voice_legs = VoiceLegs(pool, link.report, installed_engines())
        agent = Agent(registrations, pbx_legs, voice_legs, pool=pool, report=link.report)
        sip_gate.open(agent.take_sip_event)
        media_gate.open(agent.take_media_event)
        link.connect_worker(agent.take_command)
        yield Worker(transport=transport, pool=pool)


async def _open_transport(settings: Settings, on_event: Callable[[SipEvent], None]) -> SipTransport:
    sip = settings.sip
    durations = TimerDurations(invite_silence_s=_INVITE_SILENCE_S)
    endpoint = EndpointConfig(
        local_places={},
        durations=durations,
        ring_limit_s=float(settings.calls.ring_pbx_s),
        trusted_hosts=frozenset(sip.trusted_list),
    )
    bound = TransportSettings(
        host=sip.bind_ip,
        port=sip.port,
        is_tcp_listening=sip.has_tcp,
        advertised_host=sip.public_ip,
        endpoint=endpoint,
        host6=sip.bind_ip6,
        dns_servers=sip.dns_server_list,
    )
    try:
        return await SipTransport.open(bound, on_event)
    except OSError as error:
        raise UnavailableError(
            f"The SIP port {sip.bind_ip}:{sip.port} cannot be used: {error.strerror}. "
            "Is another SIP program running? Choose another port in sip.port."
        ) from error


def _cadences(tones: ToneSettings) -> dict[str, str]:
    return {
        Tone.RING_BACK.value: tones.ring_back,
        Tone.BUSY.value: tones.busy,
        Tone.CONGESTION.value: tones.congestion,
        Tone.WAITING.value: tones.waiting,
    }


def pool_settings(settings: Settings) -> HostPoolSettings:
    """Return the settings of the media hosts: those of the usual engine, and of the one for redials."""
    fleets = _fleets(settings)
    usual = fleets.pop(NTGCALLS if settings.media.engine == NTGCALLS else OWN)
    (other,) = fleets.values()
    return HostPoolSettings(
        bind_ip=settings.rtp.bind_ip,
        announced_ip=settings.rtp.advertised_ip or settings.sip.public_ip,
        first_rtp_port=settings.rtp.port_min,
        last_rtp_port=settings.rtp.port_max,
        fleet=usual,
        other_fleets=(msgspec.structs.replace(other, spare_hosts=0),),
    )


def _fleets(settings: Settings) -> dict[str, FleetSettings]:
    """Return how many hosts of each voice engine there may be, and what they are told."""
    media = settings.media
    host = HostSettings(
        media_limit_s=settings.rtp.no_media_timeout_s,
        log_level=settings.log.level,
        logs_json=settings.log.format == "json",
        cadences=_cadences(settings.tones),
    )
    admission = AdmissionSettings(most_late_ms=media.most_late_ms, most_cpu_percent=media.most_cpu_percent)
    own = FleetSettings(
        calls_per_host=media.calls_per_host,
        most_hosts=media.most_hosts or os.cpu_count() or 1,
        spare_hosts=media.spare_hosts,
        is_spread=True,
        admission=admission,
        host=msgspec.structs.replace(host, engine=OWN),
    )
    ntgcalls = FleetSettings(
        calls_per_host=media.ntgcalls_calls_per_host,
        most_hosts=media.ntgcalls_most_hosts,
        spare_hosts=media.spare_hosts,
        admission=admission,
        host=msgspec.structs.replace(host, engine=NTGCALLS),
    )
    return {OWN: own, NTGCALLS: ntgcalls}
