"""A calling account: connected, watched, its session kept, its chat with employees read."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import count
from typing import Any, Final

import structlog
from telethon import TelegramClient, events
from telethon.errors.rpcbaseerrors import RPCError, UnauthorizedError
from telethon.tl import types
from telethon.tl.functions import PingRequest
from telethon.tl.functions.account import ChangeAuthorizationSettingsRequest, GetAuthorizationsRequest
from telethon.tl.functions.help import GetConfigRequest
from telethon.tl.functions.updates import GetStateRequest
from telethon.utils import get_display_name

from linegram.calls.ports import PhoneSink
from linegram.errors import RefusedError, RemoteProtocolError, UnavailableError
from linegram.telegram.connection import TelegramSettings, calling_client
from linegram.telegram.errors import error_name
from linegram.telegram.keeper import SessionKeeper
from linegram.telegram.phone import CallingAccountPhone
from linegram.telegram.phone_call_table import CallTimeouts
from linegram.telegram.phone_wire import PhoneProtocol
from linegram.telegram.rpc import ask
from linegram.telegram.session import AccountSession, SessionStore
from linegram.units import TelegramUserId

log = structlog.get_logger()

START_WITHIN_S: Final = 30.0
OLD_TEXT: Final = timedelta(seconds=60)
"""A text that waited longer for us is not acted upon: nobody expects its call any more."""

KNOWN_CHATS: Final = 500
"""So many chats are read at the start; whoever is further down is known from the stored session."""

_FAILED_PINGS_BEFORE_RENEWAL: Final = 3
_PINGS_PER_STATE: Final = 12


class AccountState(Enum):
    """Whether the calling account can be used."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    SIGNED_OUT = "signed_out"


@dataclass(frozen=True, slots=True)
class EmployeeText:
    """Somebody wrote to the calling account."""

    user_id: TelegramUserId
    text: str
    message_id: int
    reply_to_message_id: int | None = None
    name: str = ""
    username: str = ""


TextSink = Callable[[EmployeeText], None]
StateSink = Callable[[AccountState], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSinks:
    """Who hears what of the calling account; each is called in the event loop and returns at once."""

    phone: PhoneSink
    text: TextSink
    state: StateSink


class CallingAccount:
    """One Telegram user account that carries calls. Start it once, stop it once."""

    def __init__(
        self,
        settings: TelegramSettings,
        store: SessionStore,
        sinks: AccountSinks,
        *,
        protocol: PhoneProtocol = PhoneProtocol(),  # noqa: B008 - frozen
        ping_every_s: float = 5.0,
    ) -> None:
        self._session = AccountSession()
        self._keeper = SessionKeeper(self._session, store)
        self._settings = settings
        self._store = store
        self._sinks = sinks
        self._protocol = protocol
        self._ping_every_s = ping_every_s
        self._state = AccountState.DISCONNECTED
        self._watch: asyncio.Task[None] | None = None
        self._client: TelegramClient | None = None
        self._phone: CallingAccountPhone | None = None
        self._user_id: TelegramUserId | None = None
        self._mention = ""

    @property
    def client(self) -> TelegramClient:
        """The connected client; raises UnavailableError before `start`."""
        if self._client is None:
            raise UnavailableError("the calling account is not started")
        return self._client

    @property
    def phone(self) -> CallingAccountPhone:
        """The account's voice calls; raises UnavailableError before `start`."""
        if self._phone is None:
            raise UnavailableError("the calling account is not started")
        return self._phone

    @property
    def user_id(self) -> TelegramUserId:
        """Telegram's number of the calling account; raises UnavailableError before `start`."""
        if self._user_id is None:
            raise UnavailableError("the calling account is not started")
        return self._user_id

    async def mention(self) -> str:
        """Return how people find this account: its username, else its name."""
        return self._mention

    def has_seen(self, user_id: TelegramUserId) -> bool:
        """Say whether this account has the right to address a person, and so to call him."""
        return self._session.get_entity_rows_by_id(user_id) is not None

    # ---- start and stop

    async def start(self) -> None:
        """Connect with the stored session and get ready for calls.

        Raises RefusedError if nobody has signed in, or the session has ended or
        cannot be read; UnavailableError if Telegram does not answer;
        RemoteProtocolError if Telegram proposes unsafe keys.
        """
        stored = await self._store.load()
        if stored is None:
            raise RefusedError("The calling account is not signed in. Run `linegram init`.")
        try:
            self._session.load(stored)
        except RemoteProtocolError as error:
            raise RefusedError("The stored session cannot be read. Run `linegram init --sign-in`.") from error
        self._client = client = calling_client(self._settings, self._session)
        self._phone = CallingAccountPhone(client, self._sinks.phone, protocol=self._protocol)
        client.add_event_handler(self._on_text, events.NewMessage(incoming=True))
        try:
            async with asyncio.timeout(START_WITHIN_S):
                await self._connect(client)
                await self._phone.prepare(await self._call_timeouts(client))
                await self._learn_chats(client)
                await self._silence_other_devices(client)
        except (OSError, TimeoutError) as error:
            await self._disconnect(client)
            raise UnavailableError("Telegram does not answer.") from error
        except RPCError as error:
            await self._disconnect(client)
            raise UnavailableError(f"Telegram refused the start: {error_name(error)}.") from error
        except BaseException:
            await self._disconnect(client)
            raise
        self._keeper.start()
        self._enter(AccountState.CONNECTED)
        self._watch = asyncio.create_task(self._watch_connection(client), name="telegram_watch")

    async def stop(self) -> None:
        """End all calls, save the session and disconnect."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        if self._client is None:
            return
        if self._phone is not None:
            await self._phone.close()
        await self._disconnect(self._client)
        await self._keeper.stop()
        self._client = self._phone = None

    async def _connect(self, client: TelegramClient) -> None:
        await client.connect()
        me = await client.get_me()
        if me is None:
            raise RefusedError("Telegram has ended the session of the calling account. Run `linegram init`.")
        self._user_id = TelegramUserId(me.id)
        self._mention = f"@{me.username}" if me.username else get_display_name(me)

    async def _call_timeouts(self, client: TelegramClient) -> CallTimeouts:
        config = await ask(client, GetConfigRequest())
        return CallTimeouts(
            receive_s=config.call_receive_timeout_ms / 1000,
            ring_s=config.call_ring_timeout_ms / 1000,
            connect_s=config.call_connect_timeout_ms / 1000,
        )

    async def _learn_chats(self, client: TelegramClient) -> None:
        """Learn whom we have chats with: somebody may have written before our first start."""
        try:
            await client.get_dialogs(limit=KNOWN_CHATS)
        except RPCError as error:
            # Those who write again, or are in the stored session, can be called all the same.
            log.warning("chats_not_read", error=error_name(error))

    async def _silence_other_devices(self, client: TelegramClient) -> None:
        """Keep our calls from ringing on other devices of this account: whoever picks up there takes them."""
        try:
            listed = await ask(client, GetAuthorizationsRequest())
            for other in listed.authorizations:
                if not other.current and not other.call_requests_disabled:
                    await ask(
                        client, ChangeAuthorizationSettingsRequest(other.hash, call_requests_disabled=True)
                    )
                    log.info("other_device_silenced", device=other.device_model)
        except RPCError as error:
            log.warning("other_devices_not_silenced", error=error_name(error))

    async def _disconnect(self, client: TelegramClient) -> None:
        with suppress(OSError):
            await client.disconnect()
        self._enter(AccountState.DISCONNECTED)

    # ---- watching the connection

    async def _watch_connection(self, client: TelegramClient) -> None:
        failures = 0
        for turn in count(1):
            await asyncio.sleep(self._ping_every_s)
            is_answering = await self._is_answering(client, is_asked_for_state=turn % _PINGS_PER_STATE == 0)
            if self._state is AccountState.SIGNED_OUT:
                return
            if is_answering:
                failures = 0
                await self._note_answer(client)
                continue
            failures += 1
            self._enter(AccountState.DISCONNECTED)
            if failures >= _FAILED_PINGS_BEFORE_RENEWAL or not client.is_connected():
                failures = 0
                await self._renew(client)

    async def _is_answering(self, client: TelegramClient, *, is_asked_for_state: bool) -> bool:
        """Say whether Telegram answers. A ping is answered to anybody; the state only to who is signed in."""
        request = GetStateRequest() if is_asked_for_state else PingRequest(ping_id=1)
        try:
            await ask(client, request, within_s=self._ping_every_s)
        except UnauthorizedError as error:
            log.error("calling_account_signed_out", error=error_name(error))
            self._enter(AccountState.SIGNED_OUT)
        except (OSError, TimeoutError, RPCError):
            return False
        return True

    async def _note_answer(self, client: TelegramClient) -> None:
        if self._state is AccountState.DISCONNECTED:
            # Telethon asks for nothing that it missed while it was away.
            await client.catch_up()
            self._enter(AccountState.CONNECTED)

    async def _renew(self, client: TelegramClient) -> None:
        """Start the connection anew: Telethon gave up, or holds a socket that leads nowhere."""
        log.warning("telegram_connection_renewed")
        try:
            await client.disconnect()
            async with asyncio.timeout(START_WITHIN_S):
                await self._connect(client)
        except RefusedError:
            self._enter(AccountState.SIGNED_OUT)
        except (OSError, TimeoutError, RPCError) as error:
            log.warning("telegram_unreachable", error=repr(error))

    def _enter(self, state: AccountState) -> None:
        if state is not self._state:
            self._state = state
            log.info("calling_account_state", state=state.value)
            self._sinks.state(state)

    # ---- the chat

    async def _on_text(self, event: Any) -> None:
        message = event.message
        if not event.is_private or not message.message or message.via_bot_id or _is_bot(message):
            return
        if datetime.now(UTC) - message.date > OLD_TEXT:
            log.info("old_text_ignored", message_id=message.id)
            return
        reply = message.reply_to
        self._sinks.text(
            EmployeeText(
                TelegramUserId(event.chat_id),
                message.message,
                message.id,
                reply.reply_to_msg_id if isinstance(reply, types.MessageReplyHeader) else None,
                name=get_display_name(message.sender),
                username=getattr(message.sender, "username", None) or "",
            )
        )


def _is_bot(message: Any) -> bool:
    sender = message.sender
    return isinstance(sender, types.User) and bool(sender.bot)
