"""A person at the terminal with a telephone in his hand: answers by rule, does what he is told."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


class ScriptedPerson:
    """Implements `Terminal`. `answers` is asked with each question; `hears` with everything that is said."""

    def __init__(self, answers: Callable[[str], str], hears: Callable[[str], None] = lambda _: None) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self._answers = answers
        self._hears = hears

    @property
    def text(self) -> str:
        """Everything that was said."""
        return "\n".join(self.said)

    def say(self, text: str) -> None:
        """Hear a sentence."""
        self.said.append(text)
        self._hears(text)

    def ask(self, question: str) -> str:
        """Answer."""
        self.asked.append(question)
        return self._answers(question)

    def ask_hidden(self, question: str) -> str:
        """Nothing in a field test is hidden."""
        raise AssertionError(question)

    def show_qr(self, url: str) -> None:
        """Nothing in a field test is drawn."""
        raise AssertionError(url)

    def busy(self, what: str) -> AbstractContextManager[object]:
        """Wait."""
        return self._waiting(what)

    @contextmanager
    def _waiting(self, what: str) -> Iterator[None]:
        self.said.append(what)
        yield
