"""Reads what a bot sends: parameters, keyboards, inline results. Refuses what the Bot API refuses."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from linegram.sandbox.world import messages as said
from linegram.sandbox.world.inline import InlineAnswer, InlineResult
from linegram.sandbox.world.refusals import bad_request

Parameters = Mapping[str, Any]


class Upload(msgspec.Struct, frozen=True):
    """A file that came in a multipart request."""

    name: str
    mime_type: str
    body: bytes


def structured(parameters: Parameters, name: str) -> Any:
    """Return a parameter that is JSON; the Bot API takes it as an object or as its text."""
    found = parameters.get(name)
    if not isinstance(found, str):
        return found
    try:
        return json.loads(found)
    except ValueError:
        raise bad_request(f"can't parse {name} JSON object") from None


def number(parameters: Parameters, name: str, default: int | None = None) -> int:
    """Return a parameter that is a whole number."""
    found = parameters.get(name, default)
    try:
        return int(found)
    except (TypeError, ValueError):
        raise bad_request(f"parameter {name!r} is invalid or missing") from None


def flag(parameters: Parameters, name: str) -> bool:
    """Return a parameter that is true or false; false when it is missing."""
    return parameters.get(name) in (True, "true", "True", "1")


def content(parameters: Parameters, field: str = "text", media: said.Media | None = None) -> said.Content:
    """Return what a message shall say."""
    return said.Content(
        str(parameters.get(field, "")),
        tuple(_entity(entity) for entity in structured(parameters, "entities") or ()),
        markup(structured(parameters, "reply_markup")),
        media,
    )


def _entity(shown: Mapping[str, Any]) -> said.Entity:
    return said.Entity(shown["type"], shown["offset"], shown["length"], shown.get("url", ""))


def markup(shown: Mapping[str, Any] | None) -> said.Markup | None:
    """Return the keyboard that a reply_markup describes."""
    if not shown:
        return None
    if "inline_keyboard" in shown:
        rows = tuple(tuple(_inline_button(b) for b in row) for row in shown["inline_keyboard"])
        return said.InlineKeyboard(rows) if any(rows) else None
    if "keyboard" in shown:
        return said.ReplyKeyboard(
            tuple(tuple(_reply_button(b) for b in row) for row in shown["keyboard"]),
            is_one_time=bool(shown.get("one_time_keyboard")),
            is_resized=bool(shown.get("resize_keyboard")),
        )
    return said.RemoveKeyboard()


def _inline_button(shown: Mapping[str, Any]) -> said.InlineButton:
    text = str(shown.get("text", ""))
    if not text:
        raise bad_request("BUTTON_TEXT_EMPTY")
    match shown:
        case {"callback_data": str(payload)}:
            return said.CallbackButton(text, payload.encode())
        case {"url": str(url)}:
            return said.UrlButton(text, url)
        case {"switch_inline_query": str(query)}:
            return said.SwitchInlineButton(text, query)
        case {"switch_inline_query_chosen_chat": {**chosen}}:
            return said.SwitchInlineButton(text, str(chosen.get("query", "")))
        case {"switch_inline_query_current_chat": str(query)}:
            return said.SwitchInlineButton(text, query, is_same_chat=True)
        case {"copy_text": {"text": str(copied)}}:
            return said.CopyTextButton(text, copied)
    raise bad_request("BUTTON_TYPE_INVALID")


def _reply_button(shown: Mapping[str, Any] | str) -> said.ReplyButton:
    if isinstance(shown, str):
        return said.TextButton(shown)
    text = str(shown.get("text", ""))
    if shown.get("request_contact"):
        return said.RequestContactButton(text)
    users = shown.get("request_users")
    if users:
        return said.RequestUsersButton(
            text,
            int(users["request_id"]),
            int(users.get("max_quantity", 1)),
            bool(users.get("request_name")),
            bool(users.get("request_username")),
        )
    return said.TextButton(text)


def inline_answer(parameters: Parameters) -> InlineAnswer:
    """Return a bot's answer to an inline query."""
    button = structured(parameters, "button") or {}
    return InlineAnswer(
        tuple(_inline_result(result) for result in structured(parameters, "results") or ()),
        number(parameters, "cache_time", 300),
        flag(parameters, "is_personal"),
        str(parameters.get("next_offset", "")),
        str(button.get("text", "")),
        str(button.get("start_parameter", "")),
    )


def _inline_result(shown: Mapping[str, Any]) -> InlineResult:
    if shown.get("type") != "article":
        raise bad_request("RESULT_TYPE_INVALID")
    sent = shown.get("input_message_content") or {}
    said_content = said.Content(
        str(sent.get("message_text", "")),
        tuple(_entity(entity) for entity in sent.get("entities") or ()),
        markup(shown.get("reply_markup")),
    )
    return InlineResult(
        str(shown.get("id", "")),
        str(shown.get("title", "")),
        said_content,
        str(shown.get("description", "")),
        str(shown.get("url", "")),
    )
