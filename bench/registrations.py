"""What registrations cost a worker: `python -m bench.registrations [accounts]`.

Registers 5 000 accounts over one UDP socket, as the worker does when the hub sends them: commands of the
link in, reports out, digest, timers, sockets. The registrar is a process of its own and challenges every
account once, so that an account takes two REGISTER requests.

First at the pace of a service, 200 accounts a second. Memory is how much larger this process is when all are
registered and their transactions are over, divided by the accounts. The CPU time of this run (`paced`) is
mostly that of waking up for single datagrams on an idle machine.
Then, in a fresh process, 1 000 a second, which keeps a core busy without repetitions: CPU time from the first
account to the last report, divided by the requests, or by the accounts. That is what counts when many come
together, as after a restart of the PBX. The more datagrams one wake-up finds, the cheaper each is.
"""

import asyncio
import gc
import json
import multiprocessing
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

WARM_UP = 50
TIMER_K_S = 5.0
SERVICE_PER_S = 200.0
BUSY_PER_S = 1000.0
REQUESTS_PER_ACCOUNT = 2


class Crowd:
    """Registers accounts and waits for all of them."""

    def __init__(self, registrar: Address, registers_per_s: float) -> None:
        self._registrar = registrar
        self._config = EndpointConfig(local_places={}, registers_per_s=registers_per_s)
        self._online: set[AccountId] = set()
        self._changed = asyncio.Event()
        self.transport: SipTransport
        self._registrations: Registrations

    async def open(self) -> None:
        """Bind the socket."""
        gate = Gate[SipEvent]()
        settings = TransportSettings("127.0.0.1", 0, is_tcp_listening=False, endpoint=self._config)
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


async def register(accounts: int, registrar: Address, registers_per_s: float) -> tuple[float, float]:
    """Register so many accounts; gives milliseconds of CPU and kilobytes of memory per account."""
    crowd = Crowd(registrar, registers_per_s)
    await crowd.open()
    await crowd.register(range(WARM_UP))
    await crowd.settle()
    memory_kb, began = resident_kb(), time.process_time()
    await crowd.register(range(WARM_UP, WARM_UP + accounts))
    cpu_ms = 1000 * (time.process_time() - began)
    await crowd.settle()
    return cpu_ms / accounts, (resident_kb() - memory_kb) / accounts


def run(accounts: int, registrar: Address, registers_per_s: float) -> tuple[float, float]:
    """Register so many accounts in this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    return asyncio.run(register(accounts, registrar, registers_per_s))


def measure(accounts: int) -> dict[str, float]:
    """Register the accounts twice: paced, for the memory, and busy, for the CPU."""
    context = multiprocessing.get_context("spawn")
    with far_end() as registrar, context.Pool(1, maxtasksperchild=1) as fresh_process:
        paced_ms, account_kb = fresh_process.apply(run, (accounts, registrar, SERVICE_PER_S))
        busy_ms, _ = fresh_process.apply(run, (accounts, registrar, BUSY_PER_S))
    return {
        "register_cpu_ms": round(busy_ms / REQUESTS_PER_ACCOUNT, 3),
        "account_online_cpu_ms": round(busy_ms, 3),
        "account_online_paced_cpu_ms": round(paced_ms, 3),
        "account_kb": round(account_kb, 2),
    }


def main(accounts: int = 5000) -> None:
    """Print the figures and, as the last line, the machine-readable result."""
    figures = measure(accounts)
    print(f"{accounts} accounts: {figures['register_cpu_ms']} ms CPU per REGISTER,", end=" ")
    print(f"{figures['account_online_cpu_ms']} ms and {figures['account_kb']} kB per account")
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:2]))
