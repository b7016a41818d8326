"""The servers of a call are sorted, numbered as the far end numbers them, and bounded."""

from hypothesis import given
from hypothesis import strategies as st

from linegram.link.voice import VoiceServer
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.relays.servers import ReflectorServer, TurnServer, sort_servers

TAG = bytes(range(16))


def reflector(server_id: int, ip: str = "192.0.2.1", *, is_tcp: bool = False, port: int = 598) -> VoiceServer:
    return VoiceServer(server_id, ip, "", port, peer_tag=TAG, is_reflector=True, is_tcp=is_tcp)


def test_each_kind_is_found_with_both_its_addresses() -> None:
    found = sort_servers(
        (
            VoiceServer(1, "192.0.2.2", "2001:db8:0::2", 0, username="u", password="p", is_turn=True),
            VoiceServer(2, "192.0.2.3", "", 3479, is_stun=True),
            VoiceServer(3, "192.0.2.4", "", 3480, username="u", password="p", is_turn=True, is_stun=True),
            reflector(4, port=0),
        ),
        may_use_tcp=True,
    )
    assert found.turn == (
        TurnServer((Address("192.0.2.2", 3478), Address("2001:db8::2", 3478)), "u", "p"),
        TurnServer((Address("192.0.2.4", 3480),), "u", "p"),
    )
    assert found.stun == (Address("192.0.2.3", 3479), Address("192.0.2.4", 3480))
    assert found.reflectors == (ReflectorServer((Address("192.0.2.1", 599),), 1, TAG),)
    assert not found.faults
    assert found.have_relay


def test_a_reflector_is_numbered_by_the_sorted_ids_of_all_of_them() -> None:
    told = (
        reflector(30, "192.0.2.3"),
        reflector(-10, "nonsense"),
        VoiceServer(5, "192.0.2.9", "", 1, is_stun=True),
        reflector(20, "192.0.2.2", is_tcp=True),
        reflector(20, "192.0.2.2"),
    )
    numbers = {
        (one.addresses[0].ip, one.is_tcp): one.number
        for one in sort_servers(told, may_use_tcp=True).reflectors
    }
    assert numbers == {("192.0.2.3", False): 3, ("192.0.2.2", True): 2, ("192.0.2.2", False): 2}
    over_udp = sort_servers(told, may_use_tcp=False).reflectors
    assert [(one.number, one.is_tcp) for one in over_udp] == [(3, False), (2, False)]


def test_malformed_ones_are_named_and_cost_only_themselves() -> None:
    told = (
        VoiceServer(1, "reflector.example", "", 599, peer_tag=TAG, is_reflector=True),
        VoiceServer(2, "192.0.2.1", "", 599, peer_tag=TAG[1:], is_reflector=True),
        VoiceServer(3, "192.0.2.1", "", 65_536, is_stun=True),
        VoiceServer(4, "0.0.0.0", "ff02::1", 3478, is_turn=True),
        reflector(5),
    )
    found = sort_servers(told, may_use_tcp=True)
    assert [one.number for one in found.reflectors] == [3]
    assert found.faults == tuple(f"server {number} is malformed" for number in (1, 2, 3, 4))
    assert not sort_servers(told[:4], may_use_tcp=True).have_relay


@given(
    st.lists(
        st.builds(
            VoiceServer,
            server_id=st.integers(-(2**63), 2**63 - 1),
            ip=st.sampled_from(("192.0.2.1", "192.0.2.2", "", "x", "::1")),
            ipv6=st.sampled_from(("2001:db8::1", "", "127.0.0.1", "%")),
            port=st.integers(-1, 70_000),
            peer_tag=st.binary(min_size=15, max_size=17),
            username=st.text(max_size=3),
            is_reflector=st.booleans(),
            is_turn=st.booleans(),
            is_stun=st.booleans(),
            is_tcp=st.booleans(),
        ),
        max_size=60,
    ),
    st.booleans(),
)
def test_whatever_is_told_little_comes_of_it(servers: list[VoiceServer], may_use_tcp: bool) -> None:
    found = sort_servers(servers, may_use_tcp=may_use_tcp)
    assert max(len(found.turn), len(found.stun), len(found.faults)) <= 4
    assert len(found.reflectors) <= 6
    assert may_use_tcp or not any(one.is_tcp for one in found.reflectors)
    assert all(0 < one.addresses[0].port < 65_536 and len(one.peer_tag) == 16 for one in found.reflectors)
