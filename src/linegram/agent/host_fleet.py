"""The media host processes of a worker: warm spares, who takes the next call, replacement of the dead."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from linegram.agent.admission import AdmissionSettings
from linegram.agent.host_process import HostProcess
from linegram.errors import UnavailableError
from linegram.media.control import HostEvent, HostSettings

log = structlog.get_logger()

_SURPLUS_HOSTS: Final = 1
"""Empty hosts kept beyond the spares: calls one after the other must not start process after process."""
_LONGEST_BACK_OFF_S: Final = 30.0


class FleetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How many hosts with one voice engine there may be, and who gets the next call.

    `is_spread`: the emptiest host, so that all cores work; else one host after the other is filled.
    """

    calls_per_host: int = 8
    most_hosts: int = 8
    spare_hosts: int = 1
    is_spread: bool = False
    admission: AdmissionSettings = AdmissionSettings()
    host: HostSettings = HostSettings()


def choose_host(hosts: Sequence[HostProcess], settings: FleetSettings) -> HostProcess | None:
    """Pick the host for the next call among those that have room and are neither late nor too busy.

    Where calls are spread it is the one with the fewest. Else one that is not setting up a voice leg, and
    among those the fullest: a set-up waits for the one before it in the same process.
    """
    with_room = [host for host in hosts if host.takes_calls and len(host.calls) < settings.calls_per_host]
    if settings.is_spread:
        return min(with_room, key=lambda host: len(host.calls), default=None)
    return min(with_room, key=lambda host: (len(host.setting_up), -len(host.calls)), default=None)


class HostFleet:
    """Starts, keeps and replaces hosts. `on_death` is told of every host that ends before it was retired."""

    def __init__(
        self,
        settings: FleetSettings,
        on_event: Callable[[HostProcess, HostEvent], None],
        on_death: Callable[[HostProcess], None],
    ) -> None:
        self.hosts: list[HostProcess] = []
        self._settings = settings
        self._on_event = on_event
        self._on_death = on_death
        self._starting: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None
        self._failed_starts = 0
        self._last_failure = "The media hosts have not been started."
        self._is_closed = False

    async def start(self) -> None:
        """Start the spare hosts and wait for them.

        Raises UnavailableError with a sentence when none can work on this machine.
        """
        for _ in range(max(1, self._settings.spare_hosts)):
            self._start_host()
        await asyncio.wait(self._starting)
        if not self.hosts:
            await self.close()
            raise UnavailableError(self._last_failure)

    async def close(self) -> None:
        """End all hosts, calls included."""
        self._is_closed = True
        if self._retry is not None:
            self._retry.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for host in list(self.hosts):
            self._retire(host)
        await asyncio.gather(*self._retiring)

    async def host_with_room(self) -> HostProcess:
        """Give the host for a new call; the caller adds the call to it before it waits for anything.

        Raises UnavailableError with a sentence when all hosts are full, or none can be started.
        """
        while (host := choose_host(self.hosts, self._settings)) is None:
            if not self._starting and self._retry is not None:
                raise UnavailableError(self._last_failure)
            if not self._starting and not self._start_host():
                raise UnavailableError(self._refusal())
            failed_before = self._failed_starts
            await asyncio.wait(self._starting, return_when=asyncio.FIRST_COMPLETED)
            if self._failed_starts > failed_before:
                raise UnavailableError(self._last_failure)
        return host

    def _refusal(self) -> str:
        settings = self._settings
        if all(len(host.calls) >= settings.calls_per_host for host in self.hosts):
            return (
                f"All {settings.most_hosts} media hosts are full "
                f"({settings.calls_per_host} calls each): try again when a call has ended."
            )
        return (
            "The media hosts have no time for another call: this machine is too busy. "
            "Calls that run go on; try again when one has ended."
        )

    def balance(self) -> None:
        """Start hosts when spares are missing, retire some when too many are empty.

        Call after every change.
        """
        empty = [host for host in self.hosts if not host.calls and not host.is_retiring]
        missing = self._settings.spare_hosts - len(empty) - len(self._starting)
        for _ in range(missing):
            self._start_host()
        for host in empty[max(1, self._settings.spare_hosts) + _SURPLUS_HOSTS :]:
            self._retire(host)

    def _start_host(self) -> bool:
        count = len(self.hosts) + len(self._starting)
        if self._is_closed or self._retry is not None or count >= self._settings.most_hosts:
            return False
        task = asyncio.create_task(self._bring_up(), name="media-host-start")
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        return True

    async def _bring_up(self) -> None:
        host = HostProcess(
            self._settings.host, self._on_event, self._ended, admission=self._settings.admission
        )
        try:
            await host.start()
        except (UnavailableError, OSError) as error:
            self._start_failed(str(error))
            return
        self._failed_starts = 0
        self.hosts.append(host)
        log.info("media_host_started", pid=host.pid, engine=host.engine, priority=host.priority)

    def _start_failed(self, sentence: str) -> None:
        """Try again later, ever more rarely: what stops one host stops the next one too."""
        self._failed_starts += 1
        self._last_failure = sentence
        back_off_s = min(_LONGEST_BACK_OFF_S, 2.0**self._failed_starts)
        log.error("media_host_not_started", reason=sentence, retry_s=back_off_s)
        if not self._is_closed:
            self._retry = asyncio.get_running_loop().call_later(back_off_s, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self.balance()

    def _ended(self, host: HostProcess) -> None:
        if host not in self.hosts:
            return
        self.hosts.remove(host)
        if not host.is_retiring:
            log.error("media_host_died", pid=host.pid, calls=len(host.calls))
            self._on_death(host)
            self.balance()

    def _retire(self, host: HostProcess) -> None:
        host.is_retiring = True
        task = asyncio.create_task(host.close(), name=f"media-host-{host.pid}-close")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
