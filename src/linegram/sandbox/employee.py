"""A simulated employee: a real Telethon client that texts, presses buttons and uses inline bots.

His telephone is in `employee_calls.py`.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from telethon import TelegramClient, events, functions, utils
from telethon.crypto import rsa
from telethon.sessions import MemorySession
from telethon.tl import types

from linegram.sandbox.mtproto.server import SandboxTelegram
from linegram.sandbox.world.people import Person

API_ID = 17349
API_HASH = "sandbox"
DEFAULT_WAIT_S = 20.0

Match = str | Callable[[Any], bool]


def new_client(telegram: SandboxTelegram, *, session: Any = None) -> TelegramClient:
    """Return a Telethon client that knows the sandbox's address and key; not connected yet."""
    rsa.add_key(telegram.public_key_pem, old=False)
    session = session or MemorySession()
    session.set_dc(2, *telegram.address)
    return TelegramClient(
        session,
        API_ID,
        API_HASH,
        connection_retries=30,
        retry_delay=0.2,
        flood_sleep_threshold=0,
        request_retries=1,
        raise_last_call_error=True,
        sequential_updates=True,
    )


async def sign_in(telegram: SandboxTelegram, client: TelegramClient, person: Person) -> None:
    """Sign a connected client in as somebody, by code and, if he has one, two-step password."""
    phone = f"+{person.phone}"
    sent = await client(functions.auth.SendCodeRequest(phone, API_ID, API_HASH, types.CodeSettings()))
    code = telegram.world.sign_in.code_for(person.phone)
    if person.password:
        try:
            await client.sign_in(phone, code, phone_code_hash=sent.phone_code_hash)
        except Exception as error:
            if type(error).__name__ != "SessionPasswordNeededError":
                raise
            await client.sign_in(password=person.password)
        return
    await client.sign_in(phone, code, phone_code_hash=sent.phone_code_hash)


class Employee:
    """A person at his device. Leave the context to take the device off the network."""

    def __init__(
        self, telegram: SandboxTelegram, person: Person, *, client: TelegramClient | None = None
    ) -> None:
        self.telegram = telegram
        self.person = person
        self.client = client or new_client(telegram)
        self._messages: dict[int, Any] = {}
        self._changed = asyncio.Event()
        self._raw_listeners: list[Callable[[Any], None]] = []

    async def __aenter__(self) -> Self:
        """Connect and sign in."""
        self.client.add_event_handler(self._take_update, events.Raw())
        await self.client.connect()
        if not await self.client.is_user_authorized():
            await sign_in(self.telegram, self.client, self.person)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self.client.disconnect()

    async def _take_update(self, update: Any) -> None:
        for listener in tuple(self._raw_listeners):
            listener(update)
        if isinstance(update, types.UpdateNewMessage | types.UpdateEditMessage):
            self._keep(update.message)
        elif isinstance(update, types.UpdateDeleteMessages):
            for message_id in update.messages:
                self._messages.pop(message_id, None)
        self._wake()

    def _keep(self, message: Any) -> None:
        self._messages[message.id] = message

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def on_update(self, listener: Callable[[Any], None]) -> None:
        """Call `listener` with every raw update."""
        self._raw_listeners.append(listener)

    # ---- chat

    async def peer(self, person: Person) -> Any:
        """Return how to name somebody, looked up by username or phone number if he is new."""
        try:
            return await self.client.get_input_entity(types.PeerUser(person.user_id))
        except ValueError:
            return await self._look_up(person)

    async def _look_up(self, person: Person) -> Any:
        request: Any = functions.contacts.ResolvePhoneRequest(person.phone)
        if person.username:
            request = functions.contacts.ResolveUsernameRequest(person.username)
        found = await self.client(request)
        return utils.get_input_peer(found.users[0])

    async def send(self, to: Person, text: str) -> Any:
        """Write to somebody; returns the message."""
        message = await self.client.send_message(await self.peer(to), text, parse_mode=None)
        self._keep(message)
        return message

    async def edit(self, message: Any, text: str) -> None:
        """Edit an own message."""
        await self.client.edit_message(message.peer_id, message.id, text, parse_mode=None)

    async def delete(self, *messages: Any) -> None:
        """Delete messages for both sides."""
        await self.client(functions.messages.DeleteMessagesRequest([m.id for m in messages], revoke=True))
        for message in messages:
            self._messages.pop(message.id, None)

    def messages(self) -> list[Any]:
        """Return all messages that are still there, as they look now, oldest first."""
        return [self._messages[message_id] for message_id in sorted(self._messages)]

    def mark(self) -> int:
        """Return the newest message id: pass it as `after` to wait for later ones only."""
        return max(self._messages, default=0)

    async def wait_for_message(
        self, match: Match = "", *, after: int = 0, timeout_s: float = DEFAULT_WAIT_S
    ) -> Any:
        """Return the newest message whose present text contains `match`, or for which it is true."""
        return await self.wait_until(
            lambda: next((m for m in reversed(self.messages()) if m.id > after and _matches(m, match)), None),
            timeout_s,
        )

    async def wait_until_deleted(self, message: Any, *, timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Return when a message is gone."""
        await self.wait_until(lambda: message.id not in self._messages or None, timeout_s)

    async def wait_until(self, found: Callable[[], Any], timeout_s: float = DEFAULT_WAIT_S) -> Any:
        """Return what `found` returns once that is not None; it is asked again after each update."""
        async with asyncio.timeout(timeout_s):
            while (result := found()) is None:
                await self._changed.wait()
            return result

    # ---- bots

    async def start_bot(self, bot: Person, parameter: str = "") -> None:
        """Press Start in the chat with a bot, as by a link with a parameter."""
        peer = await self.peer(bot)
        await self.client(functions.messages.StartBotRequest(peer, peer, parameter))

    async def press(self, message: Any, label: str) -> Any:
        """Press the button whose text contains `label`; returns the bot's answer to it."""
        payload = self.payload(message, label)
        peer = await self.client.get_input_entity(message.peer_id)
        return await self.client(
            functions.messages.GetBotCallbackAnswerRequest(peer, message.id, data=payload)
        )

    def payload(self, message: Any, label: str) -> bytes:
        """Return the callback data of the button whose text contains `label`."""
        rows = message.reply_markup.rows if message.reply_markup else []
        for button in (button for row in rows for button in row.buttons):
            if label in button.text and isinstance(button.type, types.InlineButtonTypeCallback):
                return bytes(button.type.data)
        raise LookupError(f"no button {label!r}")

    async def ask_inline(self, bot: Person, chat_with: Person, query: str, *, offset: str = "") -> Any:
        """Type an inline query in the chat with somebody; returns the offered results."""
        return await self.client(
            functions.messages.GetInlineBotResultsRequest(
                await self.peer(bot), await self.peer(chat_with), query, offset
            )
        )

    async def send_result(self, chat_with: Person, offered: Any, *, number: int = 0) -> Any:
        """Send one of the offered results; returns the message."""
        result_id = offered.results[number].id
        updates = await self.client(
            functions.messages.SendInlineBotResultRequest(
                await self.peer(chat_with), offered.query_id, result_id
            )
        )
        (message,) = (u.message for u in updates.updates if isinstance(u, types.UpdateNewMessage))
        self._keep(message)
        return message

    async def share_people(self, bot: Person, message: Any, *, button_id: int, people: list[Person]) -> None:
        """Pick people for a bot that asked for them by a keyboard button."""
        peers = [await self.peer(person) for person in people]
        await self.client(
            functions.messages.SendBotRequestedPeerRequest(
                await self.peer(bot), button_id, peers, msg_id=message.id
            )
        )


def _matches(message: Any, match: Match) -> bool:
    return match in (message.message or "") if isinstance(match, str) else match(message)
