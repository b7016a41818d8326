"""How the world sees a socket of ours: asked, asked again, kept open."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.voice.own.ice.stun import Address, Attribute, Kind, StunMessage, parse_stun, xor_address
from linegram.voice.own.ice.stun_probe import StunProbe

SERVER = Address("192.0.2.1", 3478)
SEEN, MOVED = Address("198.51.100.7", 40001), Address("198.51.100.8", 40002)


def probe() -> StunProbe:
    return StunProbe(SERVER, Random(3).random, 0.0)


def answer(request: bytes, seen: Address) -> bytes:
    transaction = parse_stun(request).transaction
    attributes = ((Attribute.XOR_MAPPED_ADDRESS, xor_address(seen, transaction)),)
    return StunMessage(Kind.SUCCESS, transaction, attributes).serialise(None)


def sent(asking: StunProbe, until: float, begin: float = 0.0) -> list[tuple[float, bytes]]:
    """What goes out when nobody answers."""
    found = []
    for step in range(round(begin * 10), round(until * 10) + 1):
        asking.handle_timer(step / 10)
        while (datagram := asking.next_datagram()) is not None:
            found.append((step / 10, datagram))
    return found


def test_the_answer_tells_the_mapped_address() -> None:
    asking = probe()
    asking.receive(answer(asking.next_datagram() or b"", SEEN), 0.1)
    assert asking.mapped == SEEN
    assert not asking.has_failed


def test_a_silent_server_is_asked_five_times_and_then_each_fifteen_seconds_anew() -> None:
    asking = probe()
    assert [at for at, _ in sent(asking, 30.0)] == [0.0, 0.5, 1.5, 3.5, 7.5]
    assert asking.has_failed
    assert asking.why == "The STUN server 192.0.2.1:3478 does not answer."
    (again, request), *_ = sent(asking, 31.0, 30.1)
    assert again == 30.5
    asking.receive(answer(request, SEEN), 31.0)
    assert asking.why == ""


def test_the_way_is_kept_open_and_a_move_is_seen() -> None:
    asking = probe()
    asking.receive(answer(asking.next_datagram() or b"", SEEN), 0.0)
    ((at, request),) = sent(asking, 15.0, 0.1)
    assert at == 15.0
    asking.receive(answer(request, MOVED), 15.0)
    assert asking.mapped == MOVED


def test_what_is_no_answer_changes_nothing() -> None:
    asking = probe()
    request = asking.next_datagram() or b""
    for wrong in (answer(probe().next_datagram() or b"", MOVED)[:-8], request, b""):
        with pytest.raises(RemoteProtocolError):
            asking.receive(wrong, 0.0)
    asking.receive(answer(request, SEEN), 0.0)
    with pytest.raises(RemoteProtocolError):
        asking.receive(answer(request, MOVED), 0.0)
    assert asking.mapped == SEEN


@given(st.binary(max_size=100))
def test_garbage_raises_the_one_error(datagram: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        probe().receive(datagram, 0.0)
