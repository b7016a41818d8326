"""Candidates as lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.voice.own.ice.candidate import Candidate, parse_candidate, priority_of
from linegram.voice.own.ice.stun import Address

REAL = "candidate:1724550032 1 udp 2122194688 192.0.2.2 41541 typ host generation 0 ufrag wqJt network-id 1"


def test_a_real_line_is_read() -> None:
    assert parse_candidate(REAL) == Candidate(Address("192.0.2.2", 41541), "host", 2122194688, "1724550032")
    assert parse_candidate("a=" + REAL) == parse_candidate(REAL)


def test_what_is_written_reads_back() -> None:
    candidate = Candidate(Address("2001:db8::1", 9), "host", priority_of("host", 65535))
    assert parse_candidate(candidate.line("abcd")) == candidate


@pytest.mark.parametrize(
    "line",
    [
        "",
        REAL.replace("udp", "tcp"),
        REAL.replace("192.0.2.2", "reflector-1-7.reflector"),
        REAL.replace("192.0.2.2", "fe80::1"),
        REAL.replace("192.0.2.2", "0.0.0.0"),
        REAL.replace("192.0.2.2", "224.0.0.1"),
        REAL.replace("41541", "65536"),
        REAL.replace("41541", "0"),
        REAL.replace("host", "moon"),
        REAL.replace("2122194688", "-1"),
    ],
)
def test_what_we_cannot_reach_is_passed_over(line: str) -> None:
    assert parse_candidate(line) is None


@given(st.text(max_size=120))
def test_nonsense_is_passed_over(line: str) -> None:
    assert parse_candidate(line) is None


def test_the_priority_is_the_formula_of_the_rfc() -> None:
    assert priority_of("host", 65535) == (126 << 24) + (65535 << 8) + 255
    assert (
        priority_of("relay", 1) < priority_of("srflx", 0) < priority_of("prflx", 0) < priority_of("host", 0)
    )
