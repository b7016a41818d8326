"""What the RTP side of bridged G.711 calls costs: `python -m bench.rtp_bridge [calls] [seconds]`.

Prints milliseconds of CPU per call-second, both directions (50 packets a second
in and 50 out for each call), once without sockets and once with real UDP sockets
that one 20 ms tick drains. The far ends run in a process of their own, whose CPU is not counted.
"""

import json
import multiprocessing
import random
import socket
import sys
import time
from multiprocessing.connection import Connection

from linegram.audio.frame import PcmFrame
from linegram.audio.tones import ToneGenerator, parse_cadence
from linegram.media.stream import RtpStream, StreamSettings

TICK_S = 0.02
PCMA = 8
LARGEST_DATAGRAM = 2048
SOCKET_BUFFER_BYTES = 1 << 18


def open_stream(seed: int) -> RtpStream:
    """Open one G.711 stream."""
    return RtpStream(StreamSettings({PCMA: "PCMA"}, PCMA, 101), 0.0, random.Random(seed).random)


def speech() -> PcmFrame:
    """Make the frame that everybody says all the time."""
    return ToneGenerator(parse_cadence("425/1000"), 8_000).frame()


def without_sockets(calls: int, seconds: float) -> float:
    """Measure the streams alone: datagrams come from a list and go nowhere."""
    far_end, frame = open_stream(0), speech()
    streams = [open_stream(seed + 1) for seed in range(calls)]
    ticks = round(seconds / TICK_S)
    datagrams = [far_end.push(frame, step * TICK_S)[0] for step in range(ticks)]
    began = time.process_time()
    for step, datagram in enumerate(datagrams):
        now = step * TICK_S
        for stream in streams:
            stream.receive_rtp(datagram, now)
            stream.push(stream.pull(now), now)
    return per_call_second(time.process_time() - began, calls, seconds)


def with_sockets(calls: int, seconds: float) -> tuple[float, float]:
    """Measure streams and system calls; also give the percentage of frames that had to be concealed."""
    near = [open_socket() for _ in range(calls)]
    streams = [open_stream(seed + 1) for seed in range(calls)]
    ours, theirs = multiprocessing.Pipe()
    ports = [end.getsockname()[1] for end in near]
    far_ends = multiprocessing.get_context("spawn").Process(target=talk, args=(ports, theirs))
    far_ends.start()
    try:
        far_ports: list[int] = ours.recv()
        for end, port in zip(near, far_ports, strict=True):
            end.connect(("127.0.0.1", port))
        ours.send("go")
        run_ticks(near, streams, 0.5)
        began, before = time.process_time(), concealed(streams)
        run_ticks(near, streams, seconds)
        spent = time.process_time() - began
        share = 100 * (concealed(streams) - before) / (calls * seconds / TICK_S)
    finally:
        ours.send("stop")
        far_ends.join()
    for end in near:
        end.close()
    return per_call_second(spent, calls, seconds), share


def run_ticks(ends: list[socket.socket], streams: list[RtpStream], seconds: float) -> None:
    """Do what a media host does: each 20 ms drain every socket, bridge one frame."""
    pairs = [(end.recv, end.send, stream) for end, stream in zip(ends, streams, strict=True)]
    next_tick = time.monotonic()
    for _ in range(round(seconds / TICK_S)):
        now = time.monotonic()
        for receive, send, stream in pairs:
            try:
                while True:
                    stream.receive_rtp(receive(LARGEST_DATAGRAM), now)
            except BlockingIOError:
                pass
            for packet in stream.push(stream.pull(now), now):
                send(packet)
        next_tick += TICK_S
        time.sleep(max(0.0, next_tick - time.monotonic()))


def talk(ports: list[int], control: Connection) -> None:
    """Play all far ends until told to stop: one packet each every 20 ms; nobody reads what comes back."""
    far_end, frame = open_stream(0), speech()
    ends = [open_socket() for _ in ports]
    control.send([end.getsockname()[1] for end in ends])
    control.recv()
    next_tick = time.monotonic()
    while not control.poll():
        (datagram,) = far_end.push(frame, next_tick)
        for end, port in zip(ends, ports, strict=True):
            end.sendto(datagram, ("127.0.0.1", port))
        next_tick += TICK_S
        time.sleep(max(0.0, next_tick - time.monotonic()))


def open_socket() -> socket.socket:
    """Open one end on the loopback."""
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    end.bind(("127.0.0.1", 0))
    end.setblocking(False)
    return end


def concealed(streams: list[RtpStream]) -> int:
    """Count the frames that nobody sent in time."""
    return sum(stream.statistics(0.0).frames_concealed for stream in streams)


def per_call_second(cpu_s: float, calls: int, seconds: float) -> float:
    """Give milliseconds of CPU per second of one call."""
    return cpu_s * 1000 / (calls * seconds)


def main(calls: int = 100, seconds: float = 10.0) -> None:
    """Print both figures and, as the last line, the machine-readable result."""
    bare = without_sockets(calls, seconds)
    bridged, share = with_sockets(calls, seconds)
    print(f"{calls} calls, {seconds:g} s: streams alone {bare:.2f} ms CPU per call-second")
    print(f"with sockets {bridged:.2f} ms CPU per call-second, {share:.2f} % of frames concealed")
    print(
        json.dumps(
            {"rtp_bridge_ms_per_call_s": round(bridged, 3), "rtp_streams_ms_per_call_s": round(bare, 3)}
        )
    )


if __name__ == "__main__":
    main(*(kind(text) for kind, text in zip((int, float), sys.argv[1:], strict=False)))
