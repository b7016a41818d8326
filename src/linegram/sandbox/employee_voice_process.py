"""The parent's end of an employee's voice process: commands as awaitable calls, reports as events."""

import asyncio
import itertools
import os
import sys
import wave
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from linegram.errors import RefusedError, UnavailableError
from linegram.link.voice import NTGCALLS, OWN
from linegram.sandbox.employee_voice_messages import (
    Answered,
    Asked,
    BlockHeard,
    Command,
    FetchHeard,
    PlayPcm,
    PlayTone,
    Ready,
    Report,
    Signalled,
    StateChanged,
    body_length,
    decode,
    encode,
)
from linegram.voice.engines import installed_engines

_MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {NTGCALLS: "linegram.sandbox.employee_voice", OWN: "linegram.sandbox.employee_own_voice"}
)
START_S = 30.0
LEAVE_S = 5.0
TONE_SHARE = 0.7
TONE_TOLERANCE_HZ = 15.0
AUDIBLE_RMS = 200.0
DEFAULT_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a call: 16-bit mono samples, and the monotonic arrival time of each 10 ms."""

    rate_hz: int
    samples: NDArray[np.int16]
    arrival_s: NDArray[np.float64]


class VoiceProcess:
    """A running voice process. `async with VoiceProcess() as voice: ...`."""

    def __init__(self, *, rate_hz: int = 16_000, engine: str = "") -> None:
        """Prepare; `engine` empty means ntgcalls if it is installed, else our own."""
        self.rate_hz = rate_hz
        self.engine = engine or installed_engines()[-1]
        self.protocol: Ready | None = None
        self.state = ""
        self.on_signalled: Callable[[bytes], None] = lambda _body: None
        self.on_state: Callable[[str], None] = lambda _state: None
        self._blocks: deque[BlockHeard] = deque(maxlen=100)
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Answered]] = {}
        self._changed = asyncio.Event()

    # ---- running

    async def __aenter__(self) -> Self:
        """Start the process and wait until it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", _MODULES[self.engine], str(self.rate_hz)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._reading = asyncio.create_task(self._read(), name="employee voice")
        try:
            await self._wait_until(lambda: self.protocol is not None, START_S)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the process leave; kill it if it does not."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            async with asyncio.timeout(LEAVE_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    @property
    def pid(self) -> int:
        """The process id, for tests that kill it."""
        if self._process is None:
            raise UnavailableError("the voice process was not started")
        return self._process.pid

    async def _read(self) -> None:
        """Take reports until the process is gone, then fail everybody who still waits for one."""
        stream = self._process.stdout if self._process else None
        try:
            while stream is not None:
                head = await stream.readexactly(4)
                self._take(decode(await stream.readexactly(body_length(head)), Report))
        except asyncio.IncompleteReadError:
            self.state = "GONE"
            for future in self._answers.values():
                if not future.done():
                    future.set_exception(UnavailableError("the voice process is gone"))
            self._wake()

    def _take(self, report: Report) -> None:
        match report:
            case Ready():
                self.protocol = report
            case Answered():
                future = self._answers.pop(report.number, None)
                if future is not None and not future.done():
                    future.set_result(report)
            case Signalled():
                self.on_signalled(report.body)
            case StateChanged():
                self.state = report.state
                self.on_state(report.state)
            case BlockHeard():
                self._blocks.append(report)
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _wait_until(self, is_true: Callable[[], Any], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not is_true():
                if self.state == "GONE":
                    raise UnavailableError("the voice process is gone")
                await self._changed.wait()

    async def ask(self, command: Command) -> Answered:
        """Have a command carried out; raises UnavailableError with the text of its failure."""
        if self._process is None or self._process.stdin is None or self.state == "GONE":
            raise UnavailableError("the voice process is gone")
        number = next(self._numbers)
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        self._process.stdin.write(encode(Asked(number, command)))
        answered = await future
        if answered.failure:
            raise UnavailableError(answered.failure)
        return answered

    # ---- speaking and hearing

    async def play_tone(self, frequency_hz: float, *, level: float = 0.3) -> None:
        """Say a steady tone from now on, in this call and the next ones."""
        await self.ask(PlayTone(frequency_hz, level))

    async def play(self, samples: NDArray[np.int16]) -> float:
        """Say samples once; returns the monotonic time at which their first frame was said."""
        return (await self.ask(PlayPcm(samples.astype("<i2").tobytes()))).times_s[0]

    async def play_wav(self, path: Path) -> float:
        """Say a mono 16-bit WAV file once, at whatever rate it is; returns as `play` does."""
        with wave.open(str(path)) as file:
            if (file.getnchannels(), file.getsampwidth()) != (1, 2):
                raise RefusedError(f"{path.name} is not mono with 16 bits")
            rate_hz, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
        at = np.arange(0, len(samples), rate_hz / self.rate_hz)
        return await self.play(np.interp(at, np.arange(len(samples)), samples).astype(np.int16))

    async def heard(self) -> Heard:
        """Return everything heard in the present call, or in the last one."""
        answered = await self.ask(FetchHeard())
        samples = np.frombuffer(answered.body, "<i2")
        return Heard(self.rate_hz, samples, np.array(answered.times_s, dtype=np.float64))

    async def wait_until_hears(
        self, frequency_hz: float, *, blocks: int = 3, timeout_s: float = DEFAULT_WAIT_S
    ) -> None:
        """Return once the last `blocks` tenths of a second are this tone and little else."""
        await self._wait_until(
            lambda: self._are_last(blocks, lambda block: _is_tone(block, frequency_hz)), timeout_s
        )

    async def wait_until_audible(self, *, blocks: int = 1, timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Return once the last `blocks` tenths of a second were audible, whatever they were."""
        await self._wait_until(
            lambda: self._are_last(blocks, lambda block: block.rms >= AUDIBLE_RMS), timeout_s
        )

    async def wait_until_silent(self, *, blocks: int = 5, timeout_s: float = DEFAULT_WAIT_S) -> None:
        """Return once the last `blocks` tenths of a second were not audible."""
        await self._wait_until(
            lambda: self._are_last(blocks, lambda block: block.rms < AUDIBLE_RMS), timeout_s
        )

    def forget_blocks(self) -> None:
        """Let the waits above look at what is heard from now on only."""
        self._blocks.clear()

    def _are_last(self, count: int, fits: Callable[[BlockHeard], bool]) -> bool:
        last = list(self._blocks)[-count:]
        return len(last) == count and all(fits(block) for block in last)


def _is_tone(block: BlockHeard, frequency_hz: float) -> bool:
    is_near = abs(block.frequency_hz - frequency_hz) <= TONE_TOLERANCE_HZ
    return is_near and block.share >= TONE_SHARE and block.rms >= AUDIBLE_RMS
