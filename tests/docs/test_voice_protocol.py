"""docs/voice-protocol.md says what the code does, and every limit of it has a test that goes beyond."""

import re

import pytest
from tools.draw_voice import LIMITS, PAGE, ROOT, Limit, page, value_of, versions

from linegram.voice.own.signalling import ACKED_VERSIONS, SCTP_VERSIONS

FOLDER = ROOT / "src/linegram/voice/own"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `.venv/bin/python tools/draw_voice.py`"


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
