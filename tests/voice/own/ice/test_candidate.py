"""Candidates as lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.voice.own.ice.candidate import (
    Candidate,
    foundation_of,
    network_of,
    parse_candidate,
    priority_of,
    reflector_name,
    reflector_tag,
)
from linegram.voice.own.ice.stun import Address

REAL = "candidate:1724550032 1 udp 2122194688 192.0.2.2 41541 typ host generation 0 ufrag wqJt network-id 1"


def test_a_real_line_is_read() -> None:
    assert parse_candidate(REAL) == Candidate(Address("192.0.2.2", 41541), "host", 2122194688, "1724550032")
    assert parse_candidate("a=" + REAL) == parse_candidate(REAL)


REFLECTED = "candidate:7 1 udp 16777215 reflector-3-4000000000.reflector 598 typ relay raddr 0.0.0.0 rport 9"


def test_an_end_behind_a_reflector_goes_by_its_name() -> None:
    found = parse_candidate(REFLECTED)
    assert found == Candidate(Address("reflector-3-4000000000.reflector", 598), "relay", 16777215, "7")
    assert found.line("abcd").startswith(REFLECTED)
    assert network_of(found.address) == "reflector-3"
    assert (reflector_tag(found.address.ip), reflector_name(3, 4000000000)) == (4000000000, found.address.ip)


@pytest.mark.parametrize(
    ("address", "related", "written"),
    [
        (Address("192.0.2.9", 9), Address("10.0.0.1", 4000), "raddr 10.0.0.1 rport 4000"),
        (Address("192.0.2.9", 9), None, "raddr 0.0.0.0 rport 9"),
        (Address("2001:db8::9", 9), None, "raddr :: rport 9"),
    ],
)
def test_a_candidate_seen_from_outside_names_where_it_belongs_or_nobody(
    address: Address, related: Address | None, written: str
) -> None:
    line = Candidate(address, "srflx", 5, "1", related).line("abcd")
    assert f" typ srflx {written} generation 0 " in line
    assert "raddr" not in Candidate(address, "host", 5, "1", related).line("abcd")


def test_candidates_that_fare_alike_have_one_foundation() -> None:
    assert foundation_of("relay", "", "192.0.2.9") == foundation_of("relay", "", "192.0.2.9")
    others = {foundation_of(*one) for one in (("relay", "", "a"), ("relay", "", "b"), ("srflx", "", "a"))}
    assert len(others) == 3
    assert all(len(one) <= 32 for one in others)


def test_what_is_written_reads_back() -> None:
    candidate = Candidate(Address("2001:db8::1", 9), "host", priority_of("host", 65535))
    assert parse_candidate(candidate.line("abcd")) == candidate


@pytest.mark.parametrize(
    "line",
    [
        "",
        REAL.replace("udp", "tcp"),
        REAL.replace("192.0.2.2", "reflector-1-7.reflector"),
        REFLECTED.replace("reflector-3-", "reflector-0-"),
        REFLECTED.replace("-4000000000.", "-4294967296."),
        REFLECTED.replace("-4000000000.", "-0."),
        REFLECTED.replace(".reflector ", ".reflector.example "),
        REAL.replace("192.0.2.2", "telephone.local"),
        REAL.replace("192.0.2.2", "fe80::1"),
        REAL.replace("192.0.2.2", "2001:db8::1%eth0"),
        REAL.replace("192.0.2.2", "2001:db8::1%\0"),
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
