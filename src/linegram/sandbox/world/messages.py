"""What can stand in a chat: text, keyboards, media, service notes. Data only, no rule of Telegram.

Neutral between MTProto and the HTTP Bot API: both servers translate from and to it.
"""

import base64
import struct
from dataclasses import dataclass, field
from typing import Self

from linegram.sandbox.world.refusals import bad_request


@dataclass(frozen=True, slots=True)
class Entity:
    """A stretch of text with a meaning; `kind` is the Bot API's name, offsets count UTF-16 units."""

    kind: str
    offset: int
    length: int
    url: str = ""
    language: str = ""
    user_id: int = 0


@dataclass(frozen=True, slots=True)
class CallbackButton:
    """Sends `payload` to the bot when pressed."""

    text: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class UrlButton:
    """Opens a link, also a tg:// or t.me one."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class SwitchInlineButton:
    """Starts an inline query of the bot, here or in a chat that the person picks."""

    text: str
    query: str
    is_same_chat: bool = False


@dataclass(frozen=True, slots=True)
class CopyTextButton:
    """Copies `copied_text` when pressed."""

    text: str
    copied_text: str


@dataclass(frozen=True, slots=True)
class PayButton:
    """Pays the invoice that it stands under."""

    text: str


InlineButton = CallbackButton | UrlButton | SwitchInlineButton | CopyTextButton | PayButton


@dataclass(frozen=True, slots=True)
class InlineKeyboard:
    """Buttons under a message."""

    rows: tuple[tuple[InlineButton, ...], ...]

    def payloads(self) -> set[bytes]:
        """Return the payloads of all callback buttons."""
        return {button.payload for row in self.rows for button in row if isinstance(button, CallbackButton)}


@dataclass(frozen=True, slots=True)
class TextButton:
    """Sends its own text when pressed."""

    text: str


@dataclass(frozen=True, slots=True)
class RequestContactButton:
    """Sends the presser's own contact."""

    text: str


@dataclass(frozen=True, slots=True)
class RequestUsersButton:
    """Lets the presser pick people for the bot."""

    text: str
    request_id: int
    max_quantity: int = 1
    wants_name: bool = False
    wants_username: bool = False


ReplyButton = TextButton | RequestContactButton | RequestUsersButton


@dataclass(frozen=True, slots=True)
class ReplyKeyboard:
    """Buttons in the place of the presser's keyboard."""

    rows: tuple[tuple[ReplyButton, ...], ...]
    is_one_time: bool = False
    is_resized: bool = False


@dataclass(frozen=True, slots=True)
class RemoveKeyboard:
    """Takes the reply keyboard away."""


Markup = InlineKeyboard | ReplyKeyboard | RemoveKeyboard


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes that somebody uploaded; `file_id` is the world's number."""

    file_id: int
    access_hash: int
    name: str
    mime_type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ContactMedia:
    """A shared contact; `user_id` is 0 when the number is nobody's."""

    phone: str
    first_name: str
    last_name: str = ""
    user_id: int = 0


@dataclass(frozen=True, slots=True)
class FileMedia:
    """A document, photo or voice note; `kind` is the Bot API's field name."""

    file: StoredFile
    kind: str = "document"


@dataclass(frozen=True, slots=True)
class InvoiceMedia:
    """A request to pay in Telegram Stars (currency XTR) or money."""

    title: str
    description: str
    payload: str
    currency: str
    total_amount: int


Media = ContactMedia | FileMedia | InvoiceMedia


@dataclass(frozen=True, slots=True)
class Content:
    """What the author of a message decides: text (or caption), its entities, buttons, media."""

    text: str = ""
    entities: tuple[Entity, ...] = ()
    markup: Markup | None = None
    media: Media | None = None


@dataclass(frozen=True, slots=True)
class PhoneCallNote:
    """Service note that Telegram itself leaves in the chat when a call is over."""

    phone_call_id: int
    reason: str
    duration_s: int | None


@dataclass(frozen=True, slots=True)
class UsersSharedNote:
    """Service note: the writer picked people through a RequestUsersButton."""

    request_id: int
    user_ids: tuple[int, ...]


Note = PhoneCallNote | UsersSharedNote


@dataclass(frozen=True, slots=True)
class InlineMessageId:
    """Names a message that was sent through a bot's inline mode, to that bot only."""

    dc_id: int
    key: int
    access_hash: int

    def to_text(self) -> str:
        """Return the Bot API's form."""
        packed = struct.pack("<iqq", self.dc_id, self.key, self.access_hash)
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the Bot API's form; raise the MESSAGE_ID_INVALID refusal if it is none."""
        try:
            packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return cls(*struct.unpack("<iqq", packed))
        except (ValueError, struct.error):
            raise bad_request("MESSAGE_ID_INVALID") from None


@dataclass(slots=True, eq=False)
class Message:
    """A message of a private chat. Each of the two people numbers it in his own row: `ids`."""

    sender_id: int
    receiver_id: int
    date_s: int
    content: Content
    ids: dict[int, int]
    via_bot_id: int | None = None
    inline_id: InlineMessageId | None = None
    reply_to: "Message | None" = None
    note: Note | None = None
    edit_date_s: int | None = None

    def other(self, viewer_id: int) -> int:
        """Return who is on the other side for `viewer_id`."""
        return self.receiver_id if viewer_id == self.sender_id else self.sender_id

    def bot_of_buttons(self, bot_ids: set[int]) -> int | None:
        """Return the bot that hears of presses: the one it was sent via, or a bot that sent it."""
        if self.via_bot_id is not None:
            return self.via_bot_id
        return self.sender_id if self.sender_id in bot_ids else None
