"""Who calls, whatever a PBX writes into how many headers, and in which charset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.sip.caller_identity import CallerIdentity, identify_caller, readable
from linegram.sip.headers import Headers

FROM = ("From", '"Ivan" <sip:4711@pbx>;tag=1')


def caller(*lines: tuple[str, str]) -> CallerIdentity:
    return identify_caller(Headers(lines))


@pytest.mark.parametrize(
    ("lines", "number", "name"),
    [
        ((FROM,), "4711", "Ivan"),
        ((FROM, ("P-Asserted-Identity", '"Office" <sip:100@pbx>')), "100", "Office"),
        ((FROM, ("P-Asserted-Identity", "<tel:+4930123>")), "+4930123", "Ivan"),
        (
            (FROM, ("P-Asserted-Identity", "<broken"), ("Remote-Party-ID", "<sip:200@pbx>;privacy=off")),
            "200",
            "Ivan",
        ),
        (
            (("From", "<sip:anonymous@anonymous.invalid>;tag=1"), ("P-Asserted-Identity", "<sip:100@pbx>")),
            "100",
            "",
        ),
        ((("From", "<sip:pbx.example>;tag=1"),), "pbx.example", ""),
    ],
)
def test_the_networks_word_counts_before_the_callers(
    lines: tuple[tuple[str, str], ...], number: str, name: str
) -> None:
    assert caller(*lines)[:3] == (number, name, False)


@pytest.mark.parametrize(
    "lines",
    [
        (("From", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1'),),
        (("From", "<sip:Anonymous@pbx>;tag=1"),),
        (FROM, ("Privacy", "id")),
        (FROM, ("P-Asserted-Identity", "<sip:100@pbx>"), ("Privacy", "header;id;critical")),
        (FROM, ("Remote-Party-ID", "<sip:100@pbx>;privacy=full")),
    ],
)
def test_a_caller_who_does_not_want_to_be_shown_is_not(lines: tuple[tuple[str, str], ...]) -> None:
    assert caller(*lines)[:3] == ("", "", True)


def test_privacy_none_hides_nothing() -> None:
    assert caller(FROM, ("Privacy", "none")).number == "4711"


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        ((), ""),
        ((("Diversion", "<sip:300@pbx>;reason=unconditional"), ("Diversion", "<sip:301@pbx>")), "300"),
        ((("Diversion", "<broken"), ("Diversion", "<sip:301@pbx>")), "301"),
        (
            (("History-Info", "<sip:300@pbx?Reason=SIP%3Bcause%3D302>;index=1,<sip:1001@us>;index=1.1"),),
            "300",
        ),
        ((("History-Info", "<sip:1001@us>;index=1"),), ""),
    ],
)
def test_who_sent_the_call_on_is_told(lines: tuple[tuple[str, str], ...], number: str) -> None:
    assert caller(FROM, *lines).diverted_by == number


@pytest.mark.parametrize("charset", ["utf-8", "cp1251"])
@pytest.mark.parametrize("name", ["Иван Петров", "Бухгалтерия 2"])
def test_a_russian_name_is_read_in_both_charsets(name: str, charset: str) -> None:
    assert readable(name.encode(charset).decode("utf-8", "surrogateescape")) == name


@pytest.mark.parametrize("name", ["Jürgen Müller", "Café"])
def test_a_western_name_is_read_in_both_charsets(name: str) -> None:
    for charset in ("utf-8", "cp1252"):
        assert readable(name.encode(charset).decode("utf-8", "surrogateescape")) == name


def test_encoded_words_are_read() -> None:
    assert readable("=?UTF-8?B?0JjQstCw0L0=?=") == "Иван"
    assert readable("=?nonsense?B?0JjQstCw0L0=?=") != ""


@given(st.binary(max_size=60))
def test_any_bytes_become_text_that_can_be_stored(raw: bytes) -> None:
    name = readable(raw.decode("utf-8", "surrogateescape"))
    name.encode("utf-8")
    assert not name or name.isprintable()
