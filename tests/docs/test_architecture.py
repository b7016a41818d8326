"""docs/architecture.md leaves nothing out, and its figures are those of the code."""

from typing import get_args

from linegram.agent.rtp_ports import REST_S
from linegram.calls.runner import CallTimes
from linegram.config import CallSettings, MediaSettings
from linegram.link import commands, events
from linegram.sip.context import EndpointConfig
from linegram.telegram.cards import POST_WITHIN_S
from linegram.telegram.discards import TRY_FOR_S
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
LIMITS = (ROOT / "docs" / "limits.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_message_of_the_link_is_named() -> None:
    for message in (*get_args(commands.Command), *get_args(events.Event)):
        assert f"`{message.__name__}`" in PAGE, message.__name__


def test_every_room_stands_in_the_house() -> None:
    rooms = [path.name for path in (ROOT / "src" / "linegram").iterdir() if (path / "__init__.py").exists()]
    assert len(rooms) >= 13
    for room in rooms:
        assert f"`{room}/`" in PAGE, room


def test_the_waits_are_those_of_the_code() -> None:
    times, calls, endpoint = CallTimes(), CallSettings(), EndpointConfig(local_places={})
    assert f"for {times.sign_off_s:g} seconds" in PAGE
    assert f"{calls.card_wait_ms} ms" in PAGE
    assert calls.card_wait_ms == POST_WITHIN_S * 1000
    assert f"{calls.direct_window_s} s" in PAGE
    assert f"rest {REST_S:g} s" in PAGE
    assert f"up to {TRY_FOR_S:g} s" in PAGE
    assert f"after {endpoint.refused_retry_s / 60:g} minutes" in PAGE
    assert f"({endpoint.registers_per_s:g} a second)" in PAGE


def test_the_number_of_calls_at_once_is_that_of_the_code() -> None:
    media = MediaSettings()
    of_ntgcalls, hosts = media.ntgcalls_calls_per_host, media.ntgcalls_most_hosts
    assert f"Of our own engine {media.calls_per_host} by default" in PAGE
    assert f"of ntgcalls {of_ntgcalls} (`media.ntgcalls_calls_per_host`; at most {hosts} hosts)" in PAGE
    assert f"{media.calls_per_host} calls each" in LIMITS
    assert f"which makes {of_ntgcalls * hosts}." in LIMITS
    assert f"{media.calls_per_host} per core, {of_ntgcalls * hosts} with ntgcalls" in README
