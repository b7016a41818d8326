"""What a process holds of the machine: to see that calls which are over have left nothing behind."""

from pathlib import Path

import msgspec


class Holdings(msgspec.Struct, frozen=True):
    """Counts of a process at one moment; sockets are among the open files."""

    open_files: int
    sockets: int
    threads: int
    resident_kb: int


def holdings() -> Holdings:
    """Count what this process holds now."""
    links = [_target(entry) for entry in Path("/proc/self/fd").iterdir()]
    files = [link for link in links if link]
    status = Path("/proc/self/status").read_text().splitlines()
    resident = next(line for line in status if line.startswith("VmRSS:"))
    return Holdings(
        open_files=len(files),
        sockets=sum(link.startswith("socket:") for link in files),
        threads=len(list(Path("/proc/self/task").iterdir())),
        resident_kb=int(resident.split()[1]),
    )


def _target(entry: Path) -> str:
    """Say what an open file is; empty for the one by which the list itself is read."""
    try:
        target = str(entry.readlink())
    except FileNotFoundError:
        return ""
    return "" if target.startswith("/proc/") else target
