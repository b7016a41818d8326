"""A gate keeps what comes early, in order."""

from hypothesis import given
from hypothesis import strategies as st

from linegram.link.gate import Gate


@given(st.lists(st.integers()), st.lists(st.integers()))
def test_what_came_before_the_opening_comes_first(early: list[int], late: list[int]) -> None:
    gate, taken = Gate[int](), list[int]()
    for item in early:
        gate(item)
    assert taken == []
    gate.open(taken.append)
    for item in late:
        gate(item)
    assert taken == early + late


def test_what_comes_while_it_is_being_opened_keeps_its_place() -> None:
    gate, taken = Gate[int](), list[int]()

    def take(item: int) -> None:
        taken.append(item)
        if item < 10:
            gate(item + 10)

    gate(1)
    gate(2)
    gate.open(take)
    assert taken == [1, 2, 11, 12]
