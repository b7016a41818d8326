"""Doubles and ears for tests of the calling account: a store, what the hub hears, a phone worked by hand."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from telethon.tl import functions, types

from linegram.calls.ports import PhoneEnded, PhoneEvent
from linegram.sandbox.employee import API_HASH, API_ID, Employee
from linegram.sandbox.mtproto import SandboxTelegram
from linegram.sandbox.world import World
from linegram.sandbox.world.calls import PhoneCall
from linegram.sandbox.world.messages import Content
from linegram.sandbox.world.people import Person
from linegram.telegram.account import AccountSinks, AccountState, CallingAccount, EmployeeText
from linegram.telegram.connection import TelegramServer, TelegramSettings
from linegram.telegram.key_exchange import (
    KEY_BYTES,
    KNOWN_PRIME,
    CalleeExchange,
    CallerExchange,
    CallKey,
    checked_group,
)
from linegram.telegram.phone_wire import PhoneProtocol, reference_of
from linegram.units import LegId, TelegramUserId

WAIT_S = 20.0
GROUP = checked_group(3, KNOWN_PRIME.to_bytes(KEY_BYTES, "big"))
LEG = LegId("leg-1")
OTHER_LEG = LegId("leg-2")
DECLINE = types.PhoneCallDiscardReasonBusy()
HANG_UP = types.PhoneCallDiscardReasonHangup()

T = TypeVar("T")


class MemoryStore:
    """A SessionStore that forgets at the end of the test."""

    def __init__(self, session: str | None = None) -> None:
        self.session = session
        self.saves = 0

    async def load(self) -> str | None:
        return self.session

    async def save(self, session: str) -> None:
        self.session = session
        self.saves += 1


class Heard:
    """What sinks were told, in order, and a way to wait for it."""

    def __init__(self) -> None:
        self.phone: list[PhoneEvent] = []
        self.texts: list[EmployeeText] = []
        self.states: list[AccountState] = []
        self._changed = asyncio.Event()

    @property
    def sinks(self) -> AccountSinks:
        return AccountSinks(phone=self.take_phone, text=self._take_text, state=self._take_state)

    def take_phone(self, event: PhoneEvent) -> None:
        self.phone.append(event)
        self._wake()

    def _take_text(self, text: EmployeeText) -> None:
        self.texts.append(text)
        self._wake()

    def _take_state(self, state: AccountState) -> None:
        self.states.append(state)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, found: Callable[[], T | None], within_s: float = WAIT_S) -> T:
        """Wait until something is found in what was heard."""
        async with asyncio.timeout(within_s):
            while (result := found()) is None:
                await self._changed.wait()
        return result

    async def event(self, kind: type[T], leg_id: LegId | None = None, within_s: float = WAIT_S) -> T:
        """Wait for the first phone event of a kind."""

        def found() -> T | None:
            fitting = (e for e in self.phone if isinstance(e, kind) and leg_id in (None, e.leg_id))
            return next(fitting, None)

        return await self.until(found, within_s)

    async def end(self, leg_id: LegId) -> PhoneEnded:
        """Wait for the end of a leg, which must be the only one and the last word about it."""
        ended = await self.event(PhoneEnded, leg_id)
        about = [event for event in self.phone if event.leg_id == leg_id]
        assert about[-1] == ended
        assert sum(isinstance(event, PhoneEnded) for event in about) == 1
        return ended


@dataclass
class Office:
    """A running Telegram, the calling account in it, and who else plays."""

    telegram: SandboxTelegram
    caller: Person
    anna: Person
    boris: Person
    bot: Person
    settings: TelegramSettings
    store: MemoryStore
    heard: Heard = field(default_factory=Heard)

    @property
    def world(self) -> World:
        return self.telegram.world

    @property
    def anna_id(self) -> TelegramUserId:
        return TelegramUserId(self.anna.user_id)

    @property
    def boris_id(self) -> TelegramUserId:
        return TelegramUserId(self.boris.user_id)

    def account(self, *, ping_every_s: float = 5.0) -> CallingAccount:
        """Return the calling account, not started."""
        return CallingAccount(self.settings, self.store, self.heard.sinks, ping_every_s=ping_every_s)

    def writes(self, person: Person, text: str) -> None:
        """Let somebody write to the calling account, from a device that we do not play."""
        self.world.chats.send(person.user_id, self.caller.user_id, Content(text))

    def at_device(self, person: Person) -> Employee:
        """Return somebody at a device of his own, not connected yet."""
        return Employee(self.telegram, person)


def settings_for(telegram: SandboxTelegram) -> TelegramSettings:
    """Return settings that lead to a sandbox."""
    host, port = telegram.address
    server = TelegramServer(host=host, port=port, public_key_pem=telegram.public_key_pem)
    return TelegramSettings(api_id=API_ID, api_hash=API_HASH, server=server, connect_within_s=5)


class HandPhone:
    """An employee's telephone worked by hand: nothing happens that the test does not do."""

    def __init__(self, employee: Employee, protocol: PhoneProtocol | None = None) -> None:
        self.client = employee.client
        self.protocol = (protocol or PhoneProtocol()).as_tl()
        self.key: CallKey | None = None
        self.signals: list[bytes] = []
        self._exchange: CalleeExchange | CallerExchange | None = None
        self._seen: list[Any] = []
        self._changed = asyncio.Event()
        employee.on_update(self._take)

    def _take(self, update: Any) -> None:
        if isinstance(update, types.UpdatePhoneCall):
            self._seen.append(update.phone_call)
        elif isinstance(update, types.UpdatePhoneCallSignalingData):
            self.signals.append(update.data)
        self._changed.set()
        self._changed = asyncio.Event()

    async def sees(self, kind: type[T]) -> T:
        """Wait for a state of a call; each is seen once."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for phone_call in self._seen:
                    if isinstance(phone_call, kind):
                        self._seen.remove(phone_call)
                        return phone_call
                await self._changed.wait()

    def has_seen(self, kind: type[Any]) -> bool:
        return any(isinstance(phone_call, kind) for phone_call in self._seen)

    async def until_signals(self, count: int) -> list[bytes]:
        async with asyncio.timeout(WAIT_S):
            while len(self.signals) < count:
                await self._changed.wait()
        return self.signals

    async def rings(self) -> Any:
        """Wait for a call and report that it rings; returns how to name it."""
        requested = await self.sees(types.PhoneCallRequested)
        self._exchange = CalleeExchange(GROUP, secrets.token_bytes(256), requested.g_a_hash)
        peer = _peer(requested)
        await self.client(functions.phone.ReceivedCallRequest(peer))
        return peer

    async def answers(self, peer: Any) -> None:
        """Accept, and see the key exchange through."""
        assert isinstance(self._exchange, CalleeExchange)
        await self.client(functions.phone.AcceptCallRequest(peer, self._exchange.g_b, self.protocol))
        stands = await self.sees(types.PhoneCall)
        self.key = self._exchange.agree(stands.g_a_or_b, stands.key_fingerprint)

    async def calls(self, person: Any) -> Any:
        """Call somebody; returns how to name the call."""
        self._exchange = CallerExchange(GROUP, secrets.token_bytes(256))
        user = types.InputUser(person.user_id, person.access_hash)
        request = functions.phone.RequestCallRequest(user, self._exchange.g_a_hash, self.protocol)
        return _peer((await self.client(request)).phone_call)

    async def confirms(self, peer: Any, accepted: Any = None) -> None:
        """Wait until the other side has accepted, unless that was seen already, and confirm."""
        accepted = accepted or await self.sees(types.PhoneCallAccepted)
        assert isinstance(self._exchange, CallerExchange)
        self.key = self._exchange.agree(accepted.g_b)
        await self.client(
            functions.phone.ConfirmCallRequest(peer, self._exchange.g_a, self.key.fingerprint, self.protocol)
        )

    async def signals_out(self, peer: Any, payload: bytes) -> None:
        await self.client(functions.phone.SendSignalingDataRequest(peer, payload))

    async def hangs_up(self, peer: Any, reason: Any, duration_s: int = 0) -> None:
        await self.client(functions.phone.DiscardCallRequest(peer, duration_s, reason, 0))


def _peer(phone_call: Any) -> Any:
    reference = reference_of(phone_call)
    return types.InputPhoneCall(reference.phone_call_id, reference.access_hash)


def calls_in(office: Office) -> list[PhoneCall]:
    return list(office.world.calls._calls.values())


async def all_calls_over(office: Office) -> None:
    """Wait until Telegram knows of no call that goes on."""
    async with asyncio.timeout(10):
        while office.world.calls.live():  # noqa: ASYNC110 - the world tells nobody of this
            await asyncio.sleep(0.01)
