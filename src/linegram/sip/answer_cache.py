"""What DNS has answered, for as long as it may be believed. Time is passed in."""

from collections import OrderedDict
from typing import Final, NamedTuple

from linegram.sip.name_records import Answer, Question

_MAX_ANSWERS: Final = 10_000


class CacheBounds(NamedTuple):
    """How long an answer holds at least and at most, one that there is nothing, and a failure, in seconds.

    The least time keeps a TTL of 0 from costing a look-up for each of thousands of accounts.
    """

    least_s: float = 5.0
    most_s: float = 3600.0
    nothing_most_s: float = 60.0
    failure_s: float = 10.0


class AnswerCache:
    """Answers by question; the oldest go when there are too many."""

    def __init__(self, bounds: CacheBounds) -> None:
        self._bounds = bounds
        self._answers: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()

    def get(self, question: Question, now: float) -> Answer | None:
        """Return what is still believed, with the time that is left to it."""
        kept = self._answers.get(question)
        if kept is None or kept[0] <= now:
            return None
        return kept[1]._replace(ttl_s=kept[0] - now)

    def put(self, question: Question, answer: Answer, now: float) -> Answer:
        """Keep an answer for as long as the bounds allow; return it with that time.

        A failure does not replace an answer that was good: old addresses are better than none.
        """
        valid_s = self._valid_s(answer)
        kept = self._answers.get(question)
        if answer.problem and kept is not None and kept[1].records:
            answer = kept[1]
        answer = answer._replace(ttl_s=valid_s)
        self._answers[question] = (now + valid_s, answer)
        self._answers.move_to_end(question)
        if len(self._answers) > _MAX_ANSWERS:
            self._answers.popitem(last=False)
        return answer

    def _valid_s(self, answer: Answer) -> float:
        bounds = self._bounds
        if answer.problem:
            return bounds.failure_s
        most_s = bounds.most_s if answer.records else min(bounds.nothing_most_s, bounds.most_s)
        return min(max(answer.ttl_s, bounds.least_s), most_s)
