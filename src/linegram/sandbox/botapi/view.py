"""How the world looks in the Bot API's JSON. Pure."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from linegram.sandbox.world import World, events
from linegram.sandbox.world import messages as said
from linegram.sandbox.world.people import Person

Json = dict[str, Any]


def user_json(person: Person) -> Json:
    """Return a User."""
    shown: Json = {"id": person.user_id, "is_bot": person.bot is not None, "first_name": person.first_name}
    if person.last_name:
        shown["last_name"] = person.last_name
    if person.username:
        shown["username"] = person.username
    if person.bot is None:
        shown["language_code"] = person.language_code
    return shown


def chat_json(person: Person) -> Json:
    """Return the private Chat with a person."""
    shown = user_json(person)
    chat: Json = {key: shown[key] for key in ("id", "first_name", "last_name", "username") if key in shown}
    return {**chat, "type": "private"}


def message_json(world: World, viewer_id: int, message: said.Message) -> Json:
    """Return a Message as the viewing bot sees it."""
    people = world.people
    content = message.content
    shown: Json = {
        "message_id": message.ids[viewer_id],
        "from": user_json(people.get(message.sender_id)),
        "chat": chat_json(people.get(message.other(viewer_id))),
        "date": message.date_s,
    }
    if message.edit_date_s is not None:
        shown["edit_date"] = message.edit_date_s
    if message.via_bot_id is not None:
        shown["via_bot"] = user_json(people.get(message.via_bot_id))
    if message.reply_to is not None and viewer_id in message.reply_to.ids:
        shown["reply_to_message"] = message_json(world, viewer_id, message.reply_to)
    if isinstance(content.markup, said.InlineKeyboard):
        shown["reply_markup"] = inline_keyboard_json(content.markup)
    shown.update(_content_json(content))
    if isinstance(message.note, said.UsersSharedNote):
        shown["users_shared"] = {
            "request_id": message.note.request_id,
            "users": [{"user_id": user_id} for user_id in message.note.user_ids],
        }
    return shown


def _content_json(content: said.Content) -> Json:
    is_caption = content.media is not None
    shown: Json = {"caption" if is_caption else "text": content.text} if content.text else {}
    if content.entities:
        shown["caption_entities" if is_caption else "entities"] = [_entity_json(e) for e in content.entities]
    elif content.text.startswith("/") and not is_caption:
        length = len(content.text.split(maxsplit=1)[0])
        shown["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
    if isinstance(content.media, said.ContactMedia):
        contact = content.media
        shown["contact"] = {"phone_number": contact.phone, "first_name": contact.first_name}
        if contact.user_id:
            shown["contact"]["user_id"] = contact.user_id
    elif isinstance(content.media, said.FileMedia):
        file = content.media.file
        shown[content.media.kind] = {
            "file_id": f"{file.file_id}-{file.access_hash}",
            "file_unique_id": str(file.file_id),
            "file_name": file.name,
            "mime_type": file.mime_type,
            "file_size": len(file.body),
        }
    return shown


def _entity_json(entity: said.Entity) -> Json:
    shown: Json = {"type": entity.kind, "offset": entity.offset, "length": entity.length}
    if entity.url:
        shown["url"] = entity.url
    return shown


def inline_keyboard_json(keyboard: said.InlineKeyboard) -> Json:
    """Return an InlineKeyboardMarkup."""
    return {"inline_keyboard": [[_button_json(button) for button in row] for row in keyboard.rows]}


def _button_json(button: said.InlineButton) -> Json:
    match button:
        case said.CallbackButton(text, payload):
            return {"text": text, "callback_data": payload.decode()}
        case said.UrlButton(text, url):
            return {"text": text, "url": url}
        case said.SwitchInlineButton(text, query, is_same_chat):
            field = "switch_inline_query_current_chat" if is_same_chat else "switch_inline_query"
            return {"text": text, field: query}
        case said.CopyTextButton(text, copied_text):
            return {"text": text, "copy_text": {"text": copied_text}}
        case said.PayButton(text):
            return {"text": text, "pay": True}


def update_json(world: World, bot_id: int, item: events.FeedItem) -> Json | None:
    """Return an Update; None for what bots are not told, such as their own messages."""
    show = _UPDATES.get(type(item.event))
    shown = None if show is None else show(world, bot_id, item.event)
    return None if shown is None else {"update_id": item.number, **shown}


def _show_message(world: World, bot_id: int, event: events.MessageArrived) -> Json | None:
    if event.message.sender_id == bot_id:
        return None
    return {"message": message_json(world, bot_id, event.message)}


def _show_edit(world: World, bot_id: int, event: events.MessageEdited) -> Json | None:
    if event.message.sender_id == bot_id:
        return None
    return {"edited_message": message_json(world, bot_id, event.message)}


def _show_query(world: World, _: int, event: events.InlineQueryAsked) -> Json:
    query: Json = {
        "id": str(event.query_id),
        "from": user_json(world.people.get(event.from_id)),
        "query": event.query,
        "offset": event.offset,
    }
    if event.chat_type:
        query["chat_type"] = event.chat_type
    return {"inline_query": query}


def _show_choice(world: World, _: int, event: events.InlineResultChosen) -> Json:
    chosen: Json = {
        "result_id": event.result_id,
        "from": user_json(world.people.get(event.from_id)),
        "query": event.query,
    }
    if event.inline_id is not None:
        chosen["inline_message_id"] = event.inline_id.to_text()
    return {"chosen_inline_result": chosen}


def _show_press(world: World, bot_id: int, event: events.ButtonPressed) -> Json:
    press: Json = {
        "id": str(event.query_id),
        "from": user_json(world.people.get(event.from_id)),
        "chat_instance": str(event.chat_instance),
        "data": event.payload.decode(),
    }
    if event.message is not None:
        press["message"] = message_json(world, bot_id, event.message)
    if event.inline_id is not None:
        press["inline_message_id"] = event.inline_id.to_text()
    return {"callback_query": press}


_UPDATES: Final[Mapping[type, Callable[[World, int, Any], Json | None]]] = MappingProxyType(
    {
        events.MessageArrived: _show_message,
        events.MessageEdited: _show_edit,
        events.InlineQueryAsked: _show_query,
        events.InlineResultChosen: _show_choice,
        events.ButtonPressed: _show_press,
    }
)
