"""Every SIP ending has a name."""

import pytest

from linegram.agent.outcomes import reason_of_end, reason_of_status
from linegram.outcomes import EndReason
from linegram.sip.events import CallEnded, CallHandle, EndCause


@pytest.mark.parametrize("status", range(400, 700))
def test_every_failure_status_of_a_pbx_names_an_ending(status: int) -> None:
    assert reason_of_status(status) in EndReason


@pytest.mark.parametrize(
    ("status", "reason"),
    [(486, EndReason.BUSY), (404, EndReason.NUMBER_NOT_FOUND), (488, EndReason.CODEC_MISMATCH)],
)
def test_the_usual_refusals_keep_their_meaning(status: int, reason: EndReason) -> None:
    assert reason_of_status(status) is reason


@pytest.mark.parametrize("cause", list(EndCause))
def test_every_cause_names_an_ending(cause: EndCause) -> None:
    assert reason_of_end(CallEnded(CallHandle(1), cause, status=486)) in EndReason


def test_a_cancel_after_another_phone_answered_says_so() -> None:
    ended = CallEnded(
        CallHandle(1),
        EndCause.REMOTE_CANCEL,
        reason_header='SIP ; cause=200 ; text="elsewhere"',
    )
    assert reason_of_end(ended) is EndReason.ANSWERED_ELSEWHERE
