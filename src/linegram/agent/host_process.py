"""One media host seen from the worker: start it, talk to it, notice its death, end it."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from typing import Final

import structlog

from linegram.agent.admission import Admission, AdmissionSettings
from linegram.errors import LinegramError, RemoteProtocolError, UnavailableError
from linegram.media.control import (
    HostBeat,
    HostCommand,
    HostEvent,
    HostReady,
    HostSettings,
    HostUnfit,
    LeaveHost,
)
from linegram.media.framing import Unpacker, pack
from linegram.units import CallId, LegId

log = structlog.get_logger()

_START_LIMIT_S: Final = 30.0
_LEAVE_LIMIT_S: Final = 3.0
_LOOK_S: Final = 1.0
_MOST_MISSED_BEATS: Final = 5
_OVERDUE_BEATS: Final = 2


class HostProcess:
    """A child process with up to N calls. Its events go to `on_event`, its end to `on_end`, once."""

    def __init__(
        self,
        settings: HostSettings,
        on_event: Callable[["HostProcess", HostEvent], None],
        on_end: Callable[["HostProcess"], None],
        *,
        admission: AdmissionSettings | None = None,
    ) -> None:
        self.calls: set[CallId] = set()
        self.setting_up: set[LegId] = set()
        self.is_retiring = False
        self.last_beat: HostBeat | None = None
        self.priority = ""
        self._settings = settings
        self._admission = Admission(admission or AdmissionSettings())
        self._on_event = on_event
        self._on_end = on_end
        self._unpacker: Unpacker[HostEvent] = Unpacker(HostEvent)
        self._missed_beats = 0
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._started: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def engine(self) -> str:
        """The voice engine that runs in it."""
        return self._settings.engine

    @property
    def takes_calls(self) -> bool:
        """Its ticks are in time, it is not too busy, its heartbeat comes, and it is there to stay."""
        return not self.is_retiring and self._admission.is_open and self._missed_beats <= _OVERDUE_BEATS

    @property
    def pid(self) -> int:
        """The process id; 0 before the start."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start the process and wait until it can take calls.

        Raises UnavailableError with a sentence when it cannot, OSError when the system gives us no
        process; then nothing is left of it.
        """
        ours, theirs = socket.socketpair()
        try:
            self._process = await _spawn(theirs)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self.send(self._settings)
        self._tasks = [
            asyncio.create_task(self._read(reader), name=f"media-host-{self.pid}-read"),
            asyncio.create_task(self._watch(), name=f"media-host-{self.pid}-watch"),
        ]
        try:
            await asyncio.wait_for(self._started, _START_LIMIT_S)
        except (UnavailableError, TimeoutError) as error:
            await self.close()
            raise UnavailableError(str(error) or "A media host did not start in time.") from error

    def send(self, command: HostCommand) -> None:
        """Send a command; a host that is gone takes none."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(pack(command))

    def kill(self) -> None:
        """End the process the hard way; `on_end` follows."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        """End the process in order, or after three seconds the hard way."""
        self.is_retiring = True
        if self._process is not None:
            self.send(LeaveHost())
            try:
                await asyncio.wait_for(self._process.wait(), _LEAVE_LIMIT_S)
            except TimeoutError:
                log.warning("media_host_killed", pid=self.pid, reason="did not leave")
                self.kill()
                await self._process.wait()
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while received := await reader.read(65536):
                for event in self._unpacker.feed(received):
                    self._take(event)
        except (OSError, RemoteProtocolError) as error:
            log.warning("media_host_stream_broken", pid=self.pid, reason=str(error))
        finally:
            await self._ended()

    def _take(self, event: HostEvent) -> None:
        self._missed_beats = 0
        match event:
            case HostBeat():
                self._note_beat(event)
            case HostReady(priority):
                self.priority = priority
                self._finish_start(None)
            case HostUnfit(sentence):
                self._finish_start(UnavailableError(sentence))
            case _:
                self._on_event(self, event)

    def _note_beat(self, beat: HostBeat) -> None:
        self.last_beat = beat
        was_open = self._admission.is_open
        self._admission.note(beat.late_ms_p99, beat.cpu_percent, asyncio.get_running_loop().time())
        if self._admission.is_open != was_open:
            log.warning(
                "media_host_takes_calls_again" if self._admission.is_open else "media_host_takes_no_calls",
                pid=self.pid,
                calls=beat.calls,
                late_ms_p99=round(beat.late_ms_p99, 1),
                cpu_percent=round(beat.cpu_percent, 1),
            )

    async def _watch(self) -> None:
        """Kill the host when it is stuck.

        Counting looks instead of seconds forgives the time in which this process itself stood still.
        """
        while self._process is not None and self._process.returncode is None:
            await asyncio.sleep(_LOOK_S)
            self._missed_beats += 1
            if self._started.done() and self._missed_beats > _MOST_MISSED_BEATS:
                log.error("media_host_killed", pid=self.pid, reason="no heartbeat", calls=len(self.calls))
                self.kill()
                return

    async def _ended(self) -> None:
        """Say that the host is gone; a stream that ended without its process ends the process."""
        if self._writer is not None:
            self._writer.close()
        self._finish_start(UnavailableError("A media host ended while it started; see the log."))
        self._on_end(self)
        if self._process is not None and not self.is_retiring:
            self.kill()
            await self._process.wait()

    def _finish_start(self, error: LinegramError | None) -> None:
        if self._started.done():
            return
        if error is None:
            self._started.set_result(None)
        else:
            self._started.set_exception(error)
            self._started.exception()


async def _spawn(control: socket.socket) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "linegram.media.host",
        "--control-fd",
        str(control.fileno()),
        pass_fds=(control.fileno(),),
        stdin=asyncio.subprocess.DEVNULL,
        env=_environment(),
    )


def _environment() -> dict[str, str]:
    """Our environment without our settings: a media host has no use for keys and tokens."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LINEGRAM_")}
