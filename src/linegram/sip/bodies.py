"""SDP in and out of messages. What it says is not looked at here."""

from linegram.errors import RemoteProtocolError
from linegram.sip.message import Request, Response

SDP_TYPE = "application/sdp"


def answer_of(message: Request | Response) -> bytes:
    """The SDP of a response or ACK, which nobody can refuse; empty when there is none that we can read."""
    try:
        return sdp_of(message)
    except RemoteProtocolError:
        return b""


def sdp_of(message: Request | Response) -> bytes:
    """The SDP body, empty when there is none; looks into multipart bodies (RFC 5621).

    Raises RemoteProtocolError with status 415 for any other body.
    """
    if not message.body:
        return b""
    if message.content_type in {SDP_TYPE, None}:
        return message.body
    if (message.content_type or "").startswith("multipart/"):
        return _find_sdp_part(message)
    raise RemoteProtocolError("the body is not SDP", status_hint=415)


def put_sdp(message: Request | Response, sdp: bytes) -> None:
    """Make `sdp` the body; an empty one means no body."""
    if sdp:
        message.headers.set("Content-Type", SDP_TYPE)
        message.body = sdp


def _find_sdp_part(message: Request | Response) -> bytes:
    value = message.headers.get("Content-Type") or ""
    boundary = _parameter(value, "boundary")
    if not boundary:
        raise RemoteProtocolError("multipart body without boundary")
    for part in message.body.split(b"--" + boundary.encode("utf-8", "surrogateescape"))[1:]:
        head, separator, body = part.partition(b"\r\n\r\n")
        if separator and SDP_TYPE.encode() in head.lower():
            return body.removesuffix(b"\r\n") + b"\r\n"
    raise RemoteProtocolError("no SDP in the multipart body", status_hint=415)


def _parameter(value: str, name: str) -> str:
    for entry in value.split(";")[1:]:
        key, _, text = entry.partition("=")
        if key.strip().lower() == name:
            return text.strip().strip('"')
    return ""
