"""Digits in INFO, in both forms that PBXs send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.digit_info import DIGITS, DigitBody, read_digit, write_digit


@given(st.sampled_from(DIGITS), st.sampled_from(DigitBody))
def test_a_digit_is_read_as_it_was_written(digit: str, form: DigitBody) -> None:
    assert read_digit(form.value, write_digit(digit, form)) == digit


@pytest.mark.parametrize(
    ("content_type", "body", "digit"),
    [
        ("application/dtmf-relay", b"Signal= 5\r\nDuration= 250\r\n", "5"),
        ("application/dtmf-relay", b"Duration=100\nsignal=#", "#"),
        ("application/dtmf-relay", b"Signal=10\r\n", "*"),
        ("APPLICATION/DTMF-RELAY; charset=utf-8", b"Signal=11\r\n", "#"),
        ("application/dtmf", b"d", "D"),
        ("application/dtmf", b" 7\r\n", "7"),
        ("application/media_control+xml", b"<x/>", None),
        ("", b"5", None),
    ],
)
def test_what_pbxs_send_is_understood(content_type: str, body: bytes, digit: str | None) -> None:
    assert read_digit(content_type, body) == digit


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/dtmf-relay", b""),
        ("application/dtmf-relay", b"Signal=\r\n"),
        ("application/dtmf-relay", b"Signal=16\r\n"),
        ("application/dtmf", b"99"),
        ("application/dtmf", b"\xff"),
    ],
)
def test_a_digit_that_is_none_is_refused(content_type: str, body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_digit(content_type, body)


@pytest.mark.parametrize("digit", ["", "E", "12", "٣"])
def test_we_never_send_what_is_no_key(digit: str) -> None:
    with pytest.raises(LocalProtocolError):
        write_digit(digit, DigitBody.RELAY)


@given(st.text(max_size=40), st.binary(max_size=80))
def test_any_body_is_a_digit_or_none_or_malformed(content_type: str, body: bytes) -> None:
    try:
        digit = read_digit(content_type, body)
    except RemoteProtocolError:
        return
    assert digit is None or digit in DIGITS
