"""Which real programs `tools/peers.sh` has fetched, and how to start one of them. Knows no protocol."""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PEERS_DIR = Path(__file__).parents[2] / ".peers"
NOBODY_UID = 65534


class PeerMissingError(Exception):
    """A program that a test needs is not there; the text says why."""


@dataclass(frozen=True)
class Peer:
    """A program and the root of the unpacked packages that it came from (None: installed on this machine)."""

    name: str
    version: str
    program: Path
    root: Path | None

    @property
    def library_dirs(self) -> tuple[Path, ...]:
        """The folders in which the program's libraries and modules lie."""
        triplet = f"{platform.machine()}-linux-gnu"
        base = self.root or Path("/")
        below = (f"usr/lib/{triplet}", f"lib/{triplet}", "usr/lib", "lib")
        return tuple(folder for part in below if (folder := base / part).is_dir())

    def command(self, *arguments: str | Path) -> list[str]:
        """Make the argument list that runs the program through its own loader."""
        words = [str(self.program), *map(str, arguments)]
        if self.root is None:
            return words
        private = (folder / self.program.name for folder in self.library_dirs)
        libraries = ":".join(map(str, (*self.library_dirs, *private)))
        return [str(_loader(self.library_dirs)), "--library-path", libraries, *words]


def _loader(library_dirs: Sequence[Path]) -> Path:
    for pattern in ("ld-linux-*.so.*", "ld-2.*.so"):
        for folder in library_dirs:
            for loader in sorted(folder.glob(pattern)):
                if loader.exists():
                    return loader.resolve()
    raise PeerMissingError(f"no program loader in {library_dirs}")


def find_peer(name: str) -> Peer:
    """Look a program up in the record of `make peers`. Raises PeerMissingError with the reason."""
    for line in _status_lines():
        words = line.split()
        if words[:2] == [name, "ok"]:
            program = PEERS_DIR / words[3]
            root = None if words[3].startswith("/") else PEERS_DIR / words[3].split("/")[0] / "root"
            return Peer(name, words[2], program, root)
        if line.startswith(f"{name} missing: "):
            raise PeerMissingError(line.removeprefix(f"{name} missing: "))
    raise PeerMissingError("not fetched yet: run `make peers`")


def _status_lines() -> list[str]:
    status = PEERS_DIR / "status"
    return status.read_text().splitlines() if status.exists() else []


def bounded(command: Sequence[str]) -> list[str]:
    """Make `command` die with its parent and run as an ordinary user, where that is possible."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return list(command)
    return [setpriv, "--pdeathsig", "TERM", *_ordinary_user(setpriv), *command]


@cache
def _ordinary_user(setpriv: str) -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    options = (f"--reuid={NOBODY_UID}", f"--regid={NOBODY_UID}", "--clear-groups")
    # A checkout in a private home cannot be read by anybody else: then the program runs as root.
    probe = subprocess.run([setpriv, *options, "test", "-r", str(PEERS_DIR / "status")], check=False)
    return options if probe.returncode == 0 else ()


def hand_over(folder: Path) -> None:
    """Give a folder and what is in it to the ordinary user that `bounded` runs programs as."""
    setpriv = shutil.which("setpriv")
    if setpriv is None or not _ordinary_user(setpriv):
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY_UID, NOBODY_UID)
