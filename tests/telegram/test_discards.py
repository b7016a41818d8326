"""A discard is repeated until Telegram has taken it, or time is over."""

import asyncio
from typing import Any

import pytest

from linegram.calls.ports import DiscardReason
from linegram.errors import UnavailableError
from linegram.telegram import discards
from linegram.telegram.discards import Discards
from linegram.telegram.phone_events import CallReference, DiscardCall
from tests.telegram.fake_client import FakeClient
from tests.telegram.test_errors import telethon_error

COMMAND = DiscardCall(CallReference(7, -8), DiscardReason.MISSED, 61)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discards, "_FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(discards, "_LONGEST_PAUSE_S", 0.002)


async def test_a_discard_says_which_call_why_and_how_long_it_was() -> None:
    client = FakeClient(object())
    await Discards(client).discard(COMMAND)
    [request] = client.requests
    assert (request.peer.id, request.peer.access_hash, request.duration) == (7, -8, 61)
    assert type(request.reason).__name__ == "PhoneCallDiscardReasonMissed"


@pytest.mark.parametrize(
    "failure", [ConnectionError("gone"), TimeoutError(), telethon_error(500, "INTERNAL"), OSError()]
)
async def test_what_may_pass_is_tried_again(failure: Exception) -> None:
    client = FakeClient(failure, failure, object())
    await Discards(client).discard(COMMAND)
    assert len(client.requests) == 3


@pytest.mark.parametrize("name", ["CALL_ALREADY_DECLINED", "CALL_PEER_INVALID", "SOMETHING_NEW"])
async def test_what_telegram_refuses_for_good_is_left(name: str) -> None:
    client = FakeClient(telethon_error(400, name))
    await Discards(client).discard(COMMAND)
    assert len(client.requests) == 1


async def test_a_flood_wait_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> Any:
        if seconds:
            pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("linegram.telegram.discards.asyncio.sleep", note)
    await Discards(FakeClient(telethon_error(420, "FLOOD_WAIT_7"), object())).discard(COMMAND)
    assert pauses == [7]


async def test_when_time_is_over_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discards, "TRY_FOR_S", 0.02)
    with pytest.raises(UnavailableError, match="could not be told"):
        await Discards(FakeClient(ConnectionError("gone"))).discard(COMMAND)


async def test_in_the_background_a_loss_is_logged_and_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discards, "TRY_FOR_S", 0.02)
    background = Discards(FakeClient(ConnectionError("gone")))
    background.start(COMMAND)
    await background.close(within_s=5)


async def test_the_close_waits_for_what_is_under_way_but_not_for_ever() -> None:
    client = FakeClient(ConnectionError("gone"), object())
    background = Discards(client)
    background.start(COMMAND)
    await background.close(within_s=5)
    assert len(client.requests) == 2
    hopeless = Discards(FakeClient(ConnectionError("gone")))
    hopeless.start(COMMAND)
    await hopeless.close(within_s=0.01)
    await hopeless.close(within_s=0.01)
