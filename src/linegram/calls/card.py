"""The card of a call: what it says, as data. Rendering and languages are the bot's.

Pure. A card is edited through the life of its call; there is one per call.
"""

from enum import Enum

import msgspec

from linegram.outcomes import EndReason


class CardState(Enum):
    """What the card says about its call."""

    INCOMING = "incoming"
    CALLING_BACK = "calling_back"
    PRESS_PHONE = "press_phone"
    DIALLING = "dialling"
    FAR_RINGING = "far_ringing"
    TALKING = "talking"
    ENDED = "ended"


class CardButton(Enum):
    """A button under a card. The value goes into callback data: keep it short, never rename it."""

    HANG_UP = "hang"
    CALL_BACK = "back"


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What an employee reads about one call."""

    state: CardState
    number: str
    name: str = ""
    line: str = ""
    diverted_by: str = ""
    is_incoming: bool = False
    end_reason: EndReason | None = None
    duration_s: int | None = None
    retry_after_s: int | None = None
    buttons: tuple[CardButton, ...] = ()
