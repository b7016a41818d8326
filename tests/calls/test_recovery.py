"""What a killed service left behind is ended on both sides, recorded, and told to the employee."""

from typing import Any

from structlog.testing import capture_logs

from linegram.calls.card import Card, CardButton, CardState
from linegram.calls.recovery import Recovery
from linegram.errors import UnavailableError
from linegram.link import commands
from linegram.link.accounts import SipAccountSettings
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_journal import MemoryJournal
from linegram.sandbox.doubles_phone import PhoneDouble
from linegram.sandbox.doubles_worker import WorkerDouble
from linegram.units import AccountId, CallId, LegId, TelegramUserId
from tests.calls.call_office import ANN, ANNS_LINE, BOB, BOBS_LINE

SETTINGS = SipAccountSettings(account_id=ANNS_LINE, username="100", password="pw", server="pbx.example")
NOW = 500.0


def at_once(news: Any) -> None:
    news()


def noted(user_id: TelegramUserId = ANN, answered_at: float | None = None) -> dict[str, Any]:
    return {
        "account_id": ANNS_LINE,
        "user_id": user_id,
        "number": "4711",
        "is_incoming": True,
        "started_at": 100.0,
        "answered_at": answered_at,
    }


class Start:
    """The next start of a service: its journal, and what recovery does."""

    def __init__(self) -> None:
        self.journal = MemoryJournal()
        self.phone = PhoneDouble(lambda _: None, at_once)
        self.worker = WorkerDouble(lambda _: None, at_once)
        self.announced: list[tuple[TelegramUserId, Card]] = []

    async def left(self, call_id: str, leg_id: str, recovery: dict[str, Any]) -> None:
        await self.journal.leg_opened(CallId(call_id), LegId(leg_id), recovery)

    async def recover(self) -> int:
        return await Recovery(
            self.journal,
            self.phone,
            self.worker,
            settings_of=self._settings_of,
            announce=lambda record, card: self.announced.append((record.user_id, card)),
            clock=lambda: NOW,
        ).run()

    @staticmethod
    def _settings_of(account_id: AccountId) -> SipAccountSettings | None:
        return SETTINGS if account_id == ANNS_LINE else None


async def test_an_empty_journal_asks_for_nothing() -> None:
    start = Start()
    assert await start.recover() == 0
    assert (start.worker.sent, start.phone.discarded, start.announced) == ([], [], [])


async def test_both_sides_of_a_call_are_ended_and_the_employee_is_told_once() -> None:
    start = Start()
    await start.left("call", "employee", {"phone_call": {"id": 7}, "call": noted()})
    await start.left(
        "call", "far", {"account_id": ANNS_LINE, "dialog": {"tag": "x"}, "call": noted(answered_at=120.0)}
    )
    assert await start.recover() == 1
    assert start.phone.discarded == [{"id": 7}]
    assert start.worker.sent == [commands.EndStoredDialog(SETTINGS, {"tag": "x"})]
    ((user_id, card),) = start.announced
    assert (user_id, card.state, card.number) == (ANN, CardState.ENDED, "4711")
    assert card.end_reason is EndReason.SERVICE_RESTARTED
    assert card.buttons == (CardButton.CALL_BACK,)
    record = await start.journal.find_call(CallId("call"))
    assert record is not None
    assert (record.answered_at, record.ended_at, record.end_reason) == (
        120.0,
        NOW,
        EndReason.SERVICE_RESTARTED,
    )
    assert await start.journal.stored_legs() == []


async def test_legs_of_several_calls_are_kept_apart() -> None:
    start = Start()
    await start.left("one", "a", {"phone_call": {"id": 1}, "call": noted()})
    await start.left("two", "b", {"phone_call": {"id": 2}, "call": noted(BOB)})
    await start.left("one", "c", {"phone_call": {"id": 3}, "call": noted()})
    assert await start.recover() == 2
    assert sorted(user_id for user_id, _ in start.announced) == [ANN, BOB]
    assert len(start.phone.discarded) == 3


async def test_the_dialog_of_an_account_that_is_gone_is_left_to_the_pbx() -> None:
    start = Start()
    await start.left("call", "far", {"account_id": BOBS_LINE, "dialog": {}, "call": noted()})
    assert await start.recover() == 1
    assert start.worker.sent == []
    assert await start.journal.stored_legs() == []


async def test_a_call_that_telegram_could_not_be_told_of_stays_for_the_next_start() -> None:
    start = Start()
    await start.left("bad", "a", {"phone_call": {"id": 1}, "call": noted()})
    await start.left("good", "b", {"phone_call": {"id": 2}, "call": noted(BOB)})
    discard = start.phone.discard_stored

    async def fail_for_one(recovery: dict[str, Any]) -> None:
        if recovery["id"] == 1:
            raise UnavailableError("Telegram does not answer.")
        await discard(recovery)

    start.phone.discard_stored = fail_for_one  # type: ignore[method-assign]
    with capture_logs() as logs:
        assert await start.recover() == 2
    assert "call_left_behind_stays" in [entry["event"] for entry in logs]
    assert [user_id for user_id, _ in start.announced] == [BOB]
    assert [leg.call_id for leg in await start.journal.stored_legs()] == ["bad"]
    start.phone.discard_stored = discard  # type: ignore[method-assign]
    assert await start.recover() == 1
    assert await start.journal.stored_legs() == []


async def test_a_call_that_was_on_when_the_service_was_killed_ended_then_and_not_at_the_next_start() -> None:
    start = Start()
    start.journal.alive_at = 150.0
    await start.left("call", "employee", {"phone_call": {"id": 7}, "call": noted(answered_at=120.0)})
    await start.recover()
    record = await start.journal.find_call(CallId("call"))
    assert record is not None
    assert record.ended_at == 150.0
    ((_, card),) = start.announced
    assert card.duration_s == 30


async def test_a_sign_of_life_from_before_the_answer_makes_no_negative_duration() -> None:
    start = Start()
    start.journal.alive_at = 50.0
    await start.left("call", "employee", {"phone_call": {"id": 7}, "call": noted(answered_at=120.0)})
    await start.recover()
    ((_, card),) = start.announced
    assert card.duration_s == 0


async def test_a_leg_of_which_nothing_else_is_known_is_ended_and_forgotten() -> None:
    start = Start()
    await start.left("call", "employee", {"phone_call": {"id": 7}})
    await start.left("other", "far", {"account_id": ANNS_LINE, "dialog": {"tag": "x"}, "call": noted()})
    assert await start.recover() == 2
    assert start.phone.discarded == [{"id": 7}]
    assert await start.journal.stored_legs() == []
    assert await start.journal.find_call(CallId("call")) is None
    assert [user_id for user_id, _ in start.announced] == [ANN]


async def test_the_record_of_a_call_left_behind_says_which_engine_carried_it() -> None:
    start = Start()
    engine = {"engine": "ntgcalls", "engine_reason": "remembered"}
    await start.left("call", "employee", {"phone_call": {"id": 7}, "call": noted()})
    await start.left("call", "far", {"call": noted(answered_at=120.0) | engine})
    await start.recover()
    record = await start.journal.find_call(CallId("call"))
    assert record is not None
    assert (record.engine, record.engine_reason) == ("ntgcalls", "remembered")
