"""A PBX may ask for the password inside a call too: INFO, re-INVITE and BYE are repeated with credentials."""

import pytest

from linegram.sip.account import AccountConfig, KeepAliveMethod
from linegram.sip.events import CallAnswered, ReofferAnswered
from linegram.sip.message import Message, Request
from linegram.units import AccountId
from tests.sip.core.network import EndpointNode, Network, ScriptedNode

US = ("10.0.0.1", 5060)
PBX = ("10.0.0.9", 5060)
SDP = b"v=0\r\n"


class Suspicious:
    """A PBX that challenges every request once, each time with a fresh nonce."""

    def __init__(self, network: Network, status: int, *, is_stale: bool) -> None:
        self.status = status
        self.is_stale = is_stale
        self.nonces = 0
        self.taken: list[str] = []
        self.node = ScriptedNode(network, PBX, self._script)

    def _script(self, message: Message, node: ScriptedNode) -> None:
        if not isinstance(message, Request) or message.method == "ACK":
            return
        asked, given = (
            ("WWW-Authenticate", "Authorization")
            if self.status == 401
            else ("Proxy-Authenticate", "Proxy-Authorization")
        )
        if f'nonce="{self.nonces}-{message.method}"' in (message.headers.get(given) or ""):
            self.taken.append(message.method)
            is_offer = message.method == "INVITE"
            node.reply(message, 200, body=SDP if is_offer else b"")
            return
        self.nonces += 1
        stale = ", stale=true" if self.is_stale else ""
        challenge = f'Digest realm="pbx", nonce="{self.nonces}-{message.method}", qop="auth"{stale}'
        node.reply(message, self.status, headers=((asked, challenge),))


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("is_stale", [False, True])
def test_every_request_of_a_call_answers_its_challenge(status: int, is_stale: bool) -> None:
    network = Network(delay_s=(0.001, 0.001))
    node = EndpointNode(network, US)
    pbx = Suspicious(network, status, is_stale=is_stale)
    config = AccountConfig(
        AccountId(1), PBX[0], "u1", "pw1", is_registering=False, keep_alive=KeepAliveMethod.OFF
    )
    node.put(config, PBX)
    handle = node.endpoint.invite(AccountId(1), "600", sdp=SDP, now=network.now)
    network.run(1)
    assert node.has(CallAnswered)
    node.endpoint.info(handle, "application/dtmf-relay", b"Signal=1\r\n", now=network.now)
    network.run(1)
    assert node.endpoint.reoffer(handle, SDP, network.now)
    network.run(1)
    assert node.has(ReofferAnswered)
    node.endpoint.hang_up(handle, network.now)
    network.run(1)
    assert pbx.taken == ["INVITE", "INFO", "INVITE", "BYE"]
    numbers = [request.cseq.number for request in pbx.node.received if isinstance(request, Request)]
    assert numbers == sorted(numbers)
