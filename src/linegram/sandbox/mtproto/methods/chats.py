"""messages.*: sending, editing, deleting and reading private chats."""

import re
from collections.abc import Mapping
from typing import Any

from telethon.tl import functions, types

from linegram.sandbox.mtproto import entities
from linegram.sandbox.mtproto.asker import Asker, Handler
from linegram.sandbox.mtproto.methods.files import read_media
from linegram.sandbox.world.chats import Origin
from linegram.sandbox.world.messages import Content, Message, RequestUsersButton, UsersSharedNote
from linegram.sandbox.world.people import Person
from linegram.sandbox.world.refusals import bad_request

_START_PARAMETER = re.compile(r"[A-Za-z0-9_-]{0,64}")


def sent_updates(asker: Asker, message: Message, random_id: int) -> Any:
    """Return what the sending device gets: its random id matched to the message, and the message."""
    view = asker.view()
    item = asker.world.feed_of(asker.user_id).last(1)[0]
    matched = types.UpdateMessageID(message.ids[asker.user_id], random_id)
    return view.updates([matched, view.update(item)])


def reply_id(request: Any) -> int | None:
    """Return the id of the message that is replied to."""
    reply = request.reply_to
    return reply.reply_to_msg_id if isinstance(reply, types.InputReplyToMessage) else None


def _origin(request: Any) -> Origin:
    return Origin(reply_to_id=reply_id(request), random_id=request.random_id)


def _send(asker: Asker, person: Person, content: Content, request: Any) -> Any:
    message = asker.world.chats.send(
        asker.user_id, person.user_id, content, origin=_origin(request), device=asker.device_key
    )
    return sent_updates(asker, message, request.random_id)


def _send_message(asker: Asker, request: Any) -> Any:
    text_entities = entities.from_tl(request.entities)
    content = Content(request.message, text_entities, entities.markup_from_tl(request.reply_markup))
    return _send(asker, asker.peer(request.peer), content, request)


def _send_media(asker: Asker, request: Any) -> Any:
    media = read_media(asker, request.media)
    text_entities = entities.from_tl(request.entities)
    markup = entities.markup_from_tl(request.reply_markup)
    return _send(
        asker, asker.peer(request.peer), Content(request.message, text_entities, markup, media), request
    )


def _start_bot(asker: Asker, request: Any) -> Any:
    bot = asker.named_user(request.bot, refusal="BOT_INVALID")
    if bot.bot is None:
        raise bad_request("BOT_INVALID")
    if not _START_PARAMETER.fullmatch(request.start_param):
        raise bad_request("START_PARAM_INVALID")
    text = f"/start {request.start_param}".strip()
    content = Content(text, entities=())
    origin = Origin(random_id=request.random_id)
    message = asker.world.chats.send(
        asker.user_only(), bot.user_id, content, origin=origin, device=asker.device_key
    )
    return sent_updates(asker, message, request.random_id)


def _edit_message(asker: Asker, request: Any) -> Any:
    asker.peer(request.peer)
    old = asker.world.chats.find(asker.user_id, request.id)
    content = edited_content(old.content, request)
    asker.world.chats.edit(asker.user_id, request.id, content, device=asker.device_key)
    view = asker.view()
    return view.updates([view.update(asker.world.feed_of(asker.user_id).last(1)[0])])


def edited_content(old: Content, request: Any) -> Content:
    """Return the content after an edit: a text not given stays, buttons not given go."""
    markup = entities.markup_from_tl(request.reply_markup)
    if request.message is None:
        return Content(old.text, old.entities, markup, old.media)
    return Content(request.message, entities.from_tl(request.entities), markup, old.media)


def _delete_messages(asker: Asker, request: Any) -> Any:
    feed = asker.world.feed_of(asker.user_id)
    before = feed.pts
    asker.world.chats.delete(
        asker.user_id, list(request.id), for_both=bool(request.revoke), device=asker.device_key
    )
    return types.messages.AffectedMessages(feed.pts, feed.pts - before)


def _get_history(asker: Asker, request: Any) -> Any:
    messages = asker.world.chats.history(asker.user_id, asker.peer(request.peer).user_id)
    if request.offset_id:
        messages = [message for message in messages if message.ids[asker.user_id] < request.offset_id]
    if request.min_id:
        messages = [message for message in messages if message.ids[asker.user_id] > request.min_id]
    return _message_list(asker, messages[: request.limit or None])


def _get_messages(asker: Asker, request: Any) -> Any:
    wanted = {given.id for given in request.id if isinstance(given, types.InputMessageID)}
    found = [
        message
        for partner in asker.world.chats.partners(asker.user_id)
        for message in asker.world.chats.history(asker.user_id, partner)
        if message.ids[asker.user_id] in wanted
    ]
    return _message_list(asker, found)


def _message_list(asker: Asker, messages: list[Message]) -> Any:
    view = asker.view()
    return types.messages.Messages([view.message(m) for m in messages], [], [], view.users())


def _get_dialogs(asker: Asker, request: Any) -> Any:
    view = asker.view()
    dialogs, latest = [], []
    for partner in asker.world.chats.partners(asker.user_id)[: request.limit or None]:
        message = asker.world.chats.history(asker.user_id, partner)[0]
        latest.append(view.message(message))
        top = message.ids[asker.user_id]
        peer = types.PeerUser(partner)
        dialogs.append(types.Dialog(peer, top, top, top, 0, 0, 0, 0, types.PeerNotifySettings()))
    return types.messages.Dialogs(dialogs, latest, [], view.users())


def _read_history(asker: Asker, request: Any) -> Any:
    asker.peer(request.peer)
    return types.messages.AffectedMessages(asker.world.feed_of(asker.user_id).pts, 0)


def _set_typing(asker: Asker, request: Any) -> bool:
    return bool(asker.peer(request.peer))


def _share_peers(asker: Asker, request: Any) -> Any:
    """Answer a bot's request for people (messages.sendBotRequestedPeer)."""
    bot = asker.peer(request.peer)
    asked = asker.world.chats.find(asker.user_only(), request.msg_id or 0)
    buttons = [button for row in getattr(asked.content.markup, "rows", ()) for button in row]
    button = next(
        (b for b in buttons if isinstance(b, RequestUsersButton) and b.request_id == request.button_id), None
    )
    if button is None or asked.sender_id != bot.user_id:
        raise bad_request("BUTTON_INVALID")
    if not 1 <= len(request.requested_peers) <= button.max_quantity:
        raise bad_request("REQUESTED_PEERS_INVALID")
    picked = tuple(asker.peer(peer).user_id for peer in request.requested_peers)
    note = UsersSharedNote(button.request_id, picked)
    asker.world.chats.send(
        asker.user_id, bot.user_id, Content(), origin=Origin(note=note), device=asker.device_key
    )
    view = asker.view()
    return view.updates([view.update(asker.world.feed_of(asker.user_id).last(1)[0])])


METHODS: Mapping[type[Any], Handler] = {
    functions.messages.SendMessageRequest: _send_message,
    functions.messages.SendMediaRequest: _send_media,
    functions.messages.StartBotRequest: _start_bot,
    functions.messages.EditMessageRequest: _edit_message,
    functions.messages.DeleteMessagesRequest: _delete_messages,
    functions.messages.GetHistoryRequest: _get_history,
    functions.messages.GetMessagesRequest: _get_messages,
    functions.messages.GetDialogsRequest: _get_dialogs,
    functions.messages.ReadHistoryRequest: _read_history,
    functions.messages.SetTypingRequest: _set_typing,
    functions.messages.SendBotRequestedPeerRequest: _share_peers,
}
