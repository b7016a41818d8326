"""Records what a real ntgcalls says: `python -m tests.voice.own.record_golden` writes tests/data/voice/.

Needs the `ntgcalls` extra. Keys and certificates are thrown away with the call, and addresses are this
machine's; look at the candidates before you commit a recording from elsewhere than a test network.
"""

import json
import multiprocessing
import os
from pathlib import Path

from linegram.rtp.srtp import SrtpKeys
from linegram.voice.own.dtls import Dtls
from linegram.voice.own.engine import OwnEngine
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.leg import OwnLeg
from tests.voice import leg_process
from tests.voice.leg_process import Task
from tests.voice.own.talk import Talker, run
from tests.voice.own.test_own_legs import parameters

FOLDER = Path(__file__).parents[2] / "data" / "voice"


def record(version: str, *, are_we_caller: bool) -> dict[str, object]:
    """Make one call and return all that ntgcalls signalled, and one packet of its sound."""
    key = os.urandom(256)
    context = multiprocessing.get_context("spawn")
    (here, there), (_control, their_control) = context.Pipe(), context.Pipe()
    task = Task(parameters(version, is_outgoing=not are_we_caller, key=key), 8000, 700, 6.0)
    process = context.Process(target=leg_process.run, args=(task, there, their_control))
    process.start()
    engine = OwnEngine()
    leg = engine.open(parameters(version, is_outgoing=are_we_caller, key=key), 8000)
    assert isinstance(leg, OwnLeg)
    datagrams, signals, ours = _tapped(leg), list[bytes](), list[bytes]()
    us = Talker(leg, 8000, 440)

    def say(payload: bytes) -> None:
        ours.append(payload)
        here.send_bytes(payload)

    def carry() -> None:
        while here.poll():
            signals.append(here.recv_bytes())
            leg.receive_signal(signals[-1])

    us.signal = say
    assert run([us], 30.0, until=lambda: us.is_connected, look=carry)
    run([us], 3.0, look=carry)
    keys = _keys_of(leg)
    engine.close()
    process.kill()
    process.join()
    return {
        "version": version,
        "is_outgoing": not are_we_caller,
        "key": key.hex(),
        "signals": [signal.hex() for signal in signals],
        "answers_of_ours": [signal.hex() for signal in ours],
        "srtp_profile": keys.profile.decode(),
        "srtp_key": keys.theirs.hex(),
        "srtp_packets": [one.hex() for one in datagrams if 128 <= one[0] < 192][:3],
        "stun_checks": [one.hex() for one in datagrams if one[0] < 4][:2],
        "stun_password": leg._path._ours.password,
    }


def _tapped(leg: OwnLeg) -> list[bytes]:
    receive, datagrams = leg._path.receive, list[bytes]()

    def tap(way: int, source: Address, datagram: bytes, now: float) -> None:
        datagrams.append(datagram)
        receive(way, source, datagram, now)

    leg._path.receive = tap  # type: ignore[method-assign, assignment]
    return datagrams


def _keys_of(leg: OwnLeg) -> SrtpKeys:
    dtls = leg._path._dtls
    assert isinstance(dtls, Dtls)
    assert dtls.keys is not None
    return dtls.keys


def main() -> None:
    """Record a call of each framing, in each role."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for version in ("8.0.0", "13.0.0"):
        for are_we_caller in (True, False):
            role = "callee" if are_we_caller else "caller"
            found = record(version, are_we_caller=are_we_caller)
            name = f"ntgcalls_3_0_5_{version.partition('.')[0]}_{role}.json"
            (FOLDER / name).write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
