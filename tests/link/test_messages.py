"""Every message survives the way, is plain data, and shows no secret."""

from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linegram.link.accounts import RegistrationState, SipAccountSettings, SipTransport
from linegram.link.commands import Command, OpenVoice, PutAccount, Tone
from linegram.link.events import Event, Numbered
from linegram.link.figures import LegFigures
from linegram.link.voice import VoiceParameters, VoiceServer
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId, LegId

SECRET = "correct horse battery staple"

# msgpack holds integers of 64 bits; what it cannot hold is not plain data of ours.
INTEGERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
FLOATS = st.floats(allow_nan=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.text(max_size=8) | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
for enumeration in (EndReason, RegistrationState, SipTransport, Tone):
    st.register_type_strategy(enumeration, st.sampled_from(list(enumeration)))


def strategy_of(kind: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Build messages of a kind from the types of its fields."""
    fields = {field.encode_name: of_type(field.type) for field in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


def of_type(kind: object) -> st.SearchStrategy[object]:
    simple = {
        int: INTEGERS,
        AccountId: INTEGERS,
        float: FLOATS,
        str: st.text(max_size=12),
        CallId: st.text(max_size=12),
        LegId: st.text(max_size=12),
        bytes: st.binary(max_size=300),
        bool: st.booleans(),
        type(None): st.none(),
        SipAccountSettings: st.deferred(lambda: strategy_of(SipAccountSettings)),
        LegFigures: st.builds(LegFigures, packets_lost=INTEGERS, jitter_ms=FLOATS, mos=st.none() | FLOATS),
        VoiceParameters: st.deferred(lambda: strategy_of(VoiceParameters)),
    }
    if kind in simple:
        return simple[kind]
    if kind == dict[str, object] or getattr(kind, "__origin__", None) is dict:
        return st.dictionaries(st.text(max_size=8), PLAIN, max_size=4)
    if getattr(kind, "__origin__", None) is tuple:
        inner = get_args(kind)[0]
        items = strategy_of(VoiceServer) if inner is VoiceServer else of_type(inner)
        return st.lists(items, max_size=3).map(tuple)
    if get_args(kind):
        return st.one_of(*(of_type(one) for one in get_args(kind)))
    assert isinstance(kind, type)
    return st.from_type(kind)


def kinds_of(union: object) -> list[type[msgspec.Struct]]:
    return list(get_args(union))


def ids(kind: type[msgspec.Struct]) -> str:
    return kind.__name__


@pytest.mark.parametrize("kind", kinds_of(Command), ids=ids)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_command_arrives_as_it_was_sent(kind: type[msgspec.Struct], data: st.DataObject) -> None:
    command = data.draw(strategy_of(kind))
    packed = msgspec.msgpack.encode(command)
    assert msgspec.msgpack.decode(packed, type=Command) == command


@pytest.mark.parametrize("kind", kinds_of(Event), ids=ids)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), number=st.integers(min_value=1, max_value=2**63 - 1))
def test_every_event_arrives_as_it_was_reported_with_its_number(
    kind: type[msgspec.Struct], data: st.DataObject, number: int
) -> None:
    event = data.draw(strategy_of(kind))
    packed = msgspec.msgpack.encode(Numbered(number, event))  # type: ignore[arg-type]
    assert msgspec.msgpack.decode(packed, type=Numbered) == Numbered(number, event)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [*kinds_of(Command), *kinds_of(Event)], ids=ids)
def test_messages_are_frozen_and_tagged_with_their_own_name(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_config__.frozen
    assert kind.__struct_config__.tag == kind.__name__


def test_what_is_no_message_is_refused() -> None:
    for junk in (b"", b"\xc1", msgspec.msgpack.encode({"type": "Explode"}), msgspec.msgpack.encode(7)):
        with pytest.raises(msgspec.DecodeError):
            msgspec.msgpack.decode(junk, type=Command)


ACCOUNT = SipAccountSettings(
    account_id=AccountId(1), username="100", password=SECRET, server="pbx.example", auth_username="a"
)
SERVER = VoiceServer(1, "192.0.2.1", "", 3478, peer_tag=SECRET.encode(), username="u", password=SECRET)
VOICE = VoiceParameters(
    key=SECRET.encode() * 9, is_outgoing=True, versions=("9.0.0",), servers=(SERVER,), is_p2p_allowed=True
)


@pytest.mark.parametrize(
    "message",
    [ACCOUNT, PutAccount(ACCOUNT), SERVER, VOICE, OpenVoice(CallId("c"), LegId("l"), VOICE)],
    ids=lambda message: type(message).__name__,
)
def test_no_secret_is_shown(message: msgspec.Struct) -> None:
    for shown in (repr(message), str(message), f"{message!r} {message}"):
        assert "correct horse" not in shown


def test_what_is_shown_still_tells_which_one() -> None:
    assert repr(ACCOUNT) == "SipAccountSettings(1, 100@pbx.example:5060)"
    assert repr(SERVER) == "VoiceServer(1, 192.0.2.1:3478)"
    assert "versions=('9.0.0',)" in repr(VOICE)
