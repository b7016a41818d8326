"""What registrations cost a worker: `python -m bench.registrations [accounts]`.

Registers 5 000 accounts over one UDP socket, as the worker does when the hub sends them: commands of the
link in, reports out, digest, timers, sockets. The registrar is a process of its own and challenges every
account once. CPU is the time of this process from the first account to the last report, divided by the
REGISTER requests (two an account) and by the accounts; memory is how much larger this process is when all
are registered and their transactions are over, divided by the accounts.
"""

import asyncio
import gc
import json
import os
import sys
import time
from pathlib import Path

import structlog

from bench.far_end import Address, far_end
from linegram.agent.registrations import Registrations
from linegram.agent.sip_stack import SipStack
from linegram.link.accounts import RegistrationState, SipAccountSettings
from linegram.link.commands import PutAccount
from linegram.link.events import Event, RegistrationChanged
from linegram.link.gate import Gate
from linegram.sip import events as sip
from linegram.sip.context import EndpointConfig
from linegram.sip.events import SipEvent
from linegram.sip.transport.sip_transport import SipTransport, TransportSettings
from linegram.units import AccountId

REGISTERS_PER_S = 1000.0
WARM_UP = 50
TIMER_K_S = 5.0
REQUESTS_PER_ACCOUNT = 2


class Crowd:
    """Registers accounts and waits for all of them."""

    def __init__(self, registrar: Address) -> None:
        self._registrar = registrar
        self._online: set[AccountId] = set()
        self._changed = asyncio.Event()
        self.transport: SipTransport
        self._registrations: Registrations

    async def open(self) -> None:
        """Bind the socket; registrations are paced faster than in a service, so that this ends."""
        config = EndpointConfig(local_places={}, registers_per_s=REGISTERS_PER_S)
        settings = TransportSettings("127.0.0.1", 0, endpoint=config)
        gate = Gate[SipEvent]()
        self.transport = await SipTransport.open(settings, gate)
        self._registrations = Registrations(SipStack(self.transport), self._take)
        gate.open(self._pass_on)

    async def register(self, numbers: range) -> None:
        """Put the accounts and wait until each is online."""
        for number in numbers:
            self._registrations.put(PutAccount(self._settings(number)))
        wanted = len(self._online) + len(numbers)
        while len(self._online) < wanted:
            self._changed.clear()
            await self._changed.wait()

    async def settle(self) -> None:
        """Let the transactions end (RFC 3261 timer K), and free what is free."""
        await asyncio.sleep(TIMER_K_S + 1.0)
        if self.transport.endpoint.census().transactions:
            raise RuntimeError("transactions were left: was a request repeated?")
        gc.collect()

    def _pass_on(self, event: SipEvent) -> None:
        if isinstance(event, sip.RegistrationChanged):
            self._registrations.take(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, RegistrationChanged) and event.state is RegistrationState.ONLINE:
            self._online.add(event.account_id)
            self._changed.set()

    def _settings(self, number: int) -> SipAccountSettings:
        host, port = self._registrar
        return SipAccountSettings(
            account_id=AccountId(number),
            username=f"m{number:04d}",
            password=f"pw-m{number:04d}",
            server=host,
            port=port,
            expires_s=3600,
        )


def resident_kb() -> float:
    """How much memory this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024


async def measure(accounts: int) -> dict[str, float]:
    """Register so many accounts and give the figures of each."""
    with far_end() as registrar:
        crowd = Crowd(registrar)
        await crowd.open()
        await crowd.register(range(WARM_UP))
        await crowd.settle()
        memory_kb, began = resident_kb(), time.process_time()
        await crowd.register(range(WARM_UP, WARM_UP + accounts))
        cpu_ms = 1000 * (time.process_time() - began)
        await crowd.settle()
        memory_kb = resident_kb() - memory_kb
    return {
        "register_cpu_ms": round(cpu_ms / accounts / REQUESTS_PER_ACCOUNT, 3),
        "account_online_cpu_ms": round(cpu_ms / accounts, 3),
        "account_kb": round(memory_kb / accounts, 2),
    }


def main(accounts: int = 5000) -> None:
    """Print the figures and, as the last line, the machine-readable result."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    figures = asyncio.run(measure(accounts))
    print(f"{accounts} accounts: {figures['register_cpu_ms']} ms CPU per REGISTER,", end=" ")
    print(f"{figures['account_online_cpu_ms']} ms and {figures['account_kb']} kB per account")
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:2]))
