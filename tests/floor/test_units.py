"""What may be read of a number in a log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.units import mask_number


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("", ""),
        ("1", "*"),
        ("1234", "****"),
        ("12345", "12*45"),
        ("79261234567", "79*******67"),
        ("sip:anna@pbx.example", "si****************le"),
    ],
)
def test_the_middle_of_a_number_is_hidden(number: str, masked: str) -> None:
    assert mask_number(number) == masked


@given(st.text())
def test_a_mask_keeps_the_length_and_shows_at_most_four_characters(number: str) -> None:
    masked = mask_number(number)
    assert len(masked) == len(number)
    shown = [index for index, character in enumerate(masked) if character != "*"]
    assert all(index < 2 or index >= len(number) - 2 for index in shown)
    assert all(masked[index] == number[index] for index in shown)
