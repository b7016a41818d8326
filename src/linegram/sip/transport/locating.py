"""Answers `TargetNeeded`: looks for an account's server and adds our own address on the way to it."""

import asyncio
from collections.abc import Callable
from typing import Any

from linegram.sip.account import AccountConfig, Target
from linegram.sip.endpoint import SipEndpoint
from linegram.sip.events import TargetNeeded
from linegram.sip.flow import Flow
from linegram.sip.location import Located, Place
from linegram.sip.transport.resolver import Resolver
from linegram.sip.transport.udp import UdpSockets
from linegram.units import AccountId

Perform = Callable[[Callable[[SipEndpoint, float], Any]], Any]


class Locating:
    """The searches under way."""

    def __init__(self, resolver: Resolver, sockets: UdpSockets, advertised_host: str) -> None:
        self._resolver = resolver
        self._sockets = sockets
        self._advertised_host = advertised_host
        self._configs: dict[AccountId, AccountConfig] = {}
        self._searches: set[asyncio.Task[None]] = set()

    def put(self, config: AccountConfig) -> None:
        """Know where an account's server is to be looked for."""
        self._configs[config.account_id] = config

    def drop(self, account_id: AccountId) -> None:
        """Forget an account."""
        self._configs.pop(account_id, None)

    def start(self, wanted: TargetNeeded, perform: Perform) -> None:
        """Look for a server; the endpoint hears of the outcome."""
        config = self._configs.get(wanted.account_id)
        if config is None:
            return
        search = asyncio.get_running_loop().create_task(
            self._search(config, wanted, perform), name="sip-locate"
        )
        self._searches.add(search)
        search.add_done_callback(self._searches.discard)

    async def settle(self) -> None:
        """Wait until no search is under way."""
        await asyncio.gather(*self._searches)

    async def close(self) -> None:
        """End every search."""
        for search in self._searches:
            search.cancel()
        await asyncio.gather(*self._searches, return_exceptions=True)

    async def _search(self, config: AccountConfig, wanted: TargetNeeded, perform: Perform) -> None:
        located = await self._resolver.resolve(config.wish(wanted.redirected_to))
        if self._configs.get(config.account_id) is not config:
            return
        targets = tuple(t for place in located.places if (t := self._target_of(place, config)) is not None)
        perform(
            lambda endpoint, now: endpoint.set_targets(
                config.account_id, targets, now, valid_s=located.valid_s, problem=_problem(located, targets)
            )
        )

    def _target_of(self, place: Place, config: AccountConfig) -> Target | None:
        """Add our own address on the way there; None when there is no way."""
        ours = self._sockets.towards(place.host, place.port)
        if ours is None:
            return None
        flow = Flow(place.transport, place.host, place.port, server_name=place.server_name)
        if place.server_name:
            flow = flow._replace(server_name=config.tls.server_name or place.server_name, tls=config.tls)
        named = self._advertised_host if ":" not in place.host else ""
        return Target(flow, named or ours[0], ours[1], place.rank)


def _problem(located: Located, targets: tuple[Target, ...]) -> str:
    if located.places and not targets:
        return (
            "no way from here to the server's address: no network, or another kind of IP than we are bound to"
        )
    return located.problem
