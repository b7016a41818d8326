"""Real SQLite files with a key and a clock that only moves when told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from linegram.storage.database import Database
from linegram.storage.vault import Vault


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault() -> Vault:
    return Vault([Fernet.generate_key().decode()])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "linegram.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def database(url: str, vault: Vault, clock: Clock) -> AsyncIterator[Database]:
    async with await Database.open(url, vault, clock=clock) as database:
        yield database


def bytes_on_disk(path: Path) -> bytes:
    """Everything that SQLite has written: the file, its write-ahead log and its index."""
    return b"".join(file.read_bytes() for file in path.parent.glob(f"{path.name}*"))
