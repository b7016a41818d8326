"""The driver of coturn: it starts, asks who is there, and leaves nothing behind."""

from pathlib import Path

import pytest

from tests.peers.addresses import is_bound
from tests.peers.coturn import Coturn
from tests.peers.process import living_group

pytestmark = pytest.mark.peer("coturn")


async def test_it_listens_and_leaves_nothing_behind() -> None:
    async with Coturn("127.0.0.1") as relay:
        pid, port = relay.pid, relay.port
        assert is_bound("127.0.0.1", port)
        assert "Default realm: office.test" in relay.log()
    assert not living_group(pid)
    assert not is_bound("127.0.0.1", port)
    assert not list(Path("/tmp").glob(f"linegram-coturn-*/turn.{pid}"))


async def test_it_starts_again_on_its_port() -> None:
    async with Coturn("127.0.0.1") as relay:
        pid = relay.pid
        await relay.stop()
        assert not is_bound("127.0.0.1", relay.port)
        await relay.start()
        assert relay.pid != pid
        assert is_bound("127.0.0.1", relay.port)
