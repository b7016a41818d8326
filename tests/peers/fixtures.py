"""Fixtures of the real peers: one process per test run and xdist worker, each on its own address."""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from linegram.sandbox.reflector import outside_address
from tests.peers.asterisk import Asterisk
from tests.peers.available import PeerMissingError, find_peer
from tests.peers.coturn import Coturn
from tests.peers.kamailio import Kamailio

PEER_FIXTURES = {"asterisk22", "asterisk16", "coturn", "kamailio"}


def require_peer(name: str) -> None:
    """Skip the running test when a peer is missing, saying why in one line; fail instead where CI=true."""
    try:
        find_peer(name)
    except PeerMissingError as error:
        complaint = f"peer {name} is missing: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(complaint, pytrace=False)
        pytest.skip(complaint)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for a peer's fixture, so that none slips into the fast tests."""
    for item in items:
        for name in PEER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.peer(name))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Require what the `peer` marks of a test name, before its fixtures start anything."""
    for mark in item.iter_markers("peer"):
        for name in mark.args:
            require_peer(name)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def asterisk22() -> AsyncIterator[Asterisk]:
    """Run Asterisk 22 with the usual accounts for the whole session."""
    async with Asterisk("asterisk22") as pbx:
        yield pbx


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def asterisk16() -> AsyncIterator[Asterisk]:
    """Run Asterisk 16 with the usual accounts for the whole session."""
    async with Asterisk("asterisk16") as pbx:
        yield pbx


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def kamailio() -> AsyncIterator[Kamailio]:
    """Run Kamailio as a registrar with the usual users for the whole session."""
    async with Kamailio() as proxy:
        yield proxy


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def coturn() -> AsyncIterator[Coturn]:
    """Run coturn for the whole session, on an address that WebRTC does not ignore."""
    async with Coturn(outside_address()) as relay:
        yield relay
