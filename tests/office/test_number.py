"""Texts of employees become numbers, addresses, or nothing to call."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.office.number import MAX_TEXT_LENGTH, Destination, read_destination


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("100", "100"),
        ("8 (926) 123-45-67", "89261234567"),
        ("+44 20 7946 0000", "+442079460000"),
        ("  +7.926.123/45/67 ", "+79261234567"),
        ("8–926–123", "8926123"),
        ("*72", "*72"),
        ("#", "#"),
        ("1-800-FLOWERS", "1800FLOWERS"),
        ("room12", "room12"),
        ("tel:+4420", "+4420"),
        ("TEL:112", "112"),
        ("sip:reception", "reception"),
        ("sip:100", "100"),
        ("١٢٣", "123"),
        ("１００", "100"),
        ("8\u00a0926", "8926"),
    ],
)
def test_numbers_are_cleaned(text: str, number: str) -> None:
    assert read_destination(text) == Destination(number)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("sip:100@pbx.example", "100@pbx.example"),
        ("SIP:anna.k@10.0.0.1:5070", "anna.k@10.0.0.1:5070"),
        ("100@pbx.example", "100@pbx.example"),
        ("sip:+7926@[2001:db8::1]:5060", "+7926@[2001:db8::1]:5060"),
    ],
)
def test_addresses_are_kept_as_they_are(text: str, address: str) -> None:
    assert read_destination(text) == Destination(address, is_address=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "hello",
        "see you at 5",
        "8 926\n8 927",
        "1" * (MAX_TEXT_LENGTH + 1),
        "+",
        "()",
        "12+3",
        "@pbx.example",
        "100@",
        "100@pbx.example:0",
        "100@pbx.example:70000",
        "100@pbx_example!",
        "an na@pbx.example",
        "https://example.org/5",
        "sip:",
        "звоню в 5",
        "/start",
        "50%",
    ],
)
def test_words_are_not_called(text: str) -> None:
    assert read_destination(text) is None


@given(st.text(max_size=120))
def test_any_text_is_read_and_what_comes_out_is_stable(text: str) -> None:
    destination = read_destination(text)
    if destination is not None:
        assert 0 < len(destination.text) <= MAX_TEXT_LENGTH
        assert read_destination(f"sip:{destination.text}") == destination
