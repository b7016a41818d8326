"""A dialog: who talks to whom, by which way, in which order (RFC 3261 section 12). Sends nothing itself."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.flow import Flow, TransportName
from linegram.sip.headers import CSeq, Headers, NameAddress
from linegram.sip.message import Request, Response
from linegram.sip.next_hop import next_hop
from linegram.sip.uri import SipUri
from linegram.units import AccountId

_LEAP = 1000
_TARGET_REFRESHERS = frozenset({"INVITE", "UPDATE", "REFER", "NOTIFY", "SUBSCRIBE"})


class DialogKey(NamedTuple):
    """What identifies a dialog; the tags are those of our side and theirs."""

    sip_call_id: str
    local_tag: str
    remote_tag: str


@dataclass(slots=True)
class Dialog:
    """One dialog's state. `flow` is where its requests go when the next hop names no address."""

    account_id: AccountId
    sip_call_id: str
    local: NameAddress
    remote: NameAddress
    remote_target: SipUri
    route_set: tuple[str, ...]
    local_cseq: int
    remote_cseq: int | None
    flow: Flow
    contact: str

    @classmethod
    def from_response(
        cls, request: Request, response: Response, *, account_id: AccountId, flow: Flow
    ) -> Self:
        """The caller's view, from a 2xx to its INVITE: the route set is reversed (12.1.2).

        Raises RemoteProtocolError if Contact or Record-Route cannot be used.
        """
        return cls(
            account_id,
            request.call_id,
            local=request.from_,
            remote=response.to,
            remote_target=_target_of(response, default=request.uri),
            route_set=tuple(reversed(_routes_of(response))),
            local_cseq=request.cseq.number,
            remote_cseq=None,
            flow=flow,
            contact=request.headers.get("Contact") or "",
        )

    @classmethod
    def from_request(
        cls, request: Request, local_tag: str, *, account_id: AccountId, flow: Flow, contact: str
    ) -> Self:
        """The callee's view, from an INVITE (12.1.1).

        Raises RemoteProtocolError if Contact or Record-Route cannot be used.
        """
        return cls(
            account_id,
            request.call_id,
            local=request.to.with_tag(local_tag),
            remote=request.from_,
            remote_target=_target_of(request, default=request.from_.uri),
            route_set=_routes_of(request),
            local_cseq=0,
            remote_cseq=request.cseq.number,
            flow=flow,
            contact=contact,
        )

    @property
    def key(self) -> DialogKey:
        """Where this dialog is filed."""
        return DialogKey(self.sip_call_id, self.local.tag or "", self.remote.tag or "")

    def next_cseq(self) -> int:
        """The number of our next request."""
        self.local_cseq += 1
        return self.local_cseq

    def is_in_order(self, request: Request) -> bool:
        """Take a request's number; False when it is older than one already seen (12.2.2)."""
        number = request.cseq.number
        if self.remote_cseq is not None and number < self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh_target(self, message: Request | Response) -> None:
        """Follow the Contact of a re-INVITE or of its 2xx (12.2.1.2)."""
        self.remote_target = _target_of(message, default=self.remote_target)

    def make_request(self, method: str, *, cseq: int | None = None) -> Request:
        """A request of ours inside the dialog, without Via; `cseq` only for ACK (12.2.1.1)."""
        headers = Headers()
        uri = self._add_routes(headers)
        headers.add("Max-Forwards", "70")
        headers.add("From", str(self.local))
        headers.add("To", str(self.remote))
        headers.add("Call-ID", self.sip_call_id)
        number = self.next_cseq() if cseq is None else cseq
        headers.add("CSeq", str(CSeq(number, method)))
        if method in _TARGET_REFRESHERS:
            headers.add("Contact", self.contact)
        return Request(method, uri, headers)

    def _add_routes(self, headers: Headers) -> SipUri:
        """Write the route set; return the Request-URI, which is the first route of a strict router."""
        if not self.route_set:
            return self.remote_target
        first = NameAddress.parse(self.route_set[0]).uri
        if first.has_parameter("lr"):
            routes, uri = self.route_set, self.remote_target
        else:
            routes, uri = (
                (*self.route_set[1:], str(NameAddress("", self.remote_target))),
                _without_forbidden(first),
            )
        for route in routes:
            headers.add("Route", route)
        return uri

    def next_hop(self) -> Flow:
        """Where requests go: the first route, else the remote target, if that is within our reach."""
        uri = NameAddress.parse(self.route_set[0]).uri if self.route_set else self.remote_target
        return next_hop(uri, self.flow)

    def export(self) -> dict[str, object]:
        """Plain values that JSON can hold, enough to end the dialog from another process."""
        return {
            "account_id": self.account_id,
            "sip_call_id": self.sip_call_id,
            "local": str(self.local),
            "remote": str(self.remote),
            "remote_target": str(self.remote_target),
            "route_set": list(self.route_set),
            "local_cseq": self.local_cseq,
            "remote_cseq": self.remote_cseq,
            "transport": self.flow.transport.value,
            "host": self.flow.host,
            "port": self.flow.port,
            "server_name": self.flow.server_name,
            "contact": self.contact,
        }

    @classmethod
    def restore(cls, exported: dict[str, object]) -> Self:
        """Rebuild a dialog; its CSeq leaps over whatever was sent after the export.

        Raises LocalProtocolError when `exported` did not come from `export`.
        """
        try:
            return cls._restore(exported)
        except (KeyError, ValueError, TypeError, RemoteProtocolError) as error:
            raise LocalProtocolError("not an exported dialog") from error

    @classmethod
    def _restore(cls, exported: dict[str, object]) -> Self:
        routes, remote_cseq = exported["route_set"], exported["remote_cseq"]
        if not isinstance(routes, list):
            raise TypeError("route_set")
        return cls(
            AccountId(int(str(exported["account_id"]))),
            str(exported["sip_call_id"]),
            local=NameAddress.parse(str(exported["local"])),
            remote=NameAddress.parse(str(exported["remote"])),
            remote_target=SipUri.parse(str(exported["remote_target"])),
            route_set=tuple(str(route) for route in routes),
            local_cseq=int(str(exported["local_cseq"])) + _LEAP,
            remote_cseq=None if remote_cseq is None else int(str(remote_cseq)),
            flow=Flow(
                TransportName(exported["transport"]),
                str(exported["host"]),
                int(str(exported["port"])),
                server_name=str(exported["server_name"]),
            ),
            contact=str(exported["contact"]),
        )


def dialog_key_of(request: Request) -> DialogKey | None:
    """The dialog that an incoming request belongs to; None outside dialogs."""
    local_tag = request.to.tag
    return None if local_tag is None else DialogKey(request.call_id, local_tag, request.from_.tag or "")


def _routes_of(message: Request | Response) -> tuple[str, ...]:
    """The Record-Routes as they stand, read once so that no dialog depends on a malformed one."""
    routes = tuple(message.headers.get_all("Record-Route"))
    for route in routes:
        NameAddress.parse(route)
    return routes


def _target_of(message: Request | Response, *, default: SipUri) -> SipUri:
    contacts = message.contacts
    return contacts[0].uri if contacts else default


def _without_forbidden(uri: SipUri) -> SipUri:
    """What of a strict router's URI may stand in the request line (RFC 3261 12.2.1.1, 19.1.1)."""
    parameters = tuple(entry for entry in uri.parameters if entry[0].lower() != "method")
    return replace(uri, parameters=parameters, headers=())
