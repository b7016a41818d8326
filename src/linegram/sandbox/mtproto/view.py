"""What one user sees of the world, as TL objects. Reads the world, changes nothing."""

from datetime import UTC, datetime
from typing import Any

from telethon.tl import types

from linegram.sandbox.mtproto import entities
from linegram.sandbox.mtproto.view_calls import call_object, discard_reason
from linegram.sandbox.world import World
from linegram.sandbox.world.events import (
    ButtonPressed,
    FeedItem,
    InlineQueryAsked,
    InlineResultChosen,
    MessageArrived,
    MessageEdited,
    MessagesDeleted,
    PhoneCallChanged,
    PhoneSignalled,
)
from linegram.sandbox.world.messages import (
    ContactMedia,
    FileMedia,
    InlineMessageId,
    InvoiceMedia,
    Media,
    Message,
    PhoneCallNote,
    ReplyKeyboard,
    StoredFile,
    UsersSharedNote,
)


def moment(unix_s: float) -> datetime:
    """Return a Unix time the way Telethon takes it."""
    return datetime.fromtimestamp(int(unix_s), UTC)


class View:
    """Renders for one viewer and remembers whom it mentioned: those must be sent along."""

    def __init__(self, world: World, viewer_id: int) -> None:
        self._world = world
        self._viewer_id = viewer_id
        self._mentioned: dict[int, None] = {}

    # ---- people

    def mention(self, user_id: int) -> int:
        """Have a user sent along with the answer."""
        self._mentioned[user_id] = None
        return user_id

    def users(self) -> list[Any]:
        """Return everybody who was mentioned."""
        return [self.user(user_id) for user_id in self._mentioned]

    def user(self, user_id: int) -> Any:
        """Return a person or bot with the viewer's own access hash."""
        people = self._world.people
        person, viewer = people.get(user_id), people.get(self._viewer_id)
        is_contact = user_id in viewer.contact_ids
        bot = person.bot
        return types.User(
            user_id,
            is_self=user_id == self._viewer_id,
            contact=is_contact,
            mutual_contact=is_contact and self._viewer_id in person.contact_ids,
            deleted=person.is_deleted,
            bot=bot is not None,
            bot_info_version=1 if bot else None,
            bot_inline_placeholder="" if bot and bot.is_inline else None,
            access_hash=people.access_hash(self._viewer_id, user_id),
            first_name=person.first_name,
            last_name=person.last_name or None,
            username=person.username or None,
            phone=person.phone if is_contact or user_id == self._viewer_id else None,
        )

    # ---- messages

    def message(self, message: Message) -> Any:
        """Return a message as the viewer has it."""
        other = message.other(self._viewer_id)
        self.mention(other)
        self.mention(self._viewer_id)
        shape = {
            "id": message.ids[self._viewer_id],
            "peer_id": types.PeerUser(other),
            "date": moment(message.date_s),
            "out": message.sender_id == self._viewer_id,
            "reply_to": self._reply_header(message),
        }
        if message.note is not None:
            return types.MessageService(**shape, action=self._action(message))
        if message.via_bot_id is not None:
            self.mention(message.via_bot_id)
        content = message.content
        return types.Message(
            **shape,
            message=content.text,
            via_bot_id=message.via_bot_id,
            media=None if content.media is None else self._media(content.media, message.date_s),
            reply_markup=self._markup(message),
            entities=entities.to_tl(content.entities) or None,
            edit_date=None if message.edit_date_s is None else moment(message.edit_date_s),
        )

    def _reply_header(self, message: Message) -> Any:
        if message.reply_to is None or self._viewer_id not in message.reply_to.ids:
            return None
        return types.MessageReplyHeader(reply_to_msg_id=message.reply_to.ids[self._viewer_id])

    def _markup(self, message: Message) -> Any:
        markup = message.content.markup
        if isinstance(markup, ReplyKeyboard) and message.sender_id == self._viewer_id:
            return None
        return entities.markup_to_tl(markup)

    def _action(self, message: Message) -> Any:
        note = message.note
        if isinstance(note, PhoneCallNote):
            return types.MessageActionPhoneCall(
                note.phone_call_id, reason=discard_reason(note.reason), duration=note.duration_s
            )
        if isinstance(note, UsersSharedNote):
            if self._world.people.get(self._viewer_id).bot is None:
                return types.MessageActionRequestedPeer(
                    note.request_id, [types.PeerUser(self.mention(user_id)) for user_id in note.user_ids]
                )
            picked = [types.RequestedPeerUser(user_id) for user_id in note.user_ids]
            return types.MessageActionRequestedPeerSentMe(note.request_id, picked)
        return types.MessageActionEmpty()

    def _media(self, media: Media, date_s: int) -> Any:
        if isinstance(media, ContactMedia):
            return types.MessageMediaContact(
                media.phone, media.first_name, media.last_name, "", media.user_id
            )
        if isinstance(media, FileMedia):
            return types.MessageMediaDocument(document=document(media.file, date_s))
        if isinstance(media, InvoiceMedia):
            return types.MessageMediaInvoice(
                media.title, media.description, media.currency, media.total_amount, ""
            )
        raise TypeError(media)

    # ---- updates

    def update(self, item: FeedItem) -> Any:
        """Return the TL update of a feed item; None if this kind has none."""
        event = item.event
        if isinstance(event, MessageArrived):
            return types.UpdateNewMessage(self.message(event.message), item.pts, item.pts_count)
        if isinstance(event, MessageEdited):
            return types.UpdateEditMessage(self.message(event.message), item.pts, item.pts_count)
        if isinstance(event, MessagesDeleted):
            return types.UpdateDeleteMessages(list(event.message_ids), item.pts, item.pts_count)
        if isinstance(event, PhoneCallChanged):
            return types.UpdatePhoneCall(self.call(event))
        if isinstance(event, PhoneSignalled):
            return types.UpdatePhoneCallSignalingData(event.phone_call_id, event.body)
        return self._bot_update(event)

    def call(self, event: PhoneCallChanged) -> Any:
        """Return a phone call as this side sees it."""
        self.mention(event.call.caller_id)
        self.mention(event.call.callee_id)
        relays = self._world.calls.relays
        return call_object(event.call, self._viewer_id, is_elsewhere=event.is_elsewhere, relays=relays)

    def _bot_update(self, event: object) -> Any:
        if isinstance(event, InlineQueryAsked):
            return types.UpdateBotInlineQuery(
                event.query_id,
                self.mention(event.from_id),
                event.query,
                event.offset,
                peer_type=_PEER_TYPES.get(event.chat_type, lambda: None)(),
            )
        if isinstance(event, InlineResultChosen):
            return types.UpdateBotInlineSend(
                self.mention(event.from_id),
                event.query,
                event.result_id,
                msg_id=None if event.inline_id is None else inline_id_to_tl(event.inline_id),
            )
        return self._press_update(event) if isinstance(event, ButtonPressed) else None

    def _press_update(self, event: ButtonPressed) -> Any:
        self.mention(event.from_id)
        if event.inline_id is not None:
            return types.UpdateInlineBotCallbackQuery(
                event.query_id,
                event.from_id,
                inline_id_to_tl(event.inline_id),
                event.chat_instance,
                event.payload,
            )
        if event.message is None:
            return None
        return types.UpdateBotCallbackQuery(
            event.query_id,
            event.from_id,
            types.PeerUser(event.from_id),
            event.message.ids[self._viewer_id],
            event.chat_instance,
            event.payload,
        )

    def updates(self, updates: list[Any]) -> Any:
        """Return updates with everybody they mention, unordered (seq 0)."""
        return types.Updates(updates, self.users(), [], moment(self._world.clock()), 0)


_PEER_TYPES = {"sender": types.InlineQueryPeerTypeSameBotPM, "private": types.InlineQueryPeerTypePM}


def inline_id_to_tl(inline_id: InlineMessageId) -> Any:
    """Return the TL form of an inline message id."""
    return types.InputBotInlineMessageID(inline_id.dc_id, inline_id.key, inline_id.access_hash)


def document(file: StoredFile, date_s: int) -> Any:
    """Return the TL form of a stored file."""
    return types.Document(
        file.file_id,
        file.access_hash,
        b"\x01",
        moment(date_s),
        file.mime_type,
        len(file.body),
        2,
        [types.DocumentAttributeFilename(file.name)],
    )
