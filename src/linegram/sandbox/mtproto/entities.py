"""Text entities and keyboards, between TL and the world."""

from collections.abc import Iterable
from typing import Any

from telethon.tl import types

from linegram.sandbox.world.messages import (
    CallbackButton,
    CopyTextButton,
    Entity,
    InlineButton,
    InlineKeyboard,
    Markup,
    PayButton,
    RemoveKeyboard,
    ReplyButton,
    ReplyKeyboard,
    RequestContactButton,
    RequestUsersButton,
    SwitchInlineButton,
    TextButton,
    UrlButton,
)

_PLAIN_KINDS = {
    "mention": types.MessageEntityMention,
    "hashtag": types.MessageEntityHashtag,
    "bot_command": types.MessageEntityBotCommand,
    "url": types.MessageEntityUrl,
    "email": types.MessageEntityEmail,
    "phone_number": types.MessageEntityPhone,
    "bold": types.MessageEntityBold,
    "italic": types.MessageEntityItalic,
    "underline": types.MessageEntityUnderline,
    "strikethrough": types.MessageEntityStrike,
    "spoiler": types.MessageEntitySpoiler,
    "code": types.MessageEntityCode,
    "blockquote": types.MessageEntityBlockquote,
}
_KIND_OF = {kind: name for name, kind in _PLAIN_KINDS.items()}


def to_tl(entities: Iterable[Entity]) -> list[Any]:
    """Return entities in TL."""
    return [_entity_to_tl(entity) for entity in entities]


def _entity_to_tl(entity: Entity) -> Any:
    at, length = entity.offset, entity.length
    if entity.kind == "text_link":
        return types.MessageEntityTextUrl(at, length, entity.url)
    if entity.kind == "text_mention":
        return types.MessageEntityMentionName(at, length, entity.user_id)
    if entity.kind == "pre":
        return types.MessageEntityPre(at, length, entity.language)
    return _PLAIN_KINDS.get(entity.kind, types.MessageEntityUnknown)(at, length)


def from_tl(entities: Iterable[Any] | None) -> tuple[Entity, ...]:
    """Return TL entities as the world keeps them; kinds it does not know are dropped."""
    read = (_entity_from_tl(entity) for entity in entities or ())
    return tuple(entity for entity in read if entity is not None)


def _entity_from_tl(entity: Any) -> Entity | None:
    at, length = entity.offset, entity.length
    if isinstance(entity, types.MessageEntityTextUrl):
        return Entity("text_link", at, length, url=entity.url)
    if isinstance(entity, types.MessageEntityPre):
        return Entity("pre", at, length, language=entity.language)
    if isinstance(entity, types.MessageEntityMentionName):
        return Entity("text_mention", at, length, user_id=entity.user_id)
    kind = _KIND_OF.get(type(entity))
    return None if kind is None else Entity(kind, at, length)


def markup_to_tl(markup: Markup | None) -> Any:
    """Return a keyboard in TL."""
    if isinstance(markup, InlineKeyboard):
        return types.ReplyInlineMarkup(
            [types.KeyboardInlineButtonRow([_inline_to_tl(b) for b in row]) for row in markup.rows]
        )
    if isinstance(markup, ReplyKeyboard):
        rows = [types.KeyboardButtonRow([_reply_to_tl(b) for b in row]) for row in markup.rows]
        return types.ReplyKeyboardMarkup(rows, resize=markup.is_resized, single_use=markup.is_one_time)
    return types.ReplyKeyboardHide() if isinstance(markup, RemoveKeyboard) else None


def _inline_to_tl(button: InlineButton) -> Any:
    kind: Any
    match button:
        case CallbackButton():
            kind = types.InlineButtonTypeCallback(button.payload)
        case UrlButton():
            kind = types.InlineButtonTypeUrl(button.url)
        case SwitchInlineButton():
            kind = types.InlineButtonTypeSwitchInline(button.query, same_peer=button.is_same_chat)
        case CopyTextButton():
            kind = types.InlineButtonTypeCopy(button.copied_text)
        case PayButton():
            kind = types.InlineButtonTypeBuy()
    return types.KeyboardInlineButton(button.text, kind)


def _reply_to_tl(button: ReplyButton) -> Any:
    kind: Any
    match button:
        case RequestUsersButton():
            kind = types.ButtonTypeRequestPeer(
                button.request_id, types.RequestPeerTypeUser(), button.max_quantity
            )
        case RequestContactButton():
            kind = types.ButtonTypeRequestPhone()
        case TextButton():
            kind = types.ButtonTypeDefault()
    return types.KeyboardButton(button.text, kind)


def markup_from_tl(markup: Any) -> Markup | None:
    """Return a TL keyboard as the world keeps it; buttons it does not know are dropped."""
    if isinstance(markup, types.ReplyInlineMarkup):
        rows = (tuple(_inline_from_tl(row.buttons)) for row in markup.rows)
        return InlineKeyboard(tuple(row for row in rows if row))
    if isinstance(markup, types.ReplyKeyboardMarkup):
        keys = tuple(tuple(_reply_from_tl(button) for button in row.buttons) for row in markup.rows)
        return ReplyKeyboard(keys, is_one_time=bool(markup.single_use), is_resized=bool(markup.resize))
    return RemoveKeyboard() if isinstance(markup, types.ReplyKeyboardHide) else None


def _inline_from_tl(buttons: list[Any]) -> Iterable[InlineButton]:
    for button in buttons:
        kind = button.type
        if isinstance(kind, types.InlineButtonTypeCallback):
            yield CallbackButton(button.text, kind.data)
        elif isinstance(kind, types.InlineButtonTypeUrl):
            yield UrlButton(button.text, kind.url)
        elif isinstance(kind, types.InlineButtonTypeSwitchInline):
            yield SwitchInlineButton(button.text, kind.query, is_same_chat=bool(kind.same_peer))
        elif isinstance(kind, types.InlineButtonTypeCopy):
            yield CopyTextButton(button.text, kind.copy_text)


def _reply_from_tl(button: Any) -> ReplyButton:
    kind = button.type
    if isinstance(kind, types.InputButtonTypeRequestPeer | types.ButtonTypeRequestPeer):
        return RequestUsersButton(button.text, kind.button_id, kind.max_quantity)
    if isinstance(kind, types.ButtonTypeRequestPhone):
        return RequestContactButton(button.text)
    return TextButton(button.text)
