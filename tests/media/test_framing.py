"""Messages on a stream, however it is cut; nonsense is one kind of error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.link.commands import OpenVoice, SignalVoice
from linegram.link.voice import VoiceParameters, VoiceServer
from linegram.media.control import (
    ConnectPbxLeg,
    Direction,
    HostCommand,
    HostSettings,
    LeaveHost,
    OpenPbxLeg,
    RemoteMedia,
)
from linegram.media.framing import Unpacker, pack
from linegram.units import CallId, LegId

COMMANDS: list[HostCommand] = [
    HostSettings(cadences={"busy": "425/100"}),
    OpenPbxLeg(CallId("c"), LegId("p"), "127.0.0.1", 4000),
    ConnectPbxLeg(
        LegId("p"),
        RemoteMedia(
            ip="192.0.2.1", port=4, rtcp_port=5, codec="opus", payload_type=111,
            other_codecs={8: "PCMA"}, direction=Direction.RECEIVE,
        ),
    ),
    OpenVoice(
        CallId("c"),
        LegId("v"),
        VoiceParameters(
            key=bytes(range(256)), is_outgoing=True, versions=("9.0.0",), is_p2p_allowed=False,
            servers=(VoiceServer(1, "192.0.2.2", "", 599, peer_tag=b"t" * 16, is_reflector=True),),
        ),
    ),
    SignalVoice(LegId("v"), b"\x00\xff"),
    LeaveHost(),
]  # fmt: skip


@given(st.lists(st.sampled_from(COMMANDS), max_size=8), st.integers(1, 50))
def test_what_is_packed_comes_out_however_the_stream_is_cut(commands: list[HostCommand], size: int) -> None:
    stream = b"".join(pack(command) for command in commands)
    unpacker: Unpacker[HostCommand] = Unpacker(HostCommand)
    found: list[HostCommand] = []
    for start in range(0, len(stream), size):
        found += unpacker.feed(stream[start : start + size])
    assert found == commands


@given(st.binary(max_size=200))
def test_nonsense_raises_only_one_kind_of_error(received: bytes) -> None:
    unpacker: Unpacker[HostCommand] = Unpacker(HostCommand)
    try:
        list(unpacker.feed(received))
    except RemoteProtocolError:
        return


def test_an_endless_message_is_refused_before_it_is_collected() -> None:
    unpacker: Unpacker[HostCommand] = Unpacker(HostCommand)
    with pytest.raises(RemoteProtocolError, match="a message of 4294967295 bytes"):
        list(unpacker.feed(b"\xff\xff\xff\xff"))
