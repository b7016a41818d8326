"""How many SIP calls one core carries: `python -m bench.sip_calls [calls]`.

Places calls through our SIP stack over UDP, 50 at a time: INVITE, 100, 180, 200, ACK, then BYE and its 200
at once; no media. The far end is a process of its own. The figure is complete calls per second of CPU time
of this process: what a core could do that had nothing else to do.
"""

import asyncio
import json
import sys
import time

import structlog

from bench.far_end import Address, far_end
from linegram.sip.account import AccountConfig
from linegram.sip.events import CallAnswered, CallEnded, EndCause, SipEvent
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.units import AccountId

AT_ONCE = 50
WARM_UP = 200
ACCOUNT = AccountId(1)
SDP = b"\r\n".join(
    (
        b"v=0",
        b"o=- 1 1 IN IP4 127.0.0.1",
        b"s=-",
        b"c=IN IP4 127.0.0.1",
        b"t=0 0",
        b"m=audio 40000 RTP/AVP 8 101",
        b"a=rtpmap:8 PCMA/8000",
        b"a=rtpmap:101 telephone-event/8000",
        b"",
    )
)


class Caller:
    """Places calls and ends each as soon as it is answered."""

    def __init__(self) -> None:
        self.transport: SipTransport
        self._left = 0
        self._running = 0
        self._is_ready = asyncio.Event()
        self._is_done = asyncio.Event()
        self.failures = 0

    async def open(self, peer: Address) -> None:
        """Bind the socket and add the account."""
        self.transport = await SipTransport.open(TransportSettings("127.0.0.1", 0), self._take)
        config = AccountConfig(ACCOUNT, peer[0], "1001", "pw", server_port=peer[1])
        self.transport.put_account(config)
        await self._is_ready.wait()

    async def place(self, calls: int) -> None:
        """Place so many calls and wait for the end of all."""
        self._left = calls
        self._is_done.clear()
        for _ in range(min(AT_ONCE, calls)):
            self._dial()
        await self._is_done.wait()

    def _dial(self) -> None:
        self._left -= 1
        self._running += 1
        self.transport.perform(lambda endpoint, now: endpoint.invite(ACCOUNT, "600", sdp=SDP, now=now))

    def _take(self, event: SipEvent) -> None:
        if isinstance(event, CallAnswered):
            handle = event.handle
            self.transport.perform(lambda endpoint, now: endpoint.hang_up(handle, now))
        elif isinstance(event, CallEnded):
            self.failures += event.cause is not EndCause.LOCAL_BYE
            self._running -= 1
            if self._left:
                self._dial()
            elif not self._running:
                self._is_done.set()
        else:
            self._is_ready.set()


async def measure(calls: int) -> float:
    """Place calls; gives how many fit into a second of CPU."""
    with far_end() as peer:
        caller = Caller()
        await caller.open(peer)
        await caller.place(WARM_UP)
        began = time.process_time()
        await caller.place(calls)
        spent_s = time.process_time() - began
    if caller.failures:
        raise RuntimeError(f"{caller.failures} calls failed")
    return calls / spent_s


def main(calls: int = 3000) -> None:
    """Print the figure and, as the last line, the machine-readable result."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    per_s = asyncio.run(measure(calls))
    print(f"{calls} calls: {per_s:.0f} complete calls per second of CPU")
    print(json.dumps({"calls_per_s_core": round(per_s)}))


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:2]))
