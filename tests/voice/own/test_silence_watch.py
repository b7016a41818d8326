"""A far end that is connected and yet unheard is offered again, a few times, then reported, once."""

from linegram.voice.own.negotiation import Stream
from linegram.voice.own.silence_watch import OFFER_AGAIN_AT_S, REPORT_AT_S, Advice, SilenceWatch

STREAM, OTHER = Stream(1, 111), Stream(2, 111)


def looked(
    watch: SilenceWatch,
    seconds: int,
    *,
    begin: int = 0,
    heard: int = 0,
    stream: Stream | None = STREAM,
    is_muted: bool = False,
) -> list[tuple[int, Advice]]:
    """Look once a second; give what was advised, and when."""
    found = []
    for second in range(begin, begin + seconds):
        advice = watch.look(stream, heard, float(second), is_muted=is_muted)
        if advice is not None:
            found.append((second, advice))
    return found


def test_an_unheard_far_end_is_offered_again_a_few_times_and_reported_once() -> None:
    expected = [(int(at), Advice.OFFER_AGAIN) for at in OFFER_AGAIN_AT_S]
    assert looked(SilenceWatch(0.0), 600) == [*expected, (int(REPORT_AT_S), Advice.REPORT)]


def test_a_far_end_that_never_offered_a_stream_is_offered_again_too() -> None:
    assert looked(SilenceWatch(0.0), 4, stream=None) == [(3, Advice.OFFER_AGAIN)]


def test_a_far_end_that_was_heard_may_fall_silent() -> None:
    watch = SilenceWatch(0.0)
    looked(watch, 2)
    assert looked(watch, 600, begin=2, heard=1) == []


def test_a_muted_far_end_is_not_waited_for_until_it_speaks_again() -> None:
    watch = SilenceWatch(0.0)
    assert looked(watch, 60, is_muted=True) == []
    assert looked(watch, 5, begin=60) == [(62, Advice.OFFER_AGAIN)]


def test_a_new_stream_is_waited_for_anew() -> None:
    watch = SilenceWatch(0.0)
    looked(watch, 10, heard=500)
    assert looked(watch, 5, begin=10, heard=500, stream=OTHER) == [(13, Advice.OFFER_AGAIN)]
    assert looked(watch, 100, begin=15, heard=501, stream=OTHER) == []
