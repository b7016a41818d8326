"""Where a request goes whose next hop is named by a URI: a Record-Route, a Service-Route or a Contact."""

from linegram.sip.flow import Flow, TransportName, is_address, is_unreachable_from
from linegram.sip.uri import SipUri


def next_hop(uri: SipUri, flow: Flow) -> Flow:
    """Go where the URI says if it names an address that we can reach.

    Names, and private addresses told by a public peer (a PBX behind NAT), leave the flow as it was.
    What began over TLS stays there, and is held to the same certificate.
    """
    if _is_behind(uri, flow):
        return flow
    transport = _transport_of(uri)
    if flow.transport is TransportName.TLS and transport is not TransportName.TLS:
        return flow
    host = uri.host.strip("[]")
    place = Flow(transport, host, uri.port or transport.default_port)
    if place[:3] == flow[:3]:
        return flow
    if transport is not TransportName.TLS:
        return place
    return place._replace(server_name=flow.server_name, tls=flow.tls)


def _is_behind(uri: SipUri, flow: Flow) -> bool:
    host = uri.host.strip("[]")
    return (
        uri.scheme == "tel"
        or not is_address(host)
        or is_unreachable_from(host, flow.host)
        or (flow.transport.is_reliable and host == flow.host)
    )


def _transport_of(uri: SipUri) -> TransportName:
    name = (uri.parameter("transport") or "").lower()
    known = {transport.value: transport for transport in TransportName}
    return known.get(name, TransportName.TLS if uri.scheme == "sips" else TransportName.UDP)
