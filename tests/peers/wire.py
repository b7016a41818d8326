"""SIP by hand over a plain UDP socket: proof that a peer answers, without any code of ours under test."""

import asyncio
import socket
import uuid


async def ask_options(address: str, port: int = 5060, to: str = "sip:ping", attempts: int = 20) -> bytes:
    """Send one OPTIONS request and return the answer, asking again each half second. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.setblocking(False)
        ours.bind((address, 0))
        ours.connect((address, port))
        request = _options(address, ours.getsockname()[1], f"{to}@{address}:{port}")
        for _ in range(attempts):
            await loop.sock_sendall(ours, request)
            try:
                return await asyncio.wait_for(loop.sock_recv(ours, 65535), 0.5)
            except (TimeoutError, ConnectionRefusedError):
                continue
    raise TimeoutError(f"no answer from {address}:{port}")


def status_of(answer: bytes) -> int:
    """Read the status code out of a SIP response."""
    version, code, *_ = answer.split(b" ", 2)
    assert version == b"SIP/2.0", answer
    return int(code)


def _options(address: str, port: int, uri: str) -> bytes:
    unique = uuid.uuid4().hex
    lines = (
        f"OPTIONS {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {address}:{port};rport;branch=z9hG4bK{unique}",
        "Max-Forwards: 70",
        f"From: <sip:probe@{address}>;tag={unique[:8]}",
        f"To: <{uri}>",
        f"Call-ID: {unique}",
        "CSeq: 1 OPTIONS",
        f"Contact: <sip:probe@{address}:{port}>",
        "Accept: application/sdp",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
