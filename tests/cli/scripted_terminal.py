"""A terminal whose person answers by rule."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Answer = str | Callable[[], str]


class ScriptedTerminal:
    """Answers each question with the next answer for it; a question without one fails the test.

    Questions are named by their first words.
    """

    def __init__(self, **answers: list[Answer]) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.hidden: list[str] = []
        self.drawn: list[str] = []
        self.on_qr: Callable[[str], None] = lambda _: None
        self._answers = answers

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    def say(self, text: str) -> None:
        self.said.append(text)

    def ask(self, question: str) -> str:
        self.asked.append(question)
        key = question.split(maxsplit=1)[0].lower().strip(",")
        answers = self._answers.get(key)
        assert answers, f"nobody answers {question!r} after: {self.text}"
        answer = answers.pop(0)
        return answer if isinstance(answer, str) else answer()

    def ask_hidden(self, question: str) -> str:
        self.hidden.append(question)
        return self.ask(question)

    def show_qr(self, url: str) -> None:
        self.drawn.append(url)
        self.on_qr(url)

    def busy(self, what: str) -> AbstractContextManager[object]:
        return nullcontext()

    def is_done(self) -> bool:
        """Say whether every answer was wanted."""
        return not any(self._answers.values())
