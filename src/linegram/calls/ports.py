"""What calls need from Telegram, declared here and implemented above.

`telegram/` implements `TelegramPhone` and `CardPoster`; `bot/` implements
`CardEditor`; `storage/` implements `CallJournal` and `EngineStore`. Doubles for tests live in
`sandbox/`.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

import msgspec

from linegram.calls.card import Card
from linegram.calls.engine_choice import RememberedEngine
from linegram.link.commands import Command
from linegram.link.figures import LegFigures
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId, LegId, TelegramUserId


class DiscardReason(Enum):
    """Telegram's phoneCallDiscardReason, as we send it."""

    MISSED = "missed"
    BUSY = "busy"
    HANG_UP = "hang_up"
    DISCONNECT = "disconnect"


class PhoneRinging(msgspec.Struct, frozen=True):
    """A device of the employee received our call (receive_date)."""

    leg_id: LegId


class PhoneAnswered(msgspec.Struct, frozen=True):
    """Keys are exchanged and checked: the voice leg can be opened. For both directions."""

    leg_id: LegId
    parameters: VoiceParameters


class PhoneSignalled(msgspec.Struct, frozen=True):
    """Signalling bytes for the voice leg came through Telegram; early ones wait for PhoneAnswered."""

    leg_id: LegId
    payload: bytes


class PhoneEnded(msgspec.Struct, frozen=True):
    """The Telegram call is over or never came about; exactly one per leg, and nothing follows it."""

    leg_id: LegId
    reason: EndReason
    retry_after_s: int | None = None


class PhoneCallArrived(msgspec.Struct, frozen=True):
    """Somebody calls the calling account; the phone chose `leg_id`. It waits for `accept` or `end`."""

    leg_id: LegId
    user_id: TelegramUserId


class PhoneCallOpened(msgspec.Struct, frozen=True):
    """Telegram knows the call now: what a later process needs to discard it."""

    leg_id: LegId
    recovery: dict[str, Any]


PhoneEvent = PhoneRinging | PhoneAnswered | PhoneSignalled | PhoneEnded | PhoneCallArrived | PhoneCallOpened


class TelegramPhone(Protocol):
    """The voice-call signalling of a calling account. Methods return at once; what happens comes as events.

    Events are delivered in order, in the event loop's thread, to the sink given at construction.
    """

    def request(self, leg_id: LegId, user_id: TelegramUserId) -> None:
        """Call an employee."""

    def accept(self, leg_id: LegId) -> None:
        """Accept a call that arrived."""

    def end(self, leg_id: LegId, reason: DiscardReason) -> None:
        """Discard the call in whatever state it is; PhoneEnded follows if it was not over. Repeatable."""

    def signal(self, leg_id: LegId, payload: bytes) -> None:
        """Send signalling bytes of the voice leg to the far end."""

    async def discard_stored(self, recovery: dict[str, Any]) -> None:
        """Discard a call that an earlier process left behind; a call that is gone already is fine."""


PhoneSink = Callable[[PhoneEvent], None]


class PostedCard(msgspec.Struct, frozen=True):
    """Where a card stands in the chat with an employee.

    `is_plain` cards are text of the calling account without buttons, posted
    when the bot did not answer in time; the calling account edits those itself.
    """

    card_id: str
    user_id: TelegramUserId
    message_id: int
    is_plain: bool


class CardPoster(Protocol):
    """The calling account's side of cards."""

    async def post(self, user_id: TelegramUserId, card_id: str, card: Card) -> PostedCard | None:
        """Post a card in the chat with the employee: the bot's inline result, or plain text after 700 ms.

        None if Telegram refused both (logged): a call goes on without its card.
        """

    async def edit_plain(self, posted: PostedCard, card: Card) -> None:
        """Edit a card that was posted as plain text."""

    async def say(self, user_id: TelegramUserId, text: str) -> None:
        """Send a sentence to the employee."""


class CardEditor(Protocol):
    """The bot's side of cards."""

    async def edit(self, card_id: str, card: Card) -> None:
        """Edit the inline message that carries this card; remembered until its inline_message_id is known."""


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One finished call, as history keeps it. Times are UTC epoch seconds.

    `engine` is the voice engine of the last Telegram call, `engine_reason` why it was chosen; both are
    empty if the call never came so far.
    """

    call_id: CallId
    account_id: AccountId | None
    user_id: TelegramUserId
    is_incoming: bool
    number: str
    started_at: float
    answered_at: float | None
    ended_at: float
    end_reason: EndReason
    codec: str = ""
    sip_status: int = 0
    engine: str = ""
    engine_reason: str = ""


class CallJournal(Protocol):
    """What survives a crash: open legs, so that the next start can end them; finished calls."""

    async def leg_opened(self, call_id: CallId, leg_id: LegId, recovery: dict[str, Any]) -> None:
        """Remember how to end this leg; a later note for the same leg replaces it."""

    async def call_closed(self, record: CallRecord) -> None:
        """Keep the record and forget the call's legs, in one transaction."""

    async def call_measured(self, call_id: CallId, figures: Mapping[str, LegFigures]) -> None:
        """Keep the figures of a call's legs, by "pbx" and "voice"; a repetition changes nothing."""

    async def figures_of(self, call_id: CallId) -> Mapping[str, LegFigures]:
        """Return the figures of a call's legs; empty when none were kept."""

    async def call_forgotten(self, call_id: CallId) -> None:
        """Forget the legs of a call of which no record can be made."""

    async def find_call(self, call_id: CallId) -> CallRecord | None:
        """Return the record of a finished call."""

    async def stored_legs(self) -> "Sequence[StoredLeg]":
        """Return the legs that are still noted as open."""

    async def note_alive(self) -> None:
        """Remember that the service lives now, with calls."""

    async def last_alive(self) -> float | None:
        """Return when the service was last noted to live, in UTC epoch seconds."""


class StoredLeg(msgspec.Struct, frozen=True, kw_only=True):
    """A leg that an earlier process left open; `recovery` is the newest note for it."""

    call_id: CallId
    leg_id: LegId
    recovery: dict[str, Any]


class EngineStore(Protocol):
    """Remembers over restarts which voice engine an employee needs."""

    async def keep_engine(self, user_id: TelegramUserId, remembered: RememberedEngine) -> None:
        """Remember the engine that connected; replaces what was remembered before."""

    async def kept_engines(self) -> Mapping[TelegramUserId, RememberedEngine]:
        """Return what is remembered of everybody, however old."""


class IncomingRoute(msgspec.Struct, frozen=True, kw_only=True):
    """To whom a PBX call to an account goes."""

    user_id: TelegramUserId
    line: str


class OutgoingRoute(msgspec.Struct, frozen=True, kw_only=True):
    """How a texted number is to be dialled: through which account, and who calls whom in Telegram."""

    account_id: AccountId
    line: str
    number: str
    is_callback: bool


class Routes(Protocol):
    """What the office knows of accounts and people; answers from memory, at once."""

    def incoming(self, account_id: AccountId) -> IncomingRoute | None:
        """Return whose account this is; None if nobody's, or switched off."""

    def is_employee(self, user_id: TelegramUserId) -> bool:
        """Say whether this person has a line."""

    def outgoing(self, user_id: TelegramUserId, text: str) -> OutgoingRoute:
        """Return how to dial what an employee texted. Raises RefusedError with a sentence for him."""


class Worker(Protocol):
    """The hub's end of a link."""

    def send(self, command: Command) -> None:
        """Hand a command to the worker; never blocks."""
