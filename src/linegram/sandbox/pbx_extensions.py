"""What happens when somebody dials a number of the sandbox's PBX: steps, as data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from linegram.audio.tones import ToneGenerator, parse_cadence
from linegram.sandbox.pbx_audio import RATE_HZ, Silence, Sound

G711: Final = ("alaw", "mulaw")
_BUSY: Final = 486


@dataclass(frozen=True, slots=True)
class Ring:
    """Send 180."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PlayEarly:
    """Send 183 and a sound, before the answer."""

    sound: Callable[[], Sound]


@dataclass(frozen=True, slots=True)
class Answer:
    """Send 200 and speak."""

    sound: Callable[[], Sound]
    is_echo: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Send a final status from 400 on."""

    status: int


Step = Ring | Wait | PlayEarly | Answer | Refuse


@dataclass(frozen=True, slots=True)
class Extension:
    """A number: what is done in turn when it is called, and its codecs, best first, in the office's words."""

    steps: tuple[Step, ...]
    codecs: tuple[str, ...] = G711


def tone(frequency_hz: float) -> Sound:
    """Make a steady tone."""
    return ToneGenerator(parse_cadence(f"{frequency_hz}/1000"), RATE_HZ)


def telephone(
    sound: Callable[[], Sound] = Silence, *, rings_s: float = 0.2, codecs: tuple[str, ...] = G711
) -> Extension:
    """A telephone that rings, is answered, and speaks."""
    return Extension((Ring(), Wait(rings_s), Answer(sound)), codecs)


def echo(*, codecs: tuple[str, ...] = G711) -> Extension:
    """A number that sends back what it hears."""
    return Extension((Answer(Silence, is_echo=True),), codecs)


def busy() -> Extension:
    """A number that is always busy."""
    return Extension((Refuse(_BUSY),))


def announcement(
    early: Callable[[], Sound],
    sound: Callable[[], Sound] = Silence,
    *,
    early_s: float,
    codecs: tuple[str, ...] = G711,
) -> Extension:
    """A number that is heard before it answers."""
    return Extension((PlayEarly(early), Wait(early_s), Answer(sound)), codecs)


def unanswered() -> Extension:
    """A telephone that rings until the caller gives up."""
    return Extension((Ring(),))
