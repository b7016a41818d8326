"""The media host's loop: one thread, one 20 ms tick that moves everything.

Started by the worker as `python -m linegram.media.host --control-fd N` with
one end of a socket pair, on which commands come in and events go out. The
first command is HostSettings; the answer is HostReady or HostUnfit. The end
of the control stream is the end of the process.
"""

import argparse
import os
import select
import socket
import sys
import time
from typing import Final

import msgspec
import structlog

from linegram.errors import RemoteProtocolError, UnavailableError
from linegram.link.voice import OWN
from linegram.media.control import (
    HostBeat,
    HostCommand,
    HostReady,
    HostSettings,
    HostUnfit,
    LeaveHost,
)
from linegram.media.cpu_share import CpuShare
from linegram.media.exchange import Exchange
from linegram.media.framing import Unpacker, pack
from linegram.media.process import (
    become_media_process,
    give_way,
    leave_at_once,
    log_to_stderr,
    raise_priority,
    resident_mb,
    settle_memory,
)
from linegram.media.tick import LATENESS_WINDOW_S, TickClock
from linegram.voice.engines import make_engine

log = structlog.get_logger()

_BEAT_S: Final = 1.0
_MOST_REAL_TIME_PERCENT: Final = 95.0
_SETUP_LOOK_S: Final = 0.002
"""While a voice leg connects, its signalling is passed on without waiting for the tick."""
_MOST_UNSENT_BYTES: Final = 4 << 20


class ControlLink:
    """The host's end of the control stream. Never blocks."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self._stream.setblocking(False)
        self._unpacker: Unpacker[HostCommand] = Unpacker(HostCommand)
        self._unsent = bytearray()
        self.is_lost = False

    def wait(self, timeout_s: float) -> None:
        """Sleep until a command comes, or the time is over."""
        writers = [self._stream] if self._unsent else []
        select.select([self._stream], writers, [], max(0.0, timeout_s))

    def commands(self) -> list[HostCommand]:
        """Give the commands that have come; notes the end of the stream in `is_lost`."""
        found: list[HostCommand] = []
        while not self.is_lost:
            try:
                received = self._stream.recv(65536)
                found += self._unpacker.feed(received)
            except BlockingIOError:
                break
            except (OSError, RemoteProtocolError) as error:
                log.warning("control_stream_broken", reason=str(error))
                self.is_lost = True
                break
            self.is_lost = not received
        return found

    def send(self, event: msgspec.Struct) -> None:
        """Queue one event."""
        self._unsent += pack(event)

    def flush(self) -> None:
        """Send what the stream takes now; a parent that no longer reads has lost us."""
        try:
            while self._unsent:
                del self._unsent[: self._stream.send(self._unsent)]
        except BlockingIOError:
            self.is_lost = self.is_lost or len(self._unsent) > _MOST_UNSENT_BYTES
        except OSError:
            self.is_lost = True


class MediaHost:
    """Runs the exchange on the tick until told to leave or left alone."""

    def __init__(self, control: ControlLink, exchange: Exchange) -> None:
        self._control = control
        self._exchange = exchange
        self._clock = TickClock()
        self._cpu_share = CpuShare(LATENESS_WINDOW_S)
        self._next_beat = time.monotonic()
        self._parent = os.getppid()
        self._has_given_way = False

    def run(self) -> None:
        """Serve until the parent says so or is gone."""
        while not self._control.is_lost:
            self._control.wait(self._next_look() - time.monotonic())
            for command in self._control.commands():
                if isinstance(command, LeaveHost):
                    return
                self._exchange.obey(command, time.monotonic())
            self._run_due_ticks()
            self._report()

    def _next_look(self) -> float:
        if self._clock.next_due is None:
            return self._next_beat
        look = min(self._next_beat, self._clock.next_due)
        return min(look, time.monotonic() + _SETUP_LOOK_S) if self._exchange.is_setting_up else look

    def _run_due_ticks(self) -> None:
        now = time.monotonic()
        if not self._exchange.call_count:
            self._clock.stop()
            return
        self._clock.start(now)
        due = self._clock.ticks_due(now)
        if due:
            self._exchange.drain(now)
        for _ in range(due):
            self._exchange.tick(now)

    def _report(self) -> None:
        now = time.monotonic()
        self._exchange.collect(now)
        while self._exchange.events:
            self._control.send(self._exchange.events.popleft())
        if now >= self._next_beat:
            self._next_beat = now + _BEAT_S
            self._control.send(self._beat())
            if os.getppid() != self._parent:
                self._control.is_lost = True
        self._control.flush()

    def _beat(self) -> HostBeat:
        now, cpu_s = time.monotonic(), time.process_time()
        late, cpu_percent = self._clock.lateness(now), self._cpu_share.note(now, cpu_s)
        self._give_way_if_greedy(cpu_percent)
        return HostBeat(
            calls=self._exchange.call_count,
            playout_target_ms=self._exchange.playout_target_ms(now),
            late_ms_p50=late.p50_ms,
            late_ms_p99=late.p99_ms,
            late_ms_max=late.max_ms,
            cpu_percent=cpu_percent,
            cpu_s=cpu_s,
            resident_mb=resident_mb(),
        )

    def _give_way_if_greedy(self, cpu_percent: float) -> None:
        """Leave real time for good when the calls need a whole core."""
        if cpu_percent > _MOST_REAL_TIME_PERCENT and not self._has_given_way:
            self._has_given_way = True
            log.warning("media_host_gives_way", cpu_percent=round(cpu_percent))
            give_way()


def _first_settings(control: ControlLink) -> HostSettings | None:
    while not control.is_lost:
        control.wait(_BEAT_S)
        for command in control.commands():
            if isinstance(command, HostSettings):
                return command
    return None


def _open_exchange(control: ControlLink) -> Exchange | None:
    """Load everything the host needs; say so on the control stream, or why it cannot."""
    settings = _first_settings(control)
    if settings is None:
        return None
    try:
        log_to_stderr(settings.log_level, as_json=settings.logs_json)
        exchange = Exchange(make_engine(settings.engine), settings)
    except (UnavailableError, ValueError) as error:
        control.send(HostUnfit(str(error)))
        control.flush()
        return None
    settle_memory()
    control.send(HostReady(raise_priority(may_be_real_time=settings.engine == OWN)))
    control.flush()
    return exchange


def main(arguments: list[str]) -> None:
    """Run one media host in this process; does not return."""
    parser = argparse.ArgumentParser(prog="linegram.media.host", description="Moves the audio of calls.")
    parser.add_argument("--control-fd", type=int, required=True, help="one end of a socket pair")
    control = ControlLink(socket.socket(fileno=parser.parse_args(arguments).control_fd))
    log_to_stderr("warning", as_json=False)
    become_media_process()
    status = 1
    try:
        exchange = _open_exchange(control)
        if exchange is not None:
            MediaHost(control, exchange).run()
            if not control.is_lost:
                exchange.close(time.monotonic())
            status = 0
    except Exception:
        log.exception("media_host_failed")
    finally:
        leave_at_once(status)


if __name__ == "__main__":
    main(sys.argv[1:])
