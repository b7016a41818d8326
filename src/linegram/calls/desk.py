"""Who is in which call, and what may begin. Pure bookkeeping; decides nothing about a running call."""

from collections.abc import Iterator

from linegram.calls.bridge import State
from linegram.calls.call import Call
from linegram.units import CallId, LegId, TelegramUserId


class Desk:
    """The calls that are not over, found by call, leg, or employee."""

    def __init__(self) -> None:
        self._calls: dict[CallId, Call] = {}
        self._by_leg: dict[LegId, Call] = {}
        self._by_user: dict[TelegramUserId, Call] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls.values()))

    def add(self, call: Call) -> None:
        """Take in a new call; it becomes the employee's current one."""
        self._calls[call.call_id] = call
        self._by_user[call.user_id] = call
        self._by_leg[call.far_leg_id] = call
        self._by_leg[call.employee_leg_id] = call

    def remove(self, call: Call) -> None:
        """Forget a call that is over."""
        self._calls.pop(call.call_id, None)
        self._by_leg.pop(call.far_leg_id, None)
        self._by_leg.pop(call.employee_leg_id, None)
        if self._by_user.get(call.user_id) is call:
            del self._by_user[call.user_id]

    def adopt_leg(self, call: Call, leg_id: LegId) -> None:
        """Let the employee's own Telegram call be the employee's leg of `call`."""
        self._by_leg.pop(call.employee_leg_id, None)
        call.employee_leg_id = leg_id
        self._by_leg[leg_id] = call

    def of_leg(self, leg_id: LegId) -> Call | None:
        """Return the call that a leg belongs to."""
        return self._by_leg.get(leg_id)

    def get(self, call_id: CallId) -> Call | None:
        """Return the call of this id."""
        return self._calls.get(call_id)

    def current(self, user_id: TelegramUserId) -> Call | None:
        """Return the call that keeps this employee busy: one that has not ended."""
        call = self._by_user.get(user_id)
        return call if call is not None and call.state is not State.ENDED else None

    def awaited(self, user_id: TelegramUserId) -> Call | None:
        """Return the call for which this employee's own Telegram call is awaited."""
        call = self.current(user_id)
        return call if call is not None and call.state is State.AWAITING_EMPLOYEE else None
