"""The start of call tests: two endpoints that know each other, or one endpoint and a scripted peer."""

from linegram.sip.account import AccountConfig, KeepAliveMethod
from linegram.sip.events import CallHandle, InviteReceived
from linegram.sip.headers import Headers
from linegram.sip.message import Request
from linegram.sip.uri import SipUri
from linegram.units import AccountId
from tests.sip.core.network import Address, EndpointNode, Network, ScriptedNode

ALICE = ("10.0.0.1", 5060)
BOB = ("10.0.0.2", 5060)
ACCOUNT = AccountId(1)
OFFER = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\n"
ANSWER = b"v=0\r\no=- 2 1 IN IP4 10.0.0.2\r\n"


def quiet_account(user: str, server: Address) -> AccountConfig:
    """An account that calls and is called, but neither registers nor keeps anything alive."""
    return AccountConfig(
        ACCOUNT,
        server[0],
        user,
        "pw",
        is_registering=False,
        keep_alive=KeepAliveMethod.OFF,
        server_port=server[1],
    )


class Pair:
    """Alice calls Bob; both are ours."""

    def __init__(self, network: Network | None = None, *, seed: int = 7) -> None:
        self.network = network or Network()
        self.alice = EndpointNode(self.network, ALICE, seed=seed)
        self.bob = EndpointNode(self.network, BOB, seed=seed + 1000)
        self.alice.put(quiet_account("alice", BOB), BOB)
        self.bob.put(quiet_account("bob", ALICE), ALICE)
        self._invited = 0

    def invite(self, sdp: bytes = OFFER) -> CallHandle:
        """Alice calls."""
        handle = self.alice.endpoint.invite(ACCOUNT, "bob", sdp=sdp, now=self.network.now)
        self.alice.drain()
        self._invited += 1
        return handle

    def arrived(self) -> CallHandle:
        """Wait until Bob's phone knows of it."""
        self.network.run_until(lambda: len(self.bob.of(InviteReceived)) == self._invited)
        return self.bob.of(InviteReceived)[-1].handle

    def talk(self) -> tuple[CallHandle, CallHandle]:
        """Bring a call up and return both handles."""
        mine = self.invite()
        theirs = self.arrived()
        self.bob.endpoint.answer(theirs, ANSWER, self.network.now)
        self.network.run(1)
        return mine, theirs

    def assert_nothing_is_left(self) -> None:
        """After all timers, no transaction, call or timer remains on either side."""
        self.network.run_out()
        for node in (self.alice, self.bob):
            assert node.endpoint.is_idle
            assert node.endpoint.census()[1:] == (0, 0)
            assert node.endpoint.next_timer() is None


class Scripted:
    """Our endpoint (Alice) against a peer that a test plays by hand."""

    def __init__(self) -> None:
        self.network = Network()
        self.alice = EndpointNode(self.network, ALICE)
        self.alice.put(quiet_account("alice", BOB), BOB)
        self.peer = ScriptedNode(self.network, BOB)

    @property
    def now(self) -> float:
        return self.network.now

    def invite(self, sdp: bytes = OFFER) -> tuple[CallHandle, Request]:
        """Alice calls; the peer has the INVITE."""
        handle = self.alice.endpoint.invite(ACCOUNT, "bob", sdp=sdp, now=self.now)
        self.network.run(0.1)
        return handle, self.peer.requests("INVITE")[-1]

    def request(
        self,
        method: str,
        *,
        cseq: int = 1,
        to_tag: str = "",
        branch: str = "",
        call_id: str = "c1",
        user: str = "alice",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Request:
        """A request of the peer's to Alice."""
        fields = Headers()
        fields.add(
            "Via", f"SIP/2.0/UDP 10.0.0.2:5060;rport;branch={branch or f'z9hG4bK{method}{cseq}{call_id}'}"
        )
        fields.add("Max-Forwards", "70")
        fields.add("From", '"Bob" <sip:bob@10.0.0.2>;tag=bobtag')
        fields.add("To", f"<sip:{user}@10.0.0.1>" + (f";tag={to_tag}" if to_tag else ""))
        fields.add("Call-ID", call_id)
        fields.add("CSeq", f"{cseq} {method}")
        fields.add("Contact", "<sip:bob@10.0.0.2:5060>")
        for name, value in headers:
            fields.add(name, value)
        if body:
            fields.add("Content-Type", "application/sdp")
        return Request(method, SipUri.parse(f"sip:{user}@10.0.0.1"), fields, body)

    def send(self, request: Request | bytes, *, wait_s: float = 0.1) -> None:
        self.peer.send(request, ALICE)
        self.network.run(wait_s)

    def called(self, body: bytes = OFFER) -> tuple[CallHandle, Request]:
        """The peer calls; Alice knows of it."""
        invite = self.request("INVITE", body=body)
        self.send(invite)
        return self.alice.of(InviteReceived)[-1].handle, invite

    def talking(self) -> tuple[CallHandle, str]:
        """The peer called, Alice answered, the ACK came: her handle and tag."""
        handle, _ = self.called()
        self.alice.endpoint.answer(handle, ANSWER, self.now)
        self.network.run(0.1)
        tag = self.peer.responses(200)[-1].to.tag or ""
        self.send(self.request("ACK", to_tag=tag, branch="z9hG4bKack"))
        return handle, tag
