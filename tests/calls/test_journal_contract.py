"""One suite for both journals: the double in memory and the stored one."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet

from linegram.calls.ports import CallJournal, CallRecord, StoredLeg
from linegram.link.figures import LegFigures
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_journal import MemoryJournal
from linegram.storage.database import Database
from linegram.storage.journal import DatabaseJournal
from linegram.storage.vault import Vault
from linegram.units import AccountId, CallId, LegId, TelegramUserId

CALL, OTHER = CallId("call"), CallId("other")
A, B, C = LegId("a"), LegId("b"), LegId("c")
NOTE: dict[str, Any] = {"phone_call": {"id": -(2**63), "key": b"\x00\xff"}, "call": {"answered_at": None}}


def record(call_id: CallId = CALL) -> CallRecord:
    return CallRecord(
        call_id=call_id,
        account_id=AccountId(1),
        user_id=TelegramUserId(2001),
        is_incoming=False,
        number="4711",
        started_at=100.0,
        answered_at=110.5,
        ended_at=120.25,
        end_reason=EndReason.COMPLETED,
        codec="opus",
        sip_status=200,
        engine="ntgcalls",
        engine_reason="remembered",
    )


@pytest.fixture(params=["memory", "sqlite"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CallJournal]:
    if request.param == "memory":
        yield MemoryJournal()
        return
    vault = Vault([Fernet.generate_key().decode()])
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/calls.db", vault) as database:
        yield DatabaseJournal(database)


async def test_a_new_journal_knows_nothing(journal: CallJournal) -> None:
    assert list(await journal.stored_legs()) == []
    assert await journal.find_call(CALL) is None


async def test_legs_come_back_as_they_were_noted(journal: CallJournal) -> None:
    await journal.leg_opened(CALL, A, NOTE)
    assert list(await journal.stored_legs()) == [StoredLeg(call_id=CALL, leg_id=A, recovery=NOTE)]


async def test_a_later_note_replaces_the_earlier_one_and_counts_as_newer(journal: CallJournal) -> None:
    await journal.leg_opened(CALL, A, {"note": 1})
    await journal.leg_opened(CALL, B, {"note": 2})
    await journal.leg_opened(CALL, A, {"note": 3})
    assert [(leg.leg_id, leg.recovery["note"]) for leg in await journal.stored_legs()] == [(B, 2), (A, 3)]


async def test_a_closed_call_has_its_record_and_no_legs(journal: CallJournal) -> None:
    await journal.leg_opened(CALL, A, NOTE)
    await journal.leg_opened(CALL, B, NOTE)
    await journal.leg_opened(OTHER, C, NOTE)
    await journal.call_closed(record())
    assert [leg.leg_id for leg in await journal.stored_legs()] == [C]
    assert await journal.find_call(CALL) == record()
    assert await journal.find_call(OTHER) is None


async def test_figures_come_back_leg_by_leg_and_the_first_ones_stay(journal: CallJournal) -> None:
    pbx = LegFigures(codec="opus", packets_passed=7, packets_received=9, jitter_ms=1.5, mos=4.1)
    voice = LegFigures(codec="opus", far_muted_ms=400, round_trip_ms=80.5)
    await journal.call_measured(CALL, {"pbx": pbx})
    await journal.call_measured(CALL, {"pbx": voice, "voice": voice})
    assert dict(await journal.figures_of(CALL)) == {"pbx": pbx, "voice": voice}
    assert dict(await journal.figures_of(OTHER)) == {}


async def test_a_call_is_closed_once_whatever_is_repeated(journal: CallJournal) -> None:
    await journal.call_closed(record())
    await journal.call_closed(msgspec.structs.replace(record(), number="0000"))
    assert await journal.find_call(CALL) == record()


async def test_a_call_without_legs_is_recorded_all_the_same(journal: CallJournal) -> None:
    nobodys = msgspec.structs.replace(record(OTHER), account_id=None, answered_at=None)
    await journal.call_closed(nobodys)
    assert await journal.find_call(OTHER) == nobodys


async def test_a_forgotten_call_has_no_legs_and_no_record(journal: CallJournal) -> None:
    await journal.leg_opened(CALL, A, NOTE)
    await journal.leg_opened(OTHER, C, NOTE)
    await journal.call_forgotten(CALL)
    assert [leg.leg_id for leg in await journal.stored_legs()] == [C]
    assert await journal.find_call(CALL) is None


async def test_the_newest_sign_of_life_counts(journal: CallJournal) -> None:
    assert await journal.last_alive() is None
    await journal.note_alive()
    first = await journal.last_alive()
    await journal.note_alive()
    second = await journal.last_alive()
    assert first is not None
    assert second is not None
    assert first <= second <= time.time()
