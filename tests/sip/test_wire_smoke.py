"""The names that the core builds on, each once."""

from linegram.sip.digest import Credentials, DigestSession
from linegram.sip.message import Request, Response, parse_datagram
from linegram.sip.stream import Ping, StreamParser
from linegram.sip.uri import SipUri

INVITE = (
    b"INVITE sip:1001@192.0.2.10:5070;transport=udp SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1, SIP/2.0/TCP [2001:db8::1]:5061;branch=z9hG4bK0\r\n"
    b'f: "Alice \\"A\\" Smith" <sip:2000@pbx.example.com>;tag=a1\r\n'
    b"To: sip:1001@192.0.2.10\r\n"
    b"m: <sip:asterisk@192.0.2.1:5060>\r\n"
    b"i: 8c2c4c8e\r\n"
    b"Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n"
    b"CSeq: 21012 INVITE\r\n"
    b"Max-Forwards: 70\r\n"
    b"Content-Type: application/sdp\r\n"
    b"l: 4\r\n\r\nv=0\n"
)


def test_an_invite_is_read_answered_and_written() -> None:
    invite = parse_datagram(INVITE)
    assert isinstance(invite, Request)
    assert invite.uri == SipUri("sip", "1001", "192.0.2.10", 5070, (("transport", "udp"),))
    assert (invite.via.branch, invite.via.parameter("rport")) == ("z9hG4bK1", "")
    assert (invite.from_.display_name, invite.from_.tag, invite.to.tag) == ('Alice "A" Smith', "a1", None)
    assert invite.headers.get_all("record-route") == ["<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"]
    assert parse_datagram(bytes(invite)) == invite
    ringing = Response.make(invite, 180, to_tag="b2")
    again = parse_datagram(bytes(ringing))
    assert isinstance(again, Response)
    assert (again.status, again.reason, again.to.tag) == (180, "Ringing", "b2")
    assert again.headers.get_all("Via") == invite.headers.get_all("Via")


def test_a_stream_gives_keep_alives_and_messages() -> None:
    stream = StreamParser()
    stream.feed(b"\r\n\r\n" + INVITE + INVITE[:50])
    assert stream.next_message() == Ping()
    assert stream.next_message() == parse_datagram(INVITE)
    assert stream.next_message() is None


def test_a_refused_nonce_ends_the_attempts() -> None:
    session = DigestSession(Credentials("1001", "secret"))
    request = parse_datagram(INVITE)
    assert isinstance(request, Request)
    refusal = Response.make(request, 401)
    refusal.headers.add("WWW-Authenticate", 'Digest realm="pbx", nonce="n1", qop="auth", algorithm=MD5')
    assert session.learn(refusal)
    session.authorize(request, "c1")
    assert 'nc=00000001, cnonce="c1"' in (request.headers.get("Authorization") or "")
    assert not session.learn(refusal)
