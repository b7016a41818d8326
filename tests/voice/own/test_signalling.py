"""Both framings behind one face, and messages that are passed over."""

from random import Random

import pytest

from linegram.voice.own.box import Box
from linegram.voice.own.messages import MediaState
from linegram.voice.own.negotiation import Negotiation, Stream
from linegram.voice.own.signalling import Signalling, open_framing, version_of

KEY = bytes(range(256))


def make(version: str, *, is_caller: bool) -> Signalling:
    random = Random(is_caller).random
    framing = open_framing(version, Box(KEY, is_outgoing=is_caller), random, 0.0)
    signalling = Signalling(framing, Negotiation(is_caller=is_caller, ssrc=1 + is_caller, random=random))
    signalling.start(0.0)
    return signalling


def carry(pair: tuple[Signalling, Signalling], seconds: float = 3.0) -> list[object]:
    heard: list[object] = []
    for step in range(int(seconds / 0.1)):
        for side, end in enumerate(pair):
            end.handle_timer(step * 0.1)
            while (packet := end.next_packet()) is not None:
                heard += pair[1 - side].receive(packet, step * 0.1)
    return heard


@pytest.mark.parametrize("version", ["8.0.0", "9.0.0", "12.0.0", "13.0.0"])
def test_both_ends_agree_on_audio_and_exchange_messages(version: str) -> None:
    pair = make(version, is_caller=True), make(version, is_caller=False)
    pair[0].send(MediaState(muted=True), 0.0)
    assert carry(pair) == [MediaState(muted=True)]
    assert pair[0].negotiation.incoming == pair[1].negotiation.outgoing == Stream(1, 111)
    assert pair[1].negotiation.incoming == pair[0].negotiation.outgoing == Stream(2, 111)


@pytest.mark.parametrize("version", ["9.0.0", "13.0.0"])
def test_a_malformed_message_does_not_take_the_next_one_with_it(version: str) -> None:
    pair = make(version, is_caller=True), make(version, is_caller=False)
    pair[0]._framing.send(b'{"@type":"Candidates","candidates":5}', 0.0)
    pair[0]._framing.send(b'{"@type":"Weather"}', 0.0)
    pair[0].send(MediaState(), 0.0)
    assert carry(pair) == [MediaState()]


def test_the_first_agreed_version_that_we_speak_is_taken() -> None:
    assert version_of(("14.0.0", "13.0.0", "9.0.0")) == "13.0.0"
    assert version_of(("9.0.0", "13.0.0")) == "9.0.0"
    assert version_of(("7.0.0", "11.0.0")) is None
