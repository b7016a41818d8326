"""What a flood of strangers costs a worker: `python -m bench.strangers [datagrams]`.

A process of its own sends scanner requests as fast as the socket takes them. CPU time of this process, from
the first to the last, divided by the datagrams that were refused: reading them off the socket included.
"""

import asyncio
import json
import multiprocessing
import socket
import sys
import time

import structlog

from linegram.sip.account import AccountConfig
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.units import AccountId

ACCOUNTS = 1000
QUIET_S = 0.5
SCAN = (
    b"INVITE sip:900442038079460@%s SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK-%d;rport\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:100@1.1.1.1>;tag=%d\r\nTo: <sip:900442038079460@1.1.1.1>\r\n"
    b"Call-ID: %d\r\nCSeq: 1 INVITE\r\nContact: <sip:100@203.0.113.9:5060>\r\n"
    b"User-Agent: friendly-scanner\r\nContent-Length: 0\r\n\r\n"
)


def flood(host: str, port: int, count: int) -> None:
    """Send scanner requests from a foreign address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.66", 0))
        for number in range(count):
            ours.sendto(SCAN % (host.encode(), number, number, number), (host, port))


async def measure(count: int) -> dict[str, float]:
    """Take the flood with a thousand accounts there; gives the figures."""
    transport = await SipTransport.open(TransportSettings("127.0.0.1", 0), lambda _event: None)
    for number in range(1, ACCOUNTS + 1):
        config = AccountConfig(AccountId(number), "192.0.2.1", f"u{number}", "pw", is_registering=False)
        transport.put_account(config)
    await transport.located()
    began = time.process_time()
    flooding = multiprocessing.get_context("spawn").Process(
        target=flood, args=(*transport.address, count), daemon=True
    )
    flooding.start()
    refused, spent = 0, 0.0
    while flooding.is_alive() or transport.endpoint.refused != refused:
        refused, spent = transport.endpoint.refused, time.process_time() - began
        await asyncio.sleep(QUIET_S)
    await transport.close(limit_s=0.1)
    return {"stranger_cpu_us": spent / max(refused, 1) * 1e6}


def main() -> None:
    """Print the figures as JSON."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    print(json.dumps(asyncio.run(measure(count))))


if __name__ == "__main__":
    main()
