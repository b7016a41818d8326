"""Inline mode: somebody types after a bot's name, the bot offers results, one is sent via the bot."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from linegram.sandbox.world.chats import NO_ORIGIN, Chats, Origin, check_markup
from linegram.sandbox.world.events import DeviceKey, Feed, InlineQueryAsked, InlineResultChosen
from linegram.sandbox.world.messages import Content, InlineKeyboard, InlineMessageId, Message
from linegram.sandbox.world.pending import Pending
from linegram.sandbox.world.people import People
from linegram.sandbox.world.refusals import bad_request

QUERY_CHARS = 256
RESULTS_PER_ANSWER = 50
RESULT_ID_BYTES = 64


@dataclass(frozen=True, slots=True)
class InlineResult:
    """One offered result (an article): what is shown in the list and what is sent."""

    result_id: str
    title: str
    content: Content
    description: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class InlineAnswer:
    """A bot's answer to an inline query."""

    results: tuple[InlineResult, ...]
    cache_time_s: int = 300
    is_personal: bool = False
    next_offset: str = ""
    button_text: str = ""
    button_parameter: str = ""


@dataclass(slots=True, eq=False)
class InlineQuery:
    """A question to a bot and, once it came, the answer."""

    query_id: int
    asker_id: int
    bot_id: int
    query: str
    asked_at_s: float
    pending: Pending[InlineAnswer] = field(default_factory=Pending)


@dataclass(frozen=True, slots=True)
class _Cached:
    answer: InlineAnswer
    until_s: float


class Inline:
    """All inline queries. Answers come in time or not at all: `answer_within_s`."""

    def __init__(
        self,
        people: People,
        chats: Chats,
        feed_of: Callable[[int], Feed],
        *,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self.answer_within_s = 10.0
        self._people = people
        self._chats = chats
        self._feed_of = feed_of
        self._clock = clock
        self._random = random
        self._queries: dict[int, InlineQuery] = {}
        self._cache: dict[tuple[int, str, str, int], _Cached] = {}

    def ask(
        self, asker_id: int, bot_id: int, *, query: str, offset: str = "", chat_type: str = ""
    ) -> InlineQuery:
        """Put a query to a bot; a cached answer is there at once and the bot is not asked."""
        bot = self._people.get(bot_id).bot
        if bot is None:
            raise bad_request("BOT_INVALID")
        if not bot.is_inline:
            raise bad_request("BOT_INLINE_DISABLED")
        if len(query) > QUERY_CHARS:
            raise bad_request("QUERY_TOO_LONG")
        asked = InlineQuery(self._random.getrandbits(62), asker_id, bot_id, query, self._clock())
        self._queries[asked.query_id] = asked
        cached = self._cached(asked, offset)
        if cached is not None:
            asked.pending.settle(cached)
            return asked
        self._people.meet(bot_id, asker_id)
        asked.pending.when_settled(lambda answer: self._remember(asked, offset, answer))
        self._feed_of(bot_id).publish(InlineQueryAsked(asked.query_id, asker_id, query, offset, chat_type))
        return asked

    def _cached(self, asked: InlineQuery, offset: str) -> InlineAnswer | None:
        for asker_id in (asked.asker_id, 0):
            cached = self._cache.get((asked.bot_id, asked.query, offset, asker_id))
            if cached is not None and self._clock() < cached.until_s:
                return cached.answer
        return None

    def _remember(self, asked: InlineQuery, offset: str, answer: InlineAnswer) -> None:
        if answer.cache_time_s > 0:
            key = (asked.bot_id, asked.query, offset, asked.asker_id if answer.is_personal else 0)
            until_s = self._clock() + answer.cache_time_s
            self._cache[key] = _Cached(answer, until_s)

    def answer(self, bot_id: int, query_id: int, answer: InlineAnswer) -> None:
        """Give the bot's answer; refuses one that is too late, repeated, or malformed."""
        asked = self._queries.get(query_id)
        if asked is None or asked.bot_id != bot_id or asked.pending.answer is not None:
            raise bad_request("QUERY_ID_INVALID")
        if self._clock() - asked.asked_at_s > self.answer_within_s:
            raise bad_request("QUERY_ID_INVALID")
        _check_results(answer.results)
        asked.pending.settle(answer)

    def send_result(
        self,
        sender_id: int,
        receiver_id: int,
        query_id: int,
        result_id: str,
        *,
        origin: Origin = NO_ORIGIN,
        device: DeviceKey | None = None,
    ) -> Message:
        """Send one of the offered results; the bot with feedback hears of it."""
        asked = self._queries.get(query_id)
        if asked is None or asked.pending.answer is None or asked.asker_id != sender_id:
            raise bad_request("QUERY_ID_INVALID")
        result = next((r for r in asked.pending.answer.results if r.result_id == result_id), None)
        if result is None:
            raise bad_request("RESULT_ID_INVALID")
        inline_id = self._new_inline_id() if isinstance(result.content.markup, InlineKeyboard) else None
        message = self._chats.send(
            sender_id,
            receiver_id,
            result.content,
            origin=Origin(
                origin.reply_to_id, via_bot_id=asked.bot_id, inline_id=inline_id, random_id=origin.random_id
            ),
            device=device,
        )
        self._report_choice(asked, sender_id, result_id, inline_id)
        return message

    def _report_choice(
        self, asked: InlineQuery, sender_id: int, result_id: str, inline_id: InlineMessageId | None
    ) -> None:
        bot = self._people.get(asked.bot_id).bot
        if bot is not None and bot.has_inline_feedback:
            chosen = InlineResultChosen(sender_id, result_id, asked.query, inline_id)
            self._feed_of(asked.bot_id).publish(chosen)

    def _new_inline_id(self) -> InlineMessageId:
        return InlineMessageId(2, self._random.getrandbits(62), self._random.getrandbits(62))


def _check_results(results: tuple[InlineResult, ...]) -> None:
    if len(results) > RESULTS_PER_ANSWER:
        raise bad_request("RESULTS_TOO_MUCH")
    seen: set[str] = set()
    for result in results:
        if not 1 <= len(result.result_id.encode()) <= RESULT_ID_BYTES:
            raise bad_request("RESULT_ID_INVALID")
        if result.result_id in seen:
            raise bad_request("RESULT_ID_DUPLICATE")
        if not result.title:
            raise bad_request("ARTICLE_TITLE_EMPTY")
        if not result.content.text.strip():
            raise bad_request("MESSAGE_EMPTY")
        check_markup(result.content)
        seen.add(result.result_id)
