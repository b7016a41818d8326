"""The Bot API's methods over the world, one function each, in one table."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from linegram.sandbox.botapi import reading
from linegram.sandbox.botapi.reading import Parameters, Upload
from linegram.sandbox.botapi.view import Json, chat_json, message_json, user_json
from linegram.sandbox.world import World
from linegram.sandbox.world import messages as said
from linegram.sandbox.world.people import BotSettings, Person
from linegram.sandbox.world.presses import PressAnswer
from linegram.sandbox.world.refusals import bad_request


class Asked(NamedTuple):
    """One request of a bot."""

    world: World
    bot: Person
    parameters: Parameters

    @property
    def bot_id(self) -> int:
        """Who asks."""
        return self.bot.user_id

    @property
    def settings(self) -> BotSettings:
        """What BotFather knows of the asking bot."""
        if self.bot.bot is None:
            raise bad_request("ACCESS_TOKEN_INVALID")
        return self.bot.bot

    def chat(self) -> Person:
        """Return with whom `chat_id` is the chat; bots know only whom they have met."""
        chat_id = reading.number(self.parameters, "chat_id")
        if not self.world.people.has_met(self.bot_id, chat_id):
            raise bad_request("chat not found")
        return self.world.people.get(chat_id)

    def own_message(self) -> said.Message:
        """Return the message that `chat_id` and `message_id` name."""
        message = self.world.chats.find(self.bot_id, reading.number(self.parameters, "message_id"))
        if message.other(self.bot_id) != self.chat().user_id:
            raise bad_request("MESSAGE_ID_INVALID")
        return message

    def inline_id(self) -> said.InlineMessageId | None:
        """Return the inline message that the request names, if it does."""
        text = self.parameters.get("inline_message_id")
        return None if not text else said.InlineMessageId.from_text(str(text))


def get_me(asked: Asked) -> Json:
    """GetMe."""
    return {
        **user_json(asked.bot),
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": asked.settings.is_inline,
    }


def send_message(asked: Asked) -> Json:
    """SendMessage."""
    return _send(asked, reading.content(asked.parameters))


def send_document(asked: Asked) -> Json:
    """sendDocument, with the file in the request."""
    upload = asked.parameters.get("document")
    if not isinstance(upload, Upload):
        raise bad_request("there is no document in the request")
    file = asked.world.files.add(upload.body, name=upload.name, mime_type=upload.mime_type)
    return _send(asked, reading.content(asked.parameters, "caption", said.FileMedia(file)))


def _send(asked: Asked, content: said.Content) -> Json:
    message = asked.world.chats.send(asked.bot_id, asked.chat().user_id, content)
    return message_json(asked.world, asked.bot_id, message)


def edit_message_text(asked: Asked) -> Json | bool:
    """editMessageText, of an own message or of one sent via the bot."""
    return _edit(asked, reading.content(asked.parameters))


def edit_message_reply_markup(asked: Asked) -> Json | bool:
    """EditMessageReplyMarkup."""
    inline_id = asked.inline_id()
    message = (
        asked.own_message() if inline_id is None else asked.world.chats.find_inline(asked.bot_id, inline_id)
    )
    old = message.content
    keyboard = reading.markup(reading.structured(asked.parameters, "reply_markup"))
    return _edit(asked, said.Content(old.text, old.entities, keyboard, old.media))


def _edit(asked: Asked, content: said.Content) -> Json | bool:
    inline_id = asked.inline_id()
    if inline_id is not None:
        asked.world.chats.edit_inline(asked.bot_id, inline_id, content)
        return True
    message = asked.own_message()
    asked.world.chats.edit(asked.bot_id, message.ids[asked.bot_id], content)
    return message_json(asked.world, asked.bot_id, message)


def delete_message(asked: Asked) -> bool:
    """deleteMessage; inline messages cannot be deleted by a bot."""
    message = asked.own_message()
    asked.world.chats.delete(asked.bot_id, [message.ids[asked.bot_id]])
    return True


def get_chat(asked: Asked) -> Json:
    """GetChat."""
    return {**chat_json(asked.chat()), "accent_color_id": 0, "max_reaction_count": 0}


def answer_inline_query(asked: Asked) -> bool:
    """AnswerInlineQuery."""
    query_id = reading.number(asked.parameters, "inline_query_id")
    asked.world.inline.answer(asked.bot_id, query_id, reading.inline_answer(asked.parameters))
    return True


def answer_callback_query(asked: Asked) -> bool:
    """AnswerCallbackQuery."""
    answer = PressAnswer(
        str(asked.parameters.get("text", "")),
        reading.flag(asked.parameters, "show_alert"),
        str(asked.parameters.get("url", "")),
        reading.number(asked.parameters, "cache_time", 0),
    )
    asked.world.presses.answer(asked.bot_id, reading.number(asked.parameters, "callback_query_id"), answer)
    return True


def set_my_commands(asked: Asked) -> bool:
    """SetMyCommands."""
    commands = reading.structured(asked.parameters, "commands") or ()
    asked.settings.commands = tuple((c["command"], c["description"]) for c in commands)
    return True


def get_my_commands(asked: Asked) -> list[Json]:
    """GetMyCommands."""
    return [{"command": name, "description": text} for name, text in asked.settings.commands]


def delete_webhook(_: Asked) -> bool:
    """deleteWebhook: there never is one."""
    return True


def get_file(asked: Asked) -> Json:
    """getFile: says where the bytes can be fetched."""
    file_id, _, access_hash = str(asked.parameters.get("file_id", "")).partition("-")
    try:
        file = asked.world.files.get(int(file_id), int(access_hash))
    except ValueError:
        raise bad_request("wrong file_id or the file is temporarily unavailable") from None
    path = f"{file.file_id}-{file.access_hash}/{file.name}"
    return {
        "file_id": f"{file.file_id}-{file.access_hash}",
        "file_unique_id": str(file.file_id),
        "file_size": len(file.body),
        "file_path": path,
    }


METHODS: Final[Mapping[str, Callable[[Asked], Any]]] = MappingProxyType(
    {
        "getme": get_me,
        "sendmessage": send_message,
        "senddocument": send_document,
        "editmessagetext": edit_message_text,
        "editmessagereplymarkup": edit_message_reply_markup,
        "deletemessage": delete_message,
        "getchat": get_chat,
        "answerinlinequery": answer_inline_query,
        "answercallbackquery": answer_callback_query,
        "setmycommands": set_my_commands,
        "getmycommands": get_my_commands,
        "deletewebhook": delete_webhook,
        "getfile": get_file,
    }
)
"""By lower-case name: the Bot API does not look at case."""
