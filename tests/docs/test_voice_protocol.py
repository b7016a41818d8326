"""docs/voice-protocol.md says what the code does, and every limit of it has a test that goes beyond."""

import re

import pytest
from tools.draw_voice import LIMITS, PAGE, ROOT, Limit, page, value_of, versions

from linegram.voice.own.acked_framing import RESEND_S
from linegram.voice.own.leg import CONNECT_LIMIT_S, GONE_S
from linegram.voice.own.negotiation import OFFER_AGAIN_S
from linegram.voice.own.signalling import ACKED_VERSIONS, SCTP_VERSIONS
from linegram.voice.own.silence_watch import OFFER_AGAIN_AT_S, REPORT_AT_S

FOLDER = ROOT / "src/linegram/voice/own"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `.venv/bin/python tools/draw_voice.py`"


TIMES = (
    f"`overdue` is {OFFER_AGAIN_S:g} s",
    f"| never connected | {CONNECT_LIMIT_S:g} s |",
    f"| nothing from the far end, not even ICE checks | {GONE_S:g} s |",
    f"| our offer has no answer (callee) | {OFFER_AGAIN_S:g} s |",
    f"its stream has never begun | {', '.join(f'{at:g}' for at in OFFER_AGAIN_AT_S)} s |",
    f"| the same, still | {REPORT_AT_S:g} s |",
    f"| send again after 3 to 5 s | after {RESEND_S:g} s |",
)


@pytest.mark.parametrize("words", TIMES)
def test_the_times_that_the_page_tells_are_the_codes(words: str) -> None:
    assert words in PAGE.read_text(encoding="utf-8")


def test_every_version_that_we_speak_is_on_the_page() -> None:
    for version in (*ACKED_VERSIONS, *SCTP_VERSIONS):
        assert f"`{version}`" in versions()


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.constant)
def test_every_limit_is_a_number_and_has_its_test(limit: Limit) -> None:
    assert value_of(limit.constant) > 0
    file, _, function = limit.test.partition("::")
    text = (ROOT / "tests/voice/own" / file).read_text(encoding="utf-8")
    assert re.search(rf"^def {function}\(", text, re.MULTILINE), limit.test


def test_every_limit_of_signalling_and_of_the_data_channel_is_in_the_table() -> None:
    told = {limit.constant.rpartition(".")[2] for limit in LIMITS}
    found = set[str]()
    for path in [*FOLDER.glob("*.py"), *(FOLDER / "sctp").glob("*.py")]:
        text = path.read_text(encoding="utf-8")
        found |= set(re.findall(r"^((?:MOST|LONGEST|GREATEST)_\w+): Final", text, re.MULTILINE))
    assert found - told == set()
