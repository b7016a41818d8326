"""Ends what a killed service left behind: BYE in stored dialogs, discard of stored Telegram calls.

Both sides of such a call may still believe that it lives. The employee is
told, and the call gets its record.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import structlog

from linegram.calls.card import Card, CardButton, CardState
from linegram.calls.ports import CallJournal, CallRecord, StoredLeg, TelegramPhone, Worker
from linegram.errors import UnavailableError
from linegram.link.accounts import SipAccountSettings
from linegram.link.commands import EndStoredDialog
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId

_log = structlog.get_logger()


class Recovery:
    """Clears the journal of an earlier process, once, before the first new call."""

    def __init__(
        self,
        journal: CallJournal,
        phone: TelegramPhone,
        worker: Worker,
        *,
        settings_of: Callable[[AccountId], SipAccountSettings | None],
        announce: Callable[[CallRecord, Card], None],
        clock: Callable[[], float],
    ) -> None:
        self._journal = journal
        self._phone = phone
        self._worker = worker
        self._settings_of = settings_of
        self._announce = announce
        self._clock = clock
        self._ended_at = 0.0

    async def run(self) -> int:
        """End every call that is still noted as open; returns how many there were.

        They are taken to have ended when the earlier process was last known to live: nobody talked while
        the service was down.
        """
        self._ended_at = await self._journal.last_alive() or self._clock()
        legs = sorted(await self._journal.stored_legs(), key=lambda leg: leg.call_id)
        count = 0
        for call_id, group in groupby(legs, key=lambda leg: leg.call_id):
            count += 1
            try:
                await self._end_call(call_id, list(group))
            except UnavailableError as failure:  # it stays noted: the next start tries again
                _log.error("call_left_behind_stays", call_id=call_id, reason=str(failure))
        return count

    async def _end_call(self, call_id: CallId, legs: Sequence[StoredLeg]) -> None:
        for leg in legs:
            if "dialog" in leg.recovery:
                self._hang_up(leg.recovery)
            if "phone_call" in leg.recovery:
                await self._phone.discard_stored(leg.recovery["phone_call"])
        _log.warning("call_left_behind_ended", call_id=call_id, legs=len(legs))
        notes = [leg.recovery["call"] for leg in legs if "call" in leg.recovery]
        if not notes:
            await self._journal.call_forgotten(call_id)
            return
        record = _record(call_id, _newest(notes), self._ended_at)
        await self._journal.call_closed(record)
        self._announce(record, _card(record))

    def _hang_up(self, recovery: Mapping[str, Any]) -> None:
        settings = self._settings_of(AccountId(recovery["account_id"]))
        if settings is not None:
            self._worker.send(EndStoredDialog(settings, recovery["dialog"]))


def _card(record: CallRecord) -> Card:
    return Card(
        state=CardState.ENDED,
        number=record.number,
        is_incoming=record.is_incoming,
        end_reason=record.end_reason,
        duration_s=None if record.answered_at is None else round(record.ended_at - record.answered_at),
        buttons=(CardButton.CALL_BACK,),
    )


def _newest(notes: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the note that knows most: a leg that opened before the answer was noted without it."""
    return max(notes, key=lambda note: note["answered_at"] is not None)


def _record(call_id: CallId, noted: Mapping[str, Any], ended_at: float) -> CallRecord:
    began_at = noted["answered_at"] or noted["started_at"]
    return CallRecord(
        call_id=call_id,
        account_id=noted["account_id"],
        user_id=noted["user_id"],
        is_incoming=noted["is_incoming"],
        number=noted["number"],
        started_at=noted["started_at"],
        answered_at=noted["answered_at"],
        ended_at=max(ended_at, began_at),
        end_reason=EndReason.SERVICE_RESTARTED,
        engine=noted.get("engine", ""),
        engine_reason=noted.get("engine_reason", ""),
    )
