"""Where calls begin: sorts what comes in from the worker, from Telegram and from people.

What belongs to a running call goes to the runner; what may begin one is
checked here: whose account, is the employee free, is a number awaited.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from linegram.calls import bridge, ports
from linegram.calls.call import Call
from linegram.calls.card import CardButton
from linegram.calls.outcomes import SIP_REFUSAL
from linegram.calls.runner import CallRunner
from linegram.errors import RefusedError
from linegram.link import commands as link
from linegram.link import events as reports
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId, LegId, TelegramUserId

_log = structlog.get_logger()

NO_NUMBER_AWAITED = "Send me the number you want to call first, then press the phone icon."
ALREADY_TALKING = "You are in a call. Hang up first, then send the number again."


@dataclass(frozen=True, kw_only=True)
class SwitchboardPorts:
    """What beginnings need from outside."""

    worker: ports.Worker
    phone: ports.TelegramPhone
    routes: ports.Routes
    registration_changed: Callable[[reports.RegistrationChanged], None]
    heard_from: Callable[[TelegramUserId], None]
    """Notes that the calling account has seen a person, and so can call him."""
    line_used: Callable[[AccountId], None]
    say: Callable[[TelegramUserId, str], None]
    """Says a sentence to an employee."""


class Switchboard:
    """The one door for events. Every method runs in the hub's event loop and returns at once."""

    def __init__(
        self,
        runner: CallRunner,
        outside: SwitchboardPorts,
        *,
        new_id: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        self._runner = runner
        self._outside = outside
        self._new_id = new_id
        self._clock = clock

    # ---- from the worker

    def take_report(self, report: reports.Event) -> None:
        """Take an event of the worker."""
        match report:
            case reports.WorkerDescribed():
                self._runner.take_description(report)
            case reports.RegistrationChanged():
                self._outside.registration_changed(report)
            case reports.PbxCallArrived():
                self._receive(report)
            case reports.MailboxChanged(account_id, is_waiting, new):
                _log.info("mailbox_changed", account_id=account_id, is_waiting=is_waiting, new=new)
            case reports.CallMeasured():
                self._runner.take_figures(report)
            case _:
                self._runner.take_report(report.leg_id, report)

    def _receive(self, arrived: reports.PbxCallArrived) -> None:
        route = self._outside.routes.incoming(arrived.account_id)
        if route is None:
            self._refuse(arrived, EndReason.NO_LINE)
            return
        if self._runner.desk.current(route.user_id) is not None:
            self._refuse(arrived, EndReason.BUSY)
            return
        call = Call(
            call_id=arrived.call_id,
            account_id=arrived.account_id,
            user_id=route.user_id,
            number=arrived.caller_number,
            name=arrived.caller_name,
            line=route.line,
            diverted_by=arrived.diverted_by,
            is_incoming=True,
            far_leg_id=arrived.leg_id,
            employee_leg_id=LegId(self._new_id()),
            started_at=self._clock(),
        )
        self._runner.begin(call, bridge.CallArrived())

    def _refuse(self, arrived: reports.PbxCallArrived, reason: EndReason) -> None:
        refusal = SIP_REFUSAL[reason]
        _log.info("call_refused", call_id=arrived.call_id, account_id=arrived.account_id, reason=reason.value)
        self._outside.worker.send(link.EndPbx(arrived.leg_id, refusal.status, refusal.text))
        self._outside.worker.send(link.EndCall(arrived.call_id))

    # ---- from Telegram

    def take_phone_event(self, event: ports.PhoneEvent) -> None:
        """Take an event of the calling account's phone."""
        if isinstance(event, ports.PhoneCallArrived):
            self._be_called(event)
        else:
            self._runner.take_phone_event(event.leg_id, event)

    def _be_called(self, event: ports.PhoneCallArrived) -> None:
        call = self._runner.desk.awaited(event.user_id)
        if call is None:
            _log.info("telegram_call_declined", leg_id=event.leg_id)
            self._outside.phone.end(event.leg_id, ports.DiscardReason.BUSY)
            if self._outside.routes.is_employee(event.user_id):
                self._outside.say(event.user_id, NO_NUMBER_AWAITED)
            return
        self._runner.desk.adopt_leg(call, event.leg_id)
        self._runner.feed(call, bridge.EmployeeCalled())

    # ---- from people

    def take_text(self, user_id: TelegramUserId, text: str) -> None:
        """Take what somebody wrote to the calling account: an employee, a number to dial."""
        self._outside.heard_from(user_id)
        awaited = self._runner.desk.awaited(user_id)
        if awaited is None and self._runner.desk.current(user_id) is not None:
            self._outside.say(user_id, ALREADY_TALKING)
            return
        try:
            route = self._outside.routes.outgoing(user_id, text)
        except RefusedError as refusal:
            self._outside.say(user_id, str(refusal))
            return
        if awaited is not None:  # the newest number wins
            self._runner.feed(awaited, bridge.Stopped(EndReason.CANCELLED))
        self._dial(user_id, route)

    def take_button(self, user_id: TelegramUserId, call_id: CallId, button: CardButton, number: str) -> None:
        """Take a press under a card; `number` is what the card says."""
        match button:
            case CardButton.HANG_UP:
                call = self._runner.desk.get(call_id)
                if call is not None and call.user_id == user_id:
                    self._runner.feed(call, bridge.Stopped(EndReason.COMPLETED))
            case CardButton.CALL_BACK:
                self.take_text(user_id, number)

    def _dial(self, user_id: TelegramUserId, route: ports.OutgoingRoute) -> None:
        call = Call(
            call_id=CallId(self._new_id()),
            account_id=route.account_id,
            user_id=user_id,
            number=route.number,
            line=route.line,
            is_incoming=False,
            far_leg_id=LegId(self._new_id()),
            employee_leg_id=LegId(self._new_id()),
            started_at=self._clock(),
        )
        self._outside.line_used(route.account_id)
        self._runner.begin(call, bridge.CallbackAsked() if route.is_callback else bridge.DirectAsked())
