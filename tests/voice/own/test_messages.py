"""Signalling messages: strict about what is known, blind to what is not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.messages import (
    GREATEST_INTEGER,
    LONGEST_LINE,
    LONGEST_NUMBER,
    LONGEST_WORD,
    MOST_ATTRIBUTES,
    MOST_CANDIDATES,
    MOST_CONTENTS,
    MOST_FINGERPRINTS,
    MOST_PAYLOAD_TYPES,
    CandidateLine,
    Candidates,
    Content,
    Fingerprint,
    InitialSetup,
    MediaState,
    NegotiateChannels,
    PayloadType,
    read_message,
    write_message,
)

SETUP = InitialSetup(
    ufrag="wqJt", pwd="p" * 24, fingerprints=(Fingerprint("sha-256", "actpass", "79:E0"),), renomination=True
)
CANDIDATES = Candidates((CandidateLine("candidate:1 1 udp 1 192.0.2.2 41541 typ host generation 0"),))
NEGOTIATE = NegotiateChannels(
    "95113378", (Content("audio", "47251413", (PayloadType(111, "opus", 48000, 2),)),)
)
STATE = MediaState(muted=True)


@pytest.mark.parametrize("message", [SETUP, CANDIDATES, NEGOTIATE, STATE])
def test_what_is_written_reads_back(message: InitialSetup) -> None:
    assert read_message(write_message(message)) == message


def test_messages_are_written_in_the_words_of_the_protocol() -> None:
    assert json.loads(write_message(SETUP)) == {
        "@type": "InitialSetup",
        "ufrag": "wqJt",
        "pwd": "p" * 24,
        "renomination": True,
        "fingerprints": [{"hash": "sha-256", "setup": "actpass", "fingerprint": "79:E0"}],
    }
    assert set(json.loads(write_message(CANDIDATES))["candidates"][0]) == {
        "sdpString",
        "sdpMid",
        "sdpMLineIndex",
    }
    assert json.loads(write_message(NEGOTIATE))["contents"][0]["payloadTypes"][0]["feedbackTypes"] == []
    assert json.loads(write_message(STATE)) == {
        "@type": "MediaState",
        "muted": True,
        "lowBattery": False,
        "videoState": "inactive",
        "videoRotation": 0,
        "screencastState": "inactive",
    }


def test_unknown_types_and_fields_are_ignored() -> None:
    assert read_message(b'{"@type":"Weather","rain":true}') is None
    assert read_message(b"{}") is None
    assert read_message(b'{"@type":"MediaState","muted":true,"mood":[{"deep":1}]}') == STATE


def test_a_candidate_without_its_mid_is_one_of_an_older_end() -> None:
    read = read_message(b'{"@type":"Candidates","candidates":[{"sdpString":"x"}]}')
    assert read == Candidates((CandidateLine("x"),))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"nonsense",
        b"\xff\xfe",
        b'{"@type":5}',
        b'{"@type":"InitialSetup"}',
        b'{"@type":"InitialSetup","ufrag":"abcd","pwd":"short","fingerprints":[]}',
        b'{"@type":"NegotiateChannels","exchangeId":7}',
        b'{"@type":"NegotiateChannels","exchangeId":"-7"}',
        b'{"@type":"MediaState","muted":"yes"}',
        b'{"@type":"Candidates","candidates":[' + b'{"sdpString":"x"},' * 64 + b'{"sdpString":"x"}]}',
        b'{"@type":"Weather","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"@type":"Weather","x":"' + b"x" * 300_000 + b'"}',
    ],
)
def test_a_wrong_form_raises_the_one_error(text: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_message(text)


@given(st.binary(max_size=200))
def test_garbage_raises_the_one_error_or_is_unknown(text: bytes) -> None:
    try:
        read_message(text)
    except RemoteProtocolError:
        return


def candidates(count: int) -> list[object]:
    return [{"sdpString": "x"}] * count


def offer(**changes: object) -> dict[str, object]:
    codec = {"id": 111, "name": "opus", **changes}
    return {"@type": "NegotiateChannels", "exchangeId": "1", "contents": [content(payloadTypes=[codec])]}


def content(**changes: object) -> dict[str, object]:
    return {"type": "audio", "ssrc": "1", **changes}


def negotiate(*contents: object) -> dict[str, object]:
    return {"@type": "NegotiateChannels", "exchangeId": "1", "contents": list(contents)}


def setup(count: int, ufrag: str = "abcd") -> dict[str, object]:
    one = {"hash": "sha-256", "setup": "passive", "fingerprint": "00"}
    return {"@type": "InitialSetup", "ufrag": ufrag, "pwd": "p" * 24, "fingerprints": [one] * count}


CODEC = {"id": 0, "name": "x"}


@pytest.mark.parametrize(
    ("most", "one_too_many"),
    [
        (
            {"@type": "Candidates", "candidates": candidates(MOST_CANDIDATES)},
            {"@type": "Candidates", "candidates": candidates(MOST_CANDIDATES + 1)},
        ),
        (
            {"@type": "Candidates", "candidates": [{"sdpString": "x" * LONGEST_LINE}]},
            {"@type": "Candidates", "candidates": [{"sdpString": "x" * (LONGEST_LINE + 1)}]},
        ),
        (
            {"@type": "Candidates", "candidates": [{"sdpString": "", "sdpMLineIndex": GREATEST_INTEGER}]},
            {"@type": "Candidates", "candidates": [{"sdpString": "", "sdpMLineIndex": GREATEST_INTEGER + 1}]},
        ),
        (setup(MOST_FINGERPRINTS), setup(MOST_FINGERPRINTS + 1)),
        (setup(1, "u" * LONGEST_WORD), setup(1, "u" * (LONGEST_WORD + 1))),
        (negotiate(*[content()] * MOST_CONTENTS), negotiate(*[content()] * (MOST_CONTENTS + 1))),
        (
            negotiate(content(payloadTypes=[CODEC] * MOST_PAYLOAD_TYPES)),
            negotiate(content(payloadTypes=[CODEC] * (MOST_PAYLOAD_TYPES + 1))),
        ),
        (
            negotiate(content(rtpExtensions=[{}] * MOST_ATTRIBUTES)),
            negotiate(content(rtpExtensions=[{}] * (MOST_ATTRIBUTES + 1))),
        ),
        (negotiate(content(ssrc="9" * LONGEST_NUMBER)), negotiate(content(ssrc="9" * (LONGEST_NUMBER + 1)))),
        (offer(feedbackTypes=[{}] * MOST_ATTRIBUTES), offer(feedbackTypes=[{}] * (MOST_ATTRIBUTES + 1))),
        (
            offer(parameters={str(number): "" for number in range(MOST_ATTRIBUTES)}),
            offer(parameters={str(number): "" for number in range(MOST_ATTRIBUTES + 1)}),
        ),
        (offer(clockrate=GREATEST_INTEGER), offer(clockrate=10**400)),
        (offer(channels=0), offer(channels=-1)),
        ({"@type": "MediaState", "videoRotation": 270}, {"@type": "MediaState", "videoRotation": 1 << 32}),
    ],
)
def test_a_list_text_or_number_beyond_its_limit_is_refused(most: object, one_too_many: object) -> None:
    assert read_message(json.dumps(most).encode()) is not None
    with pytest.raises(RemoteProtocolError):
        read_message(json.dumps(one_too_many).encode())


def test_a_password_is_not_in_what_is_logged() -> None:
    assert "pppp" not in repr(SETUP)
