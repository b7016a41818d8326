"""What a field test found, call by call, as it is kept between two runs. Pure.

Nothing here names a person, a number or a key: the report may be shown to anybody.
"""

from enum import Enum

import msgspec

from linegram.cli.fieldtest.listening import Heard
from linegram.cli.fieldtest.plan import Trial
from linegram.cli.fieldtest.questions import BY_NAME, HEARD
from linegram.errors import RefusedError
from linegram.link.figures import LegFigures


class Verdict(Enum):
    """How a call of the test went."""

    GOOD = "good"
    FLAWED = "flawed"
    FAILED = "failed"


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine saw of one call; None is what did not happen. `ending` is an end reason."""

    ending: str
    rang_ms: int | None = None
    answered_ms: int | None = None
    connected_ms: int | None = None
    agreed_versions: tuple[str, ...] = ()
    relays: int = 0
    heard: Heard = Heard()
    figures: LegFigures = LegFigures()

    @property
    def is_connected(self) -> bool:
        """The sound had a way."""
        return self.connected_ms is not None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One call: what was tried, measured and said. `at` is UTC epoch seconds."""

    trial: Trial
    at: float
    measured: Measured
    answers: dict[str, str] = {}

    @property
    def verdict(self) -> Verdict:
        """Judge the call: no way for the sound, or not heard on one side, is a failure."""
        heard_us = self.answers.get(HEARD.name) != HEARD.answers[-1]
        if not (self.measured.is_connected and self.measured.heard.is_anything and heard_us):
            return Verdict.FAILED
        complaints = [name for name, said in self.answers.items() if not BY_NAME[name].is_good(said)]
        return Verdict.FLAWED if complaints else Verdict.GOOD


class Record(msgspec.Struct, kw_only=True):
    """A whole field test as far as it has come."""

    linegram: str
    plan: tuple[Trial, ...]
    about: dict[str, str] = {}
    results: list[Result] = []

    def missing(self) -> tuple[Trial, ...]:
        """Return the calls that are still to be made."""
        done = {result.trial.key for result in self.results}
        return tuple(trial for trial in self.plan if trial.key not in done)


def record_text(record: Record) -> str:
    """Write a record as JSON."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n"


def read_record(text: str) -> Record:
    """Read what `record_text` wrote. Raises RefusedError with a sentence for anything else."""
    try:
        return msgspec.json.decode(text, type=Record)
    except (msgspec.MsgspecError, ValueError) as error:
        raise RefusedError(f"This is no record of a field test: {error}.") from error
