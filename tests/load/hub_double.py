"""The hub's end of a link, played by a test: a real worker takes its commands and reports to it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from linegram.config import MediaSettings, RtpSettings, Settings, SipSettings
from linegram.link.accounts import RegistrationState, SipAccountSettings
from linegram.link.carrier import MemoryLink
from linegram.link.commands import Command
from linegram.link.events import Event, RegistrationChanged
from linegram.units import AccountId
from linegram.worker import Worker, running_worker
from tests.peers.asterisk_config import Account


class HubDouble:
    """Sends commands to a worker and keeps everything it reports."""

    def __init__(self, link: MemoryLink) -> None:
        self.reports: list[Event] = []
        self.states: dict[AccountId, RegistrationState] = {}
        self.send: Callable[[Command], None] = link.send
        self._changed = asyncio.Event()
        link.connect_hub(self._take)

    def _take(self, report: Event) -> None:
        self.reports.append(report)
        if isinstance(report, RegistrationChanged):
            self.states[report.account_id] = report.state
        self._changed.set()

    async def wait_until(self, is_true: Callable[[], bool], limit_s: float) -> None:
        """Look again after every report. Raises TimeoutError."""
        async with asyncio.timeout(limit_s):
            while not is_true():
                self._changed.clear()
                await self._changed.wait()

    async def wait_for_states(self, state: RegistrationState, count: int, limit_s: float) -> None:
        """Wait until so many accounts are in this state."""

        def is_so() -> bool:
            return list(self.states.values()).count(state) == count

        await self.wait_until(is_so, limit_s)


@asynccontextmanager
async def commanded_worker(*, calls_per_host: int = 8) -> AsyncIterator[tuple[Worker, HubDouble]]:
    """Run a worker on the loopback whose hub is the test."""
    link = MemoryLink()
    hub = HubDouble(link)
    settings = Settings(
        sip=SipSettings(bind_ip="127.0.0.1", port=0),
        rtp=RtpSettings(bind_ip="127.0.0.1"),
        media=MediaSettings(calls_per_host=calls_per_host, ntgcalls_calls_per_host=calls_per_host),
    )
    async with running_worker(settings, link) as worker:
        yield worker, hub


def settings_of(account: Account, number: int, server: str, port: int = 5060) -> SipAccountSettings:
    """Return how a worker registers an account of a test PBX."""
    return SipAccountSettings(
        account_id=AccountId(number),
        username=account.name,
        password=account.secret,
        server=server,
        port=port,
        codecs=("alaw",),
    )
