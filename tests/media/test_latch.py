"""Symmetric RTP: follow the peer once, and nobody else after that."""

from linegram.media.latch import Latch

AGREED = ("192.0.2.10", 4000)
OTHER_PORT = ("192.0.2.10", 4444)
ELSEWHERE = ("198.51.100.7", 9000)


def agreed_latch() -> Latch:
    latch = Latch()
    latch.agree(AGREED)
    return latch


def test_before_an_agreement_nothing_is_accepted_and_there_is_no_target() -> None:
    latch = Latch()
    assert not latch.accepts(AGREED)
    assert latch.target is None


def test_the_agreed_address_is_the_target_until_a_packet_comes() -> None:
    latch = agreed_latch()
    assert latch.target == AGREED
    assert latch.accepts(AGREED)
    assert not latch.note_valid(AGREED)
    assert latch.target == AGREED


def test_another_port_of_the_agreed_address_is_followed() -> None:
    latch = agreed_latch()
    assert latch.accepts(OTHER_PORT)
    assert latch.note_valid(OTHER_PORT)
    assert latch.target == OTHER_PORT


def test_another_address_is_followed_only_while_the_agreed_one_is_silent() -> None:
    latch = agreed_latch()
    assert latch.accepts(ELSEWHERE)
    assert latch.note_valid(ELSEWHERE)
    assert latch.target == ELSEWHERE
    assert latch.accepts(AGREED)
    assert latch.note_valid(AGREED)
    assert latch.target == AGREED
    assert not latch.accepts(ELSEWHERE)


def test_after_the_first_packet_nobody_else_gets_in() -> None:
    latch = agreed_latch()
    latch.note_valid(AGREED)
    assert not latch.accepts(ELSEWHERE)
    assert not latch.accepts(OTHER_PORT)


def test_a_new_agreement_starts_afresh_but_the_same_one_changes_nothing() -> None:
    latch = agreed_latch()
    latch.note_valid(OTHER_PORT)
    latch.agree(AGREED)
    assert latch.target == OTHER_PORT
    latch.agree(ELSEWHERE)
    assert latch.target == ELSEWHERE
    assert latch.accepts(AGREED)


def test_late_packets_of_the_time_before_an_agreement_do_not_hold_us_back() -> None:
    latch = agreed_latch()
    latch.note_valid(AGREED)
    latch.agree(OTHER_PORT)
    assert latch.accepts(AGREED)
    latch.note_valid(AGREED)
    for better in (("203.0.113.5", 7000), ("192.0.2.10", 5000), OTHER_PORT):
        assert latch.accepts(better)
        assert latch.note_valid(better)
        assert not latch.accepts(AGREED)
    assert latch.target == OTHER_PORT
