"""What a media host asks of the operating system: priority, and an end when its parent ends."""

import ctypes
import gc
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger()

_PR_SET_PDEATHSIG: Final = 1
_NICENESS: Final = -10
_SWITCH_INTERVAL_S: Final = 0.0005
_PAGE_MB: Final = resource.getpagesize() / 1e6


def become_media_process() -> None:
    """Prepare this process for audio. What the system does not allow is done without.

    Ctrl-C in a terminal goes to the whole group: only the parent decides what it means.
    The kernel ends us with the parent even when we hang, in case nobody reads the control socket.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    try:
        os.nice(_NICENESS)
    except OSError:
        log.info("priority_not_raised")
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


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


def leave_at_once(status: int) -> None:
    """End without Python's farewells: native threads of a voice engine do not survive them."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
