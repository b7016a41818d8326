"""The worker as a running service: SIP stack, media hosts and agent, joined to a link. Wiring only."""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from linegram.agent.agent import Agent
from linegram.agent.host_fleet import FleetSettings
from linegram.agent.hosts import HostPool, HostPoolSettings
from linegram.agent.pbx_legs import PbxLegs
from linegram.agent.registrations import Registrations
from linegram.agent.sip_stack import SipStack
from linegram.agent.voice_legs import VoiceLegs
from linegram.config import Settings
from linegram.errors import UnavailableError
from linegram.link.carrier import MemoryLink
from linegram.media.control import HostSettings
from linegram.sip.events import SipEvent
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings


@dataclass(frozen=True)
class WorkerService:
    """A running worker."""

    transport: SipTransport
    pool: HostPool
    agent: Agent

    @classmethod
    async def start(cls, settings: Settings, link: MemoryLink) -> Self:
        """Bind the sockets, start the media hosts and take commands.

        Raises UnavailableError with a sentence if a port is taken or no media host can work.
        """
        transport = await _open_transport(settings, lambda event: agent.take_sip_event(event))  # noqa: PLW0108 - made below
        pool = HostPool(pool_settings(settings), lambda event: agent.take_media_event(event))  # noqa: PLW0108
        try:
            await pool.start()
        except BaseException:
            await transport.close(limit_s=0)
            raise
        stack = SipStack(transport)
        registrations = Registrations(stack, link.report)
        pbx_legs = PbxLegs(
            stack,
            pool,
            link.report,
            accounts=registrations.settings,
            new_id=lambda: uuid.uuid4().hex,
            new_session_id=lambda: str(secrets.randbits(48)),
        )
        agent = Agent(registrations, pbx_legs, VoiceLegs(pool, link.report), pool=pool, report=link.report)
        link.connect_worker(agent.take_command)
        return cls(transport, pool, agent)

    async def close(self) -> None:
        """Hang up, un-register and end the media hosts."""
        await self.transport.close()
        await self.pool.close()


async def _open_transport(settings: Settings, on_event: Callable[[SipEvent], None]) -> SipTransport:
    sip = settings.sip
    bound = TransportSettings(sip.bind_ip, sip.udp_port, sip.has_tcp, sip.public_ip)
    try:
        return await SipTransport.open(bound, on_event)
    except OSError as error:
        raise UnavailableError(
            f"The SIP port {sip.bind_ip}:{sip.udp_port} cannot be used: {error.strerror}. "
            "Is another SIP program running? Choose another port in sip.udp_port."
        ) from error


def pool_settings(settings: Settings) -> HostPoolSettings:
    """Return the settings of the media hosts."""
    return HostPoolSettings(
        bind_ip=settings.rtp.bind_ip,
        announced_ip=settings.rtp.advertised_ip or settings.sip.public_ip,
        first_rtp_port=settings.rtp.port_min,
        last_rtp_port=settings.rtp.port_max,
        fleet=FleetSettings(
            calls_per_host=settings.media.calls_per_host,
            spare_hosts=settings.media.spare_hosts,
            host=HostSettings(engine=settings.media.engine, media_limit_s=settings.rtp.no_media_timeout_s),
        ),
    )
