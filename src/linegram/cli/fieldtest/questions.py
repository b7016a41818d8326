"""What the person is asked, with numbered answers. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

SKIP: Final = "not said"


class Question(NamedTuple):
    """A question and its answers; the first answer is the one that we hope for."""

    name: str
    text: str
    answers: tuple[str, ...]

    @property
    def shown(self) -> str:
        """Write the question with its numbered answers in one line."""
        numbered = "  ".join(f"{number} {answer}" for number, answer in enumerate(self.answers, 1))
        return f"{self.text}\n  {numbered}"

    def read(self, typed: str) -> str | None:
        """Return the answer behind a number, SKIP for an empty line, None if it is no answer."""
        if not typed:
            return SKIP
        if typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(self.answers):
            return self.answers[int(typed) - 1]
        return None

    def is_good(self, answer: str) -> bool:
        """Say whether nothing is to be complained of; who says nothing does not complain."""
        return answer in {SKIP, self.answers[0]}


RANG: Final = Question(
    "rang", "Did your telephone ring, and show the right name?", ("yes", "wrong name", "no ring")
)
HEARD: Final = Question(
    "heard", "Did you hear the three rising notes and the beeps?", ("clearly", "with gaps or noise", "no")
)
SPOKE: Final = Question("spoke", "Did you clap after the beeps and speak?", ("both", "only spoke", "neither"))
DELAY: Final = Question(
    "delay", "Was there a delay when the call began?", ("none", "a second or two", "more")
)
ECHO: Final = Question("echo", "Did you hear yourself?", ("no", "faintly", "loudly"))
HUNG_UP: Final = Question("hung_up", "Did your app end the call when we did?", ("yes", "late", "no"))

AFTER_CALL: Final = (HEARD, SPOKE, DELAY, ECHO, HUNG_UP)
AFTER_FAILURE: Final = (RANG,)

BY_NAME: Final[Mapping[str, Question]] = MappingProxyType(
    {question.name: question for question in (*AFTER_FAILURE, *AFTER_CALL)}
)

APP: Final = Question(
    "app", "Which app is on the telephone?", ("Android", "iOS", "desktop (Windows, Linux)", "macOS", "other")
)
NETWORK: Final = Question("network", "How is the telephone connected?", ("mobile network", "Wi-Fi", "cable"))
BEFORE: Final = (APP, NETWORK)
