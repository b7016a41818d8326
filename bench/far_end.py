"""A SIP peer that remembers nothing: the far end of the SIP benchmarks, in a process of its own.

It challenges a REGISTER without credentials and grants one with any; it lets every call ring and answers it.
"""

import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

_LARGEST_DATAGRAM = 65_535
_BUFFER_BYTES = 4 << 20
_LOOKS_EVERY_S = 0.5
_COPIED = ("via", "from", "to", "call-id", "cseq")
_CHALLENGE = 'WWW-Authenticate: Digest realm="bench", nonce="6e6f6e6365", algorithm=MD5, qop="auth"'
_SDP = "\r\n".join(
    ("v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", "m=audio 9 RTP/AVP 8", "")
)
Address = tuple[str, int]


@contextmanager
def far_end() -> Iterator[Address]:
    """Run the peer; gives where it listens."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("stop")
        process.join()


def serve(control: Connection) -> None:
    """Answer until told to stop."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        end.bind(("127.0.0.1", 0))
        end.settimeout(_LOOKS_EVERY_S)
        control.send(end.getsockname())
        while not control.poll():
            try:
                datagram, source = end.recvfrom(_LARGEST_DATAGRAM)
            except TimeoutError:
                continue
            for response in answers(datagram.decode(), source, end.getsockname()):
                end.sendto(response.encode(), source)


def answers(request: str, source: Address, own: Address) -> list[str]:
    """Give the responses to one request; none to an ACK, a keep-alive or a response."""
    lines = request.partition("\r\n\r\n")[0].split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    if "cseq" not in fields or lines[0].startswith(("SIP/", "ACK")):
        return []
    fields["via"] = fields["via"].replace(";rport", f";rport={source[1]};received={source[0]}", 1)
    early, late = _head(fields, ""), _head(fields, "" if ";tag=" in fields["to"] else ";tag=far")
    method = lines[0].split(" ", 1)[0]
    if method == "REGISTER" and "authorization" not in fields:
        return [_response("401 Unauthorized", late, _CHALLENGE)]
    if method == "REGISTER":
        return [_response("200 OK", late, f"Contact: {fields['contact']}")]
    if method == "INVITE":
        contact = f"Contact: <sip:far@{own[0]}:{own[1]}>"
        return [
            _response("100 Trying", early),
            _response("180 Ringing", late, contact),
            _response("200 OK", late, f"{contact}\r\nContent-Type: application/sdp", _SDP),
        ]
    return [_response("200 OK", late)]


def _head(fields: dict[str, str], tag: str) -> str:
    return "".join(f"{name}: {fields[name]}{tag if name == 'to' else ''}\r\n" for name in _COPIED)


def _response(status: str, head: str, more: str = "", body: str = "") -> str:
    extra = f"{more}\r\n" if more else ""
    return f"SIP/2.0 {status}\r\n{head}{extra}Content-Length: {len(body)}\r\n\r\n{body}"
