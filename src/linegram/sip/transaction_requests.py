"""The two requests that are made of another request: ACK for a failure, and CANCEL."""

from linegram.sip.headers import CSeq, Headers
from linegram.sip.message import Request, Response


def make_ack(invite: Request, response: Response) -> Request:
    """Make the ACK for a 3xx-6xx: the INVITE's top Via, the response's To (RFC 3261 17.1.1.3)."""
    return _derive(invite, "ACK", to=response.headers.get("To") or "")


def make_cancel(invite: Request) -> Request:
    """Make the CANCEL of an INVITE: same top Via, R-URI, Route, From, To and CSeq number (RFC 3261 9.1)."""
    return _derive(invite, "CANCEL", to=invite.headers.get("To") or "")


def _derive(invite: Request, method: str, *, to: str) -> Request:
    headers = Headers()
    headers.add("Via", str(invite.via))
    for route in invite.headers.get_all("Route"):
        headers.add("Route", route)
    headers.add("Max-Forwards", "70")
    headers.add("From", invite.headers.get("From") or "")
    headers.add("To", to)
    headers.add("Call-ID", invite.call_id)
    headers.add("CSeq", str(CSeq(invite.cseq.number, method)))
    return Request(method, invite.uri, headers)
