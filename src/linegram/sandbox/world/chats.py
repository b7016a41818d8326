"""Private chats: sending, editing, deleting, with the limits that Telegram sets."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from linegram.sandbox.world.events import DeviceKey, Feed, MessageArrived, MessageEdited, MessagesDeleted
from linegram.sandbox.world.messages import Content, InlineKeyboard, InlineMessageId, Message, Note
from linegram.sandbox.world.people import People, Person
from linegram.sandbox.world.refusals import TelegramRefusalError, bad_request, forbidden

MESSAGE_CHARS = 4096
CAPTION_CHARS = 1024
CALLBACK_PAYLOAD_BYTES = 64
USER_EDIT_WINDOW_S = 48 * 3600
BOT_DELETE_WINDOW_S = 48 * 3600


@dataclass(frozen=True, slots=True)
class Origin:
    """How a message came about, beside its author: what only some messages have."""

    reply_to_id: int | None = None
    via_bot_id: int | None = None
    inline_id: InlineMessageId | None = None
    note: Note | None = None
    random_id: int = 0


NO_ORIGIN = Origin()


class Chats:
    """All private chats.

    Every person counts his messages himself (core.telegram.org/api/peers), so one message has two ids.
    """

    def __init__(
        self, people: People, feed_of: Callable[[int], Feed], *, clock: Callable[[], float], random: Random
    ) -> None:
        self._people = people
        self._feed_of = feed_of
        self._clock = clock
        self._random = random
        self._boxes: dict[int, dict[int, Message]] = {}
        self._next_ids: dict[int, int] = {}
        self._by_inline_id: dict[InlineMessageId, Message] = {}
        self._random_ids: set[tuple[int, int]] = set()
        self._written: set[tuple[int, int]] = set()
        self._instances: dict[tuple[int, frozenset[int]], int] = {}

    # ---- sending

    def send(
        self,
        sender_id: int,
        receiver_id: int,
        content: Content,
        *,
        origin: Origin = NO_ORIGIN,
        device: DeviceKey | None = None,
    ) -> Message:
        """Put a message into the chat of two people and tell both; refuses what Telegram refuses."""
        sender, receiver = self._people.get(sender_id), self._people.get(receiver_id)
        if origin.note is None:
            _check_content(content)
            self._check_may_write(sender, receiver)
            self._check_random_id(sender_id, origin.random_id)
        if sender.bot is None and origin.via_bot_id is None and isinstance(content.markup, InlineKeyboard):
            content = Content(content.text, content.entities, None, content.media)
        reply_to = None if origin.reply_to_id is None else self.find(sender_id, origin.reply_to_id)
        message = Message(
            sender_id,
            receiver_id,
            int(self._clock()),
            content,
            ids={user_id: self._take_id(user_id) for user_id in (sender_id, receiver_id)},
            via_bot_id=origin.via_bot_id,
            inline_id=origin.inline_id,
            reply_to=reply_to,
            note=origin.note,
        )
        self._store(message)
        self._announce(message, device)
        return message

    def _check_may_write(self, sender: Person, receiver: Person) -> None:
        if receiver.is_deleted:
            raise bad_request("INPUT_USER_DEACTIVATED")
        if sender.user_id in receiver.blocked_ids:
            raise forbidden("USER_IS_BLOCKED")
        if receiver.user_id in sender.blocked_ids:
            raise bad_request("YOU_BLOCKED_USER")
        if sender.bot is None:
            return
        if receiver.bot is not None:
            raise bad_request("USER_IS_BOT")
        if not self._has_written(receiver.user_id, sender.user_id):
            raise forbidden("BOT_CANNOT_INITIATE_CONVERSATION")

    def _has_written(self, writer_id: int, reader_id: int) -> bool:
        return (writer_id, reader_id) in self._written

    def _check_random_id(self, sender_id: int, random_id: int) -> None:
        if random_id == 0:
            return
        if (sender_id, random_id) in self._random_ids:
            raise TelegramRefusalError(500, "RANDOM_ID_DUPLICATE")
        self._random_ids.add((sender_id, random_id))

    def _store(self, message: Message) -> None:
        for user_id, message_id in message.ids.items():
            self._boxes.setdefault(user_id, {})[message_id] = message
        if message.inline_id is not None:
            self._by_inline_id[message.inline_id] = message
        self._written.add((message.sender_id, message.receiver_id))

    def _announce(self, message: Message, device: DeviceKey | None) -> None:
        for user_id in message.ids:
            self._people.meet(user_id, message.other(user_id))
            if message.via_bot_id is not None:
                self._people.meet(user_id, message.via_bot_id)
        self._tell(message, MessageArrived(message), device)

    def _tell(
        self, message: Message, event: MessageArrived | MessageEdited, device: DeviceKey | None
    ) -> None:
        for user_id in message.ids:
            self._feed_of(user_id).publish(event, except_device=device)

    def _take_id(self, user_id: int) -> int:
        self._next_ids[user_id] = self._next_ids.get(user_id, 0) + 1
        return self._next_ids[user_id]

    # ---- finding

    def find(self, viewer_id: int, message_id: int) -> Message:
        """Return a message by the viewer's own id; refuse an unknown or deleted one."""
        try:
            return self._boxes[viewer_id][message_id]
        except KeyError:
            raise bad_request("MESSAGE_ID_INVALID") from None

    def find_inline(self, bot_id: int, inline_id: InlineMessageId) -> Message:
        """Return a message sent via this bot; refuse one that is gone or not the bot's."""
        message = self._by_inline_id.get(inline_id)
        if message is None or message.via_bot_id != bot_id:
            raise bad_request("MESSAGE_ID_INVALID")
        return message

    def history(self, viewer_id: int, other_id: int) -> list[Message]:
        """Return the chat of two people as the viewer has it, newest first."""
        box = self._boxes.get(viewer_id, {})
        return [box[key] for key in sorted(box, reverse=True) if box[key].other(viewer_id) == other_id]

    def partners(self, viewer_id: int) -> list[int]:
        """Return with whom the viewer has a chat, the latest first."""
        box = self._boxes.get(viewer_id, {})
        return list(dict.fromkeys(box[key].other(viewer_id) for key in sorted(box, reverse=True)))

    def instance(self, bot_id: int, message: Message) -> int:
        """Return the chat_instance that the bot sees for the chat of this message."""
        key = (bot_id, frozenset(message.ids))
        return self._instances.setdefault(key, self._random.getrandbits(63))

    # ---- changing

    def edit(
        self, editor_id: int, message_id: int, content: Content, *, device: DeviceKey | None = None
    ) -> Message:
        """Give one's own message a new content."""
        message = self.find(editor_id, message_id)
        if message.sender_id != editor_id or message.note is not None:
            raise forbidden("MESSAGE_AUTHOR_REQUIRED")
        if message.via_bot_id is not None:
            raise forbidden("INLINE_BOT_REQUIRED")
        if self._people.get(editor_id).bot is None and self._clock() - message.date_s > USER_EDIT_WINDOW_S:
            raise bad_request("MESSAGE_EDIT_TIME_EXPIRED")
        return self._replace(message, content, device)

    def edit_inline(self, bot_id: int, inline_id: InlineMessageId, content: Content) -> Message:
        """Let a bot give a message that was sent via it a new content."""
        return self._replace(self.find_inline(bot_id, inline_id), content, None)

    def _replace(self, message: Message, content: Content, device: DeviceKey | None) -> Message:
        _check_content(content)
        if content == message.content:
            raise bad_request("MESSAGE_NOT_MODIFIED")
        message.content = content
        message.edit_date_s = int(self._clock())
        self._tell(message, MessageEdited(message), device)
        return message

    def delete(
        self,
        deleter_id: int,
        message_ids: list[int],
        *,
        for_both: bool = True,
        device: DeviceKey | None = None,
    ) -> int:
        """Delete messages by the deleter's own ids, unknown ones ignored; returns how many went."""
        box = self._boxes.get(deleter_id, {})
        gone = [box[message_id] for message_id in message_ids if message_id in box]
        self._check_may_delete(deleter_id, gone)
        removed: dict[int, list[int]] = {}
        for message in gone:
            for user_id in message.ids if for_both else (deleter_id,):
                if self._boxes[user_id].pop(message.ids[user_id], None) is not None:
                    removed.setdefault(user_id, []).append(message.ids[user_id])
            if message.inline_id is not None and for_both:
                self._by_inline_id.pop(message.inline_id, None)
        for user_id, ids in removed.items():
            self._feed_of(user_id).publish(MessagesDeleted(tuple(ids)), except_device=device)
        return len(gone)

    def _check_may_delete(self, deleter_id: int, messages: list[Message]) -> None:
        if self._people.get(deleter_id).bot is None:
            return
        if any(self._clock() - message.date_s > BOT_DELETE_WINDOW_S for message in messages):
            raise forbidden("MESSAGE_DELETE_FORBIDDEN")


def _check_content(content: Content) -> None:
    if not content.text.strip() and content.media is None:
        raise bad_request("MESSAGE_EMPTY")
    if content.media is not None and len(content.text) > CAPTION_CHARS:
        raise bad_request("MEDIA_CAPTION_TOO_LONG")
    if len(content.text) > MESSAGE_CHARS:
        raise bad_request("MESSAGE_TOO_LONG")
    check_markup(content)


def check_markup(content: Content) -> None:
    """Refuse callback data of 0 or more than 64 bytes (core.telegram.org/bots/api#inlinekeyboardbutton)."""
    if isinstance(content.markup, InlineKeyboard):
        for payload in content.markup.payloads():
            if not 1 <= len(payload) <= CALLBACK_PAYLOAD_BYTES:
                raise bad_request("BUTTON_DATA_INVALID")
