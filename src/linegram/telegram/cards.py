"""The calling account's side of call cards: the bot's inline result, or plain text when the bot is slow.

Implements `calls.ports.CardPoster`. A call goes on without its card, so nothing
here raises: refusals are logged.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import SystemRandom
from typing import Any, Final, TypeVar

import structlog
from telethon import TelegramClient
from telethon.errors.rpcbaseerrors import RPCError
from telethon.tl import types
from telethon.tl.functions.contacts import ResolveUsernameRequest
from telethon.tl.functions.messages import GetInlineBotResultsRequest, SendInlineBotResultRequest

from linegram.calls.card import Card
from linegram.calls.ports import PostedCard
from linegram.telegram.rpc import answered, ask
from linegram.units import TelegramUserId

log = structlog.get_logger()

POST_WITHIN_S: Final = 0.7
WRITE_WITHIN_S: Final = 10.0

T = TypeVar("T")


class _InlinePost:
    """One attempt to post a card as the bot's inline result."""

    def __init__(self) -> None:
        self.is_sending = False
        """Telegram may have posted the card: the attempt cannot be called off, only undone."""


class AccountCards:
    """Cards in the chats of one calling account.

    `bot_username` is the bot whose inline results carry the buttons;
    `render_plain` makes the text that stands in for them.
    """

    def __init__(
        self,
        client: TelegramClient,
        bot_username: str,
        render_plain: Callable[[Card], str],
        *,
        post_within_s: float = POST_WITHIN_S,
    ) -> None:
        self._client = client
        self._bot_username = bot_username.removeprefix("@")
        self._render_plain = render_plain
        self._post_within_s = post_within_s
        self._bot: types.InputUser | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def prepare(self) -> bool:
        """Look the bot up, so that the first card need not wait for it; says whether it is known."""
        return await self._quietly(self._find_bot(), "bot_lookup") is not None

    async def close(self) -> None:
        """Stop undoing late cards."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    # ---- CardPoster

    async def post(self, user_id: TelegramUserId, card_id: str, card: Card) -> PostedCard | None:
        """Post a card: the bot's inline result, or plain text if that does not stand within 700 ms."""
        peer = self._peer(user_id)
        if peer is None:
            log.warning("card_for_unknown_user", user_id=user_id)
            return None
        message_id = await self._post_inline_in_time(peer, card_id)
        if message_id is not None:
            return PostedCard(card_id, user_id, message_id, is_plain=False)
        message = await self._write(peer, self._render_plain(card), "card_post")
        return None if message is None else PostedCard(card_id, user_id, message.id, is_plain=True)

    async def edit_plain(self, posted: PostedCard, card: Card) -> None:
        """Edit a card that was posted as plain text."""
        peer = self._peer(posted.user_id)
        if peer is not None:
            text = self._render_plain(card)
            work = self._client.edit_message(
                peer, posted.message_id, text, parse_mode=None, link_preview=False
            )
            await self._quietly(work, "card_edit")

    async def say(self, user_id: TelegramUserId, text: str) -> None:
        """Send a sentence to the employee."""
        peer = self._peer(user_id)
        if peer is not None:
            await self._write(peer, text, "sentence")

    async def delete_card(self, posted: PostedCard) -> None:
        """Delete a card for both sides."""
        peer = self._peer(posted.user_id)
        if peer is not None:
            await self._delete(peer, posted.message_id)

    # ---- inline

    async def _post_inline_in_time(self, peer: types.InputPeerUser, card_id: str) -> int | None:
        attempt = _InlinePost()
        task = asyncio.create_task(self._post_inline(attempt, peer, card_id), name="card_post")
        try:
            done, _ = await asyncio.wait({task}, timeout=self._post_within_s)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if done:
            return task.result()
        log.info("card_falls_back_to_plain", card_id=card_id, is_sending=attempt.is_sending)
        if attempt.is_sending:
            self._undo_when_done(task, peer)
        else:
            task.cancel()
        return None

    async def _post_inline(self, attempt: _InlinePost, peer: types.InputPeerUser, card_id: str) -> int | None:
        bot = await self._quietly(self._find_bot(), "bot_lookup")
        if bot is None:
            return None
        query = GetInlineBotResultsRequest(bot, peer, f"card:{card_id}", offset="")
        offered = await self._quietly(ask(self._client, query), "card_query")
        if offered is None or not offered.results:
            return None
        random_id = SystemRandom().getrandbits(63)
        send = SendInlineBotResultRequest(
            peer, offered.query_id, offered.results[0].id, hide_via=False, random_id=random_id
        )
        attempt.is_sending = True
        updates = await self._quietly(ask(self._client, send), "card_send")
        return None if updates is None else _message_id(updates, random_id)

    def _undo_when_done(self, task: asyncio.Task[int | None], peer: types.InputPeerUser) -> None:
        undoing = asyncio.create_task(self._undo(task, peer), name="card_undo")
        self._late.add(undoing)
        undoing.add_done_callback(self._late.discard)

    async def _undo(self, task: asyncio.Task[int | None], peer: types.InputPeerUser) -> None:
        message_id = await task
        if message_id is not None:
            await self._delete(peer, message_id)

    async def _find_bot(self) -> types.InputUser:
        if self._bot is None:
            try:
                peer = self._client.session.get_input_entity(self._bot_username)
            except ValueError:
                found = await ask(self._client, ResolveUsernameRequest(self._bot_username))
                peer = next(user for user in found.users if user.id == found.peer.user_id)
                self._bot = types.InputUser(peer.id, peer.access_hash)
            else:
                self._bot = types.InputUser(peer.user_id, peer.access_hash)
        return self._bot

    # ---- plain

    def _peer(self, user_id: TelegramUserId) -> types.InputPeerUser | None:
        try:
            return self._client.session.get_input_entity(user_id)
        except ValueError:
            return None

    async def _write(self, peer: types.InputPeerUser, text: str, what: str) -> Any:
        return await self._quietly(
            self._client.send_message(peer, text, parse_mode=None, link_preview=False), what
        )

    async def _delete(self, peer: types.InputPeerUser, message_id: int) -> None:
        await self._quietly(self._client.delete_messages(peer, [message_id], revoke=True), "card_delete")

    async def _quietly(self, work: Awaitable[T], what: str) -> T | None:
        """Return what came of it; None, and a line in the log, if Telegram refused or is away."""
        try:
            return await answered(work, within_s=WRITE_WITHIN_S)
        except (RPCError, OSError, TimeoutError, StopIteration, ValueError) as error:
            log.warning("card_refused", what=what, error=repr(error))
            return None


def _message_id(updates: Any, random_id: int) -> int | None:
    """Return the id that Telegram gave to the message sent with this random_id."""
    for update in getattr(updates, "updates", ()):
        if isinstance(update, types.UpdateMessageID) and update.random_id == random_id:
            return int(update.id)
    message_id = getattr(updates, "id", None)
    return None if message_id is None else int(message_id)
