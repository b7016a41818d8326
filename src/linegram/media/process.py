"""What a media host asks of the operating system: priority, and an end when its parent ends."""

import ctypes
import gc
import logging
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()

_PR_SET_PDEATHSIG: Final = 1
_NICENESS: Final = -10
_REAL_TIME: Final = 2
"""The lowest but one: the far ends of the benchmarks, on the same cores, take the lowest."""
_SWITCH_INTERVAL_S: Final = 0.0005
_PAGE_MB: Final = resource.getpagesize() / 1e6


def become_media_process() -> None:
    """Prepare this process for audio.

    Signals that a terminal or a service manager sends to the whole group are for the parent: it ends
    the calls first. The kernel ends us with the parent even when we hang. A thread that dies takes the
    process with it: the worker replaces a dead host, not half a host.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    allow_many_sockets()
    threading.excepthook = _leave_with_thread
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def allow_many_sockets() -> int:
    """Take as many file handles as the system gives: a call may need twenty sockets; says how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raise_priority(*, may_be_real_time: bool) -> str:
    """Come before other work, as far as the system allows; says how far.

    Real time is nearly the lowest there is, taking turns: niceness alone does not reach beyond the session
    where the kernel groups processes by session. An engine with threads of its own, whose races are a
    matter of timing, stays with niceness.
    """
    if may_be_real_time and hasattr(os, "sched_setscheduler"):
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_REAL_TIME))
        except OSError:
            log.debug("no_real_time")
        else:
            return "real time"
    try:
        os.nice(_NICENESS)
    except OSError:
        return "ordinary"
    return "raised"


def give_way() -> None:
    """Leave real time: a host that uses up a core must leave SIP and Telegram their turns."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def log_to_stderr(level: str, *, as_json: bool) -> None:
    """Log like the service that started us; standard output is not ours.

    Raises ValueError for a level that logging does not know.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"no such log level: {level}")
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def settle_memory() -> None:
    """Take what is loaded for good out of the garbage collector's rounds, so that they stay short."""
    gc.collect()
    gc.freeze()


def resident_mb() -> float:
    """Read how much memory the process holds now; zero where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE_MB
    except (OSError, ValueError, IndexError):
        return 0.0


def _leave_with_thread(args: threading.ExceptHookArgs) -> None:
    log.error(
        "media_thread_died", thread=args.thread.name if args.thread else "", reason=repr(args.exc_value)
    )
    leave_at_once(1)


def leave_at_once(status: int) -> None:
    """End without Python's farewells: native threads of a voice engine do not survive them."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
