"""Whether a service runs with these settings: a lock in its folder, held as long as the process lives."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from linegram.errors import RefusedError

_NAME: Final = "linegram.lock"


@contextmanager
def only_service(data_dir: Path) -> Iterator[None]:
    """Be the one service of this folder. Raises RefusedError with a sentence if there is one already.

    The kernel drops the lock with the process, so that a killed service locks nobody out.
    """
    handle = _open(data_dir)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"Linegram is running already (process {_holder(handle)}).") from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def running_service(data_dir: Path) -> str | None:
    """The process number of the service that runs in this folder; None if there is none."""
    if not (data_dir / _NAME).exists():
        return None
    handle = _open(data_dir)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(handle)
    else:
        return None
    finally:
        os.close(handle)


def _open(data_dir: Path) -> int:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return os.open(data_dir / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise RefusedError(f"The folder {data_dir} cannot be written to: {error.strerror}.") from error


def _holder(handle: int) -> str:
    return os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
