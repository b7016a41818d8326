"""Questions have numbered answers, and nothing else is an answer."""

import pytest

from linegram.cli.fieldtest.questions import BY_NAME, HEARD, SKIP, Question


@pytest.mark.parametrize("question", BY_NAME.values(), ids=lambda question: question.name)
def test_every_answer_can_be_given_by_its_number(question: Question) -> None:
    for number, answer in enumerate(question.answers, 1):
        assert question.read(str(number)) == answer
        assert f"{number} {answer}" in question.shown
    assert question.is_good(question.answers[0])
    assert not question.is_good(question.answers[-1])


def test_nothing_typed_means_nothing_said() -> None:
    assert HEARD.read("") == SKIP
    assert HEARD.is_good(SKIP)


@pytest.mark.parametrize("typed", ["0", "4", "yes", "-1", "1.0", "²", "１"])
def test_anything_else_is_no_answer(typed: str) -> None:
    assert HEARD.read(typed) is None
