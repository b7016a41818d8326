"""Open legs survive a killed process; a call is closed whole or not at all."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from linegram.calls.ports import CallRecord, StoredLeg
from linegram.errors import UnavailableError
from linegram.outcomes import EndReason
from linegram.storage.database import Database
from linegram.storage.journal import DatabaseJournal
from linegram.storage.vault import Vault
from linegram.units import AccountId, CallId, LegId
from tests.office.accounts import ANNA
from tests.storage.conftest import bytes_on_disk

CALL = CallId("call-1")
RECOVERY = {
    "phone_call_id": -(2**63),
    "access_hash": 2**63 - 1,
    "key": b"\x00\xff",
    "dialog": {"routes": ["a", "b"]},
}


def make_record(call_id: CallId = CALL, started_at: float = 100.0) -> CallRecord:
    return CallRecord(
        call_id=call_id,
        account_id=AccountId(1),
        user_id=ANNA,
        is_incoming=True,
        number="84951234567",
        started_at=started_at,
        answered_at=None,
        ended_at=started_at + 20,
        end_reason=EndReason.NO_ANSWER,
        codec="alaw",
        sip_status=480,
    )


@pytest.fixture
def journal(database: Database) -> DatabaseJournal:
    return DatabaseJournal(database)


async def test_an_open_leg_is_found_by_the_next_start_with_its_newest_note(
    journal: DatabaseJournal, url: str, vault: Vault
) -> None:
    await journal.leg_opened(CALL, LegId("a"), {"early": True})
    await journal.leg_opened(CALL, LegId("b"), {})
    await journal.leg_opened(CALL, LegId("a"), RECOVERY)
    async with await Database.open(url, vault) as again:
        assert await DatabaseJournal(again).stored_legs() == [
            StoredLeg(call_id=CALL, leg_id=LegId("b"), recovery={}),
            StoredLeg(call_id=CALL, leg_id=LegId("a"), recovery=RECOVERY),
        ]


async def test_closing_a_call_keeps_its_record_and_forgets_only_its_legs(journal: DatabaseJournal) -> None:
    await journal.leg_opened(CALL, LegId("a"), {})
    await journal.leg_opened(CALL, LegId("b"), {})
    await journal.leg_opened(CallId("other"), LegId("c"), {})
    await journal.call_closed(make_record())
    assert [leg.leg_id for leg in await journal.stored_legs()] == ["c"]
    assert await journal.calls_of(ANNA) == [make_record()]


async def test_a_finished_call_is_found_again(journal: DatabaseJournal) -> None:
    assert await journal.find_call(CALL) is None
    await journal.call_closed(make_record())
    assert await journal.find_call(CALL) == make_record()


async def test_everything_may_be_repeated(journal: DatabaseJournal) -> None:
    await journal.leg_opened(CALL, LegId("a"), {})
    for _ in range(2):
        await journal.call_closed(make_record())
    assert await journal.stored_legs() == []
    assert len(await journal.calls_of(ANNA)) == 1


async def test_a_call_that_cannot_be_kept_keeps_its_legs(journal: DatabaseJournal, path: Path) -> None:
    await journal.leg_opened(CALL, LegId("a"), {})
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON call_records BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
        )
    connection.close()
    with pytest.raises(Exception, match="disk is full"):
        await journal.call_closed(make_record())
    assert [leg.leg_id for leg in await journal.stored_legs()] == ["a"]


async def test_how_to_end_a_leg_is_sealed(journal: DatabaseJournal, path: Path) -> None:
    await journal.leg_opened(CALL, LegId("a"), {"key": b"key-of-the-call"})
    assert b"key-of-the-call" not in bytes_on_disk(path)


async def test_history_comes_newest_first_and_limited(journal: DatabaseJournal) -> None:
    for number in range(4):
        await journal.call_closed(make_record(CallId(str(number)), started_at=float(number)))
    assert [record.call_id for record in await journal.calls_of(ANNA, limit=2)] == ["3", "2"]


async def test_a_number_longer_than_its_column_does_not_lose_the_record(journal: DatabaseJournal) -> None:
    record = make_record()
    await journal.call_closed(
        CallRecord(
            **{name: getattr(record, name) for name in record.__struct_fields__} | {"number": "1" * 500}
        )
    )
    assert (await journal.calls_of(ANNA))[0].number == "1" * 128


KILLED = """
import asyncio, os, signal, sys
from linegram.calls.ports import CallRecord
from linegram.storage.database import Database
from linegram.storage.journal import DatabaseJournal
from linegram.storage.tables import OpenLegRow
from linegram.storage.vault import Vault
from sqlalchemy import delete

async def main():
    database = await Database.open(sys.argv[1], Vault([os.environ["LINEGRAM_KEY"]]))
    journal = DatabaseJournal(database)
    await journal.leg_opened("call", "kept", {"step": 1})
    async with database.writing() as session:
        await session.execute(delete(OpenLegRow))
        await session.flush()
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def run_and_kill(url: str, key: str) -> int:
    environment = {**os.environ, "LINEGRAM_KEY": key}
    return subprocess.run([sys.executable, "-c", KILLED, url], env=environment, check=False).returncode


async def test_a_process_killed_in_mid_write_leaves_what_it_had_finished(url: str) -> None:
    key = Fernet.generate_key().decode()
    assert run_and_kill(url, key) == -signal.SIGKILL
    async with await Database.open(url, Vault([key])) as database:
        assert await DatabaseJournal(database).stored_legs() == [
            StoredLeg(call_id=CallId("call"), leg_id=LegId("kept"), recovery={"step": 1})
        ]


async def test_a_locked_database_is_unavailable_after_its_patience(
    journal: DatabaseJournal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.stored_legs()
    async with journal._database.writing() as session:
        await (await session.connection()).exec_driver_sql("PRAGMA busy_timeout=0")
    with sqlite3.connect(path) as locker:
        locker.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError, match="database is locked"):
            await journal.call_closed(make_record())
        locker.rollback()
    locker.close()
    await journal.call_closed(make_record())
