"""Callback buttons: a press, and the bot's answer to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from linegram.sandbox.world.chats import Chats
from linegram.sandbox.world.events import ButtonPressed, Feed
from linegram.sandbox.world.messages import InlineKeyboard, Message
from linegram.sandbox.world.pending import Pending
from linegram.sandbox.world.people import People
from linegram.sandbox.world.refusals import bad_request

ANSWER_TEXT_CHARS = 200


@dataclass(frozen=True, slots=True)
class PressAnswer:
    """What the presser sees for a moment: a notice, an alert, or a page that opens."""

    text: str = ""
    is_alert: bool = False
    url: str = ""
    cache_time_s: int = 0


@dataclass(slots=True, eq=False)
class Press:
    """One press of a button and, once it came, the bot's answer."""

    query_id: int
    bot_id: int
    presser_id: int
    pressed_at_s: float
    pending: Pending[PressAnswer] = field(default_factory=Pending)


class Presses:
    """All presses. A bot answers each once, within `answer_within_s`."""

    def __init__(
        self,
        people: People,
        chats: Chats,
        feed_of: Callable[[int], Feed],
        *,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self.answer_within_s = 15.0
        self._people = people
        self._chats = chats
        self._feed_of = feed_of
        self._clock = clock
        self._random = random
        self._presses: dict[int, Press] = {}

    def press(self, presser_id: int, message_id: int, payload: bytes) -> Press:
        """Press the button with this payload under a message, named by the presser's own id."""
        message = self._chats.find(presser_id, message_id)
        bot_id = message.bot_of_buttons(self._people.bot_ids())
        markup = message.content.markup
        if bot_id is None or not isinstance(markup, InlineKeyboard):
            raise bad_request("MESSAGE_ID_INVALID")
        if payload not in markup.payloads():
            raise bad_request("DATA_INVALID")
        press = Press(self._random.getrandbits(62), bot_id, presser_id, self._clock())
        self._presses[press.query_id] = press
        self._people.meet(bot_id, presser_id)
        self._feed_of(bot_id).publish(self._event(press, message, payload))
        return press

    def _event(self, press: Press, message: Message, payload: bytes) -> ButtonPressed:
        return ButtonPressed(
            press.query_id,
            press.presser_id,
            self._chats.instance(press.bot_id, message),
            payload,
            message if message.inline_id is None else None,
            message.inline_id,
        )

    def answer(self, bot_id: int, query_id: int, answer: PressAnswer) -> None:
        """Give the bot's answer; refuses an unknown, repeated or late one, and too long a text."""
        press = self._presses.get(query_id)
        if press is None or press.bot_id != bot_id:
            raise bad_request("QUERY_ID_INVALID")
        if self._clock() - press.pressed_at_s > self.answer_within_s:
            raise bad_request("QUERY_ID_INVALID")
        if len(answer.text) > ANSWER_TEXT_CHARS:
            raise bad_request("MESSAGE_TOO_LONG")
        del self._presses[query_id]
        press.pending.settle(answer)
