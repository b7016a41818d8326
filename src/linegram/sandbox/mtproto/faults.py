"""Faults on purpose: refusals, lost and late answers, dropped connections, chosen by method and user."""

from collections.abc import Callable
from dataclasses import dataclass

from linegram.sandbox.world.refusals import TelegramRefusalError


@dataclass(slots=True, eq=False)
class Fault:
    """What shall go wrong, for whom and how often.

    `method` is Telegram's name, such as phone.requestCall, "*" is any method, and push.UpdatePhoneCall is
    the pushing of that update. `user_id` None is anybody,
    signed in or not. A refusal happens instead of the request; a lost or delayed answer after it was done.
    """

    method: str
    refusal: TelegramRefusalError | None = None
    user_id: int | None = None
    times: int = 1
    delay_s: float = 0.0
    is_answer_lost: bool = False
    is_connection_dropped: bool = False
    condition: Callable[[object], bool] | None = None

    def fits(self, method: str, user_id: int | None, request: object) -> bool:
        """Return whether this fault is meant for the request."""
        return (
            self.times > 0
            and (self.method == method or (self.method == "*" and not method.startswith("push.")))
            and self.user_id in (None, user_id)
            and (self.condition is None or self.condition(request))
        )


class Faults:
    """The faults that are armed; each wears off after its number of times."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []

    def arm(self, fault: Fault) -> Fault:
        """Let a fault happen from now on."""
        self._armed.append(fault)
        return fault

    def refuse(
        self, method: str, code: int, name: str, *, user_id: int | None = None, times: int = 1
    ) -> Fault:
        """Refuse a method with an error of Telegram's, such as 403 USER_PRIVACY_RESTRICTED."""
        refusal = TelegramRefusalError(code, name)
        return self.arm(Fault(method, refusal, user_id=user_id, times=times))

    def flood(self, method: str, wait_s: int, *, user_id: int | None = None, times: int = 1) -> Fault:
        """Refuse a method with 420 FLOOD_WAIT_n."""
        return self.refuse(method, 420, f"FLOOD_WAIT_{wait_s}", user_id=user_id, times=times)

    def lose_answer(self, method: str, *, user_id: int | None = None, times: int = 1) -> Fault:
        """Do what is asked but never answer."""
        return self.arm(Fault(method, user_id=user_id, times=times, is_answer_lost=True))

    def delay(self, method: str, delay_s: float, *, user_id: int | None = None, times: int = 1) -> Fault:
        """Do what is asked at once but answer late."""
        return self.arm(Fault(method, user_id=user_id, times=times, delay_s=delay_s))

    def drop_connection(self, method: str, *, user_id: int | None = None, times: int = 1) -> Fault:
        """Do what is asked, then close the connection instead of answering."""
        return self.arm(Fault(method, user_id=user_id, times=times, is_connection_dropped=True))

    def disarm(self, fault: Fault) -> None:
        """Take a fault back."""
        self._armed.remove(fault)

    def clear(self) -> None:
        """Take all faults back."""
        self._armed.clear()

    def take(self, method: str, user_id: int | None, request: object) -> Fault | None:
        """Return the fault that happens to this request, used up by one time."""
        for fault in self._armed:
            if fault.fits(method, user_id, request):
                fault.times -= 1
                if fault.times == 0:
                    self._armed.remove(fault)
                return fault
        return None
