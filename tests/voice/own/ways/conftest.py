"""What the tests of calls work with."""

import socket
from collections.abc import Iterator

import pytest

from linegram.voice.own.engine import OwnEngine
from tests.voice.own.relays.reflectors import ReflectorThread


@pytest.fixture
def reflectors() -> Iterator[ReflectorThread]:
    with ReflectorThread() as thread:
        yield thread


@pytest.fixture
def engine() -> Iterator[OwnEngine]:
    made = OwnEngine(list_ips=lambda: ["127.0.0.1"])
    yield made
    made.close()


@pytest.fixture
def reflector() -> Iterator[socket.socket]:
    """A reflector's socket; the test answers for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(5.0)
        yield opened
