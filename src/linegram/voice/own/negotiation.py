"""Who sends what: offers and answers of streams, as a table. Pure.

Each end offers what it will send; the other end answers. Only audio in Opus
is offered and accepted; video left out of an answer is refused by that.

An end that has an open offer when another one comes is in a glare: the caller
goes on as if nothing had come, the callee gives its own offer up, answers, and
offers anew. An answer to an offer that was given up would be taken for an offer,
and answered: so nothing is answered twice, and the caller never offers again.

Versions 8 and 9 deliver out of order, so what looks like a glare may be none:
the callee's answer is only late. The caller therefore keeps the offer, and
answers it when the answer comes that was sent before it. Other callers do not: so
our answer and our offer travel in one packet, and a callee whose offer stays without
an answer for long makes it again, under a new id.
"""

from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from msgspec.structs import replace

from linegram.errors import UnexpectedEventError
from linegram.voice.own.messages import Content, NegotiateChannels, PayloadType

OFFER_AGAIN_S: Final = 6.0
"""Longer than far ends take to send a lost answer again (3 to 5 s): ntgcalls 3.0.5 crashes now and then
when a second offer of the same stream comes while the first is being settled."""

_OPUS: Final = PayloadType(
    id=111, name="opus", clockrate=48_000, channels=2, parameters={"minptime": "10", "useinbandfec": "1"}
)
MOST_REMEMBERED_IDS: Final = 64


class State(Enum):
    """What became of our own offer."""

    NEW = "new"
    OFFERED = "offered"
    AGREED = "agreed"


class Event(Enum):
    """What happened."""

    STARTED = "started"
    OFFER_CAME = "offer_came"
    ANSWER_CAME = "answer_came"
    ANSWER_OVERDUE = "answer_overdue"
    UNHEARD = "unheard"


class Command(Enum):
    """What is to be done."""

    OFFER = "offer"
    ANSWER = "answer"
    TAKE_ANSWER = "take_answer"
    KEEP = "keep"
    ANSWER_KEPT = "answer_kept"


class Row(NamedTuple):
    """The state that follows, and what is to be done."""

    state: State
    commands: tuple[Command, ...] = ()


_NEW, _OFFERED, _AGREED = State.NEW, State.OFFERED, State.AGREED

CALLER_ROWS: Final[Mapping[tuple[State, Event], Row]] = MappingProxyType(
    {
        (_NEW, Event.STARTED): Row(_OFFERED, (Command.OFFER,)),
        (_OFFERED, Event.OFFER_CAME): Row(_OFFERED, (Command.KEEP,)),
        (_OFFERED, Event.ANSWER_CAME): Row(_AGREED, (Command.TAKE_ANSWER, Command.ANSWER_KEPT)),
        (_OFFERED, Event.ANSWER_OVERDUE): Row(_OFFERED),
        (_AGREED, Event.OFFER_CAME): Row(_AGREED, (Command.ANSWER,)),
        (_AGREED, Event.ANSWER_CAME): Row(_AGREED, (Command.TAKE_ANSWER,)),
        (_AGREED, Event.UNHEARD): Row(_AGREED, (Command.OFFER,)),
    }
)
CALLEE_ROWS: Final[Mapping[tuple[State, Event], Row]] = MappingProxyType(
    {
        (_NEW, Event.STARTED): Row(_NEW),
        (_NEW, Event.OFFER_CAME): Row(_OFFERED, (Command.ANSWER, Command.OFFER)),
        (_OFFERED, Event.OFFER_CAME): Row(_OFFERED, (Command.ANSWER, Command.OFFER)),
        (_OFFERED, Event.ANSWER_CAME): Row(_AGREED, (Command.TAKE_ANSWER,)),
        (_OFFERED, Event.ANSWER_OVERDUE): Row(_OFFERED, (Command.OFFER,)),
        (_AGREED, Event.OFFER_CAME): Row(_AGREED, (Command.ANSWER,)),
        (_AGREED, Event.ANSWER_CAME): Row(_AGREED, (Command.TAKE_ANSWER,)),
        (_AGREED, Event.UNHEARD): Row(_AGREED, (Command.OFFER,)),
    }
)
"""The callee waits for the caller's offer and makes its own right behind the answer, so glare is rare."""


class Stream(NamedTuple):
    """One direction of audio that both ends agreed on."""

    ssrc: int
    payload_type: int


class Negotiation:
    """One end's view; `incoming` and `outgoing` are what both ends agreed on so far."""

    def __init__(self, *, is_caller: bool, ssrc: int, random: Callable[[], float]) -> None:
        """Begin; `random` gives numbers from 0.0 up to 1.0 and `ssrc` names what we send."""
        self._rows = CALLER_ROWS if is_caller else CALLEE_ROWS
        self._ssrc = ssrc
        self._random = random
        self._state = State.NEW
        self._our_ids: deque[str] = deque(maxlen=MOST_REMEMBERED_IDS)
        self._answered_ids: deque[str] = deque(maxlen=MOST_REMEMBERED_IDS)
        self._answered_order = 0
        self._kept: tuple[int, NegotiateChannels] | None = None
        self._offered_at = 0.0
        self._out: deque[NegotiateChannels] = deque()
        self.incoming: Stream | None = None
        self.outgoing: Stream | None = None

    @property
    def state(self) -> State:
        """What became of our own offer."""
        return self._state

    def start(self, now: float) -> None:
        """Begin; the caller offers at once."""
        self._handle(Event.STARTED, None, now)

    def receive(self, message: NegotiateChannels, order: int, now: float) -> None:
        """Take an offer or an answer in; `order` is its place among all that the far end said.

        An end has one open offer at a time: one said before another that we have answered is void.
        """
        if message.exchange_id in self._our_ids:
            self._handle(Event.ANSWER_CAME, (order, message), now)
        elif message.exchange_id not in self._answered_ids and order > self._answered_order:
            self._handle(Event.OFFER_CAME, (order, message), now)

    def handle_timer(self, now: float) -> None:
        """Offer again when the answer is overdue."""
        if self._state is State.OFFERED and now - self._offered_at >= OFFER_AGAIN_S:
            self._handle(Event.ANSWER_OVERDUE, None, now)

    def offer_again(self, now: float) -> None:
        """Offer what was agreed on once more, because the far end is connected and yet unheard.

        A far end whose own offer went astray takes ours and makes its own anew.
        """
        if self._state is State.AGREED:
            self._handle(Event.UNHEARD, None, now)

    def next_message(self) -> NegotiateChannels | None:
        """Return the next message to send, or None."""
        return self._out.popleft() if self._out else None

    def _handle(self, event: Event, said: tuple[int, NegotiateChannels] | None, now: float) -> None:
        row = self._rows.get((self._state, event))
        if row is None:
            raise UnexpectedEventError(self._state, event)
        self._state = row.state
        for command in row.commands:
            if command is Command.OFFER:
                self._offer(now)
            elif said is not None:
                self._obey(command, *said)

    def _obey(self, command: Command, order: int, message: NegotiateChannels) -> None:
        match command:
            case Command.ANSWER:
                self._answer(order, message)
            case Command.TAKE_ANSWER:
                self._take_answer(message)
            case Command.KEEP if self._kept is None or self._kept[0] < order:
                self._kept = (order, message)
            case Command.ANSWER_KEPT if self._kept is not None and self._kept[0] > order:
                self._answer(*self._kept)

    def _offer(self, now: float) -> None:
        exchange_id = str(1 + int(self._random() * 0x7FFF_FFFE))
        self._our_ids.append(exchange_id)
        self._offered_at = now
        content = Content(type="audio", ssrc=str(self._ssrc), payload_types=(_OPUS,))
        self._out.append(NegotiateChannels(exchange_id, (content,)))

    def _answer(self, order: int, offer: NegotiateChannels) -> None:
        """Accept the first audio stream that can come as Opus, under the offerer's own ssrc and number.

        Nothing else of the offer comes back: what is long in it makes our answer no longer.
        """
        self._answered_ids.append(offer.exchange_id)
        self._answered_order = order
        accepted = next((found for content in offer.contents if (found := _opus_of(content))), None)
        if accepted is None:
            self.incoming = None
            self._out.append(NegotiateChannels(offer.exchange_id))
            return
        content, opus = accepted
        self.incoming = Stream(int(content.ssrc) & 0xFFFF_FFFF, opus.id)
        answer = Content(type=content.type, ssrc=content.ssrc, payload_types=(replace(_OPUS, id=opus.id),))
        self._out.append(NegotiateChannels(offer.exchange_id, (answer,)))

    def _take_answer(self, answer: NegotiateChannels) -> None:
        """Send under the number that the far end knows Opus by, if it takes our stream at all."""
        numbers = (
            found[1].id
            for content in answer.contents
            if content.ssrc == str(self._ssrc) and (found := _opus_of(content))
        )
        number = next(numbers, None)
        self.outgoing = None if number is None else Stream(self._ssrc, number)


def _opus_of(content: Content) -> tuple[Content, PayloadType] | None:
    if content.type != "audio":
        return None
    opus = (one for one in content.payload_types if one.name.lower() == "opus")
    found = next(opus, None)
    return None if found is None else (content, found)
