"""Missing media: patient before the first packet, strict after it, once per silence."""

from linegram.media.watch import MediaWatch


def test_before_the_first_packet_the_longer_limit_holds() -> None:
    watch = MediaWatch(30.0, 15.0)
    watch.expect(0.0)
    assert not watch.is_silent(29.9)
    assert watch.is_silent(30.0)


def test_after_a_packet_the_shorter_limit_holds() -> None:
    watch = MediaWatch(30.0, 15.0)
    watch.expect(0.0)
    watch.heard(1.0)
    assert not watch.is_silent(15.9)
    assert watch.is_silent(16.0)


def test_one_silence_is_told_once_and_the_next_one_again() -> None:
    watch = MediaWatch(30.0, 15.0)
    watch.expect(0.0)
    watch.heard(0.0)
    assert watch.is_silent(15.0)
    assert not watch.is_silent(99.0)
    watch.heard(100.0)
    assert watch.is_silent(115.0)


def test_nothing_is_missed_on_hold_and_the_time_starts_anew_after_it() -> None:
    watch = MediaWatch(30.0, 15.0)
    watch.expect(0.0)
    watch.heard(0.0)
    watch.pause()
    assert not watch.is_silent(100.0)
    watch.expect(100.0)
    assert not watch.is_silent(114.9)
    assert watch.is_silent(115.0)


def test_expecting_again_does_not_extend_the_patience() -> None:
    watch = MediaWatch(30.0, 15.0)
    watch.expect(0.0)
    watch.expect(20.0)
    assert watch.is_silent(30.0)
