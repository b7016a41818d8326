"""Lets a test tick in time on a busy machine, where that is allowed; media hosts raise theirs too."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_NICENESS: Final = -10


@contextmanager
def raised_priority() -> Iterator[None]:
    """Raise all threads that the process has now, and put them back."""
    threads = [int(task.name) for task in Path("/proc/self/task").iterdir()]
    before = [(thread, os.getpriority(os.PRIO_PROCESS, thread)) for thread in threads]
    try:
        for thread in threads:
            _set(thread, _NICENESS)
        yield
    finally:
        for thread, niceness in before:
            _set(thread, niceness)


def _set(thread: int, niceness: int) -> None:
    """Change one thread, if we may and it is still there."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, niceness)
