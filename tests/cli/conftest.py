"""A sandbox Telegram in which nothing is set up for Linegram yet but a bot and a telephone number."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linegram.sandbox.office import SandboxOffice


@pytest.fixture
async def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SandboxOffice]:
    """A sandbox office: settings, signed-in calling account, bot."""
    monkeypatch.delenv("LINEGRAM_CONFIG", raising=False)
    async with SandboxOffice(tmp_path / "office") as office:
        yield office
