"""What people, bots and their devices are told, and the feeds that carry it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NewType

from linegram.sandbox.world.messages import InlineMessageId, Message

if TYPE_CHECKING:
    from linegram.sandbox.world.calls import PhoneCall

DeviceKey = NewType("DeviceKey", int)
"""Names one signed-in device (its MTProto authorization key); the world only compares it."""


@dataclass(frozen=True, slots=True)
class MessageArrived:
    """A new message in a chat of the feed's owner, sent by him or to him."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A message has new content."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessagesDeleted:
    """Messages are gone; the ids are those of the feed's owner."""

    message_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class InlineQueryAsked:
    """To a bot: somebody types an inline query. `chat_type` is the Bot API's word, or ''."""

    query_id: int
    from_id: int
    query: str
    offset: str
    chat_type: str


@dataclass(frozen=True, slots=True)
class InlineResultChosen:
    """To a bot with inline feedback: somebody sent a result."""

    from_id: int
    result_id: str
    query: str
    inline_id: InlineMessageId | None


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """To a bot: a callback button was pressed.

    `inline_id` is set for messages sent via the bot, `message` for the bot's own.
    """

    query_id: int
    from_id: int
    chat_instance: int
    payload: bytes
    message: Message | None
    inline_id: InlineMessageId | None


@dataclass(frozen=True, slots=True)
class PreCheckoutAsked:
    """To a bot: somebody is about to pay an invoice."""

    query_id: int
    from_id: int
    message: Message


@dataclass(frozen=True, slots=True)
class PhoneCallChanged:
    """A phone call has a new state; what the owner sees depends on his side of it."""

    call: "PhoneCall"
    is_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class PhoneSignalled:
    """The other side of a phone call sent signalling bytes."""

    phone_call_id: int
    body: bytes


@dataclass(frozen=True, slots=True)
class LoginTokenAccepted:
    """To a device that shows a QR code: somebody scanned it."""


KeptEvent = (
    MessageArrived
    | MessageEdited
    | MessagesDeleted
    | InlineQueryAsked
    | InlineResultChosen
    | ButtonPressed
    | PreCheckoutAsked
)
PassingEvent = PhoneCallChanged | PhoneSignalled
Event = KeptEvent | PassingEvent

_COUNTED = (MessageArrived, MessageEdited, MessagesDeleted)


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One event in a feed.

    `number` rises by one per kept event and serves as the Bot API's update_id; `pts` is the place
    in the message sequence of core.telegram.org/api/updates, 0 where the event has none.
    """

    number: int
    event: Event
    pts: int
    pts_count: int
    except_device: DeviceKey | None
    only_device: DeviceKey | None

    def is_for(self, device: DeviceKey) -> bool:
        """Return whether this device shall be told."""
        if self.only_device is not None:
            return device == self.only_device
        return device != self.except_device


class Feed:
    """Everything that one person or bot is told, in order, kept until forgotten."""

    def __init__(self, owner_id: int, first_number: int) -> None:
        self.owner_id = owner_id
        self.pts = 1
        self._items: list[FeedItem] = []
        self._next_number = first_number
        self._listeners: list[Callable[[FeedItem], None]] = []

    def publish(
        self,
        event: Event,
        *,
        except_device: DeviceKey | None = None,
        only_device: DeviceKey | None = None,
    ) -> FeedItem:
        """Append an event and tell the listeners; events of calls pass by and are not kept."""
        count = _pts_count(event)
        self.pts += count
        item = FeedItem(self._next_number, event, self.pts if count else 0, count, except_device, only_device)
        if not isinstance(event, PassingEvent):
            self._next_number += 1
            self._items.append(item)
        for listener in tuple(self._listeners):
            listener(item)
        return item

    def after(self, number: int, *, limit: int | None = None) -> list[FeedItem]:
        """Return the kept events with a number of at least `number`, oldest first."""
        return [item for item in self._items if item.number >= number][:limit]

    def after_pts(self, pts: int) -> list[FeedItem]:
        """Return the message events that a device at `pts` has missed."""
        return [item for item in self._items if item.pts > pts]

    def last(self, count: int) -> list[FeedItem]:
        """Return the newest `count` kept events (the Bot API's negative offset)."""
        return self._items[-count:]

    def forget_before(self, number: int) -> None:
        """Drop the kept events below `number` (the Bot API's confirmation by offset)."""
        self._items = [item for item in self._items if item.number >= number]

    def listen(self, listener: Callable[[FeedItem], None]) -> Callable[[], None]:
        """Call `listener` on each new event; returns the function that stops it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None


def _pts_count(event: Event) -> int:
    if isinstance(event, MessagesDeleted):
        return len(event.message_ids)
    return 1 if isinstance(event, _COUNTED) else 0
