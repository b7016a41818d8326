"""`linegram demo`: the whole of it as a newcomer runs it, and that its judgement cannot be talked round."""

import os
import re
import subprocess
import sys
import wave
from collections.abc import Callable, Coroutine
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from linegram.audio.codec import open_codec
from linegram.audio.frame import PcmFrame, saturate, silence
from linegram.audio.tones import ToneGenerator, parse_cadence
from linegram.cli import app
from linegram.cli.demo import LOG_NAME, PICTURE_NAME
from linegram.errors import UnavailableError
from linegram.sandbox.demo_call import SPEAKERS, AudioPath, CallRecord
from linegram.sandbox.demo_figures import LOWEST_SIMILARITY, compare
from linegram.sandbox.demo_picture import draw
from linegram.sandbox.demo_report import complaints, rows_of, write_recordings
from linegram.sandbox.demo_speech import LEVEL_DBFS, speech
from linegram.sandbox.pbx_audio import RATE_HZ, Track

DELAY_S = 0.15
SECONDS = 3.0
RECORDINGS = {
    f"{call}-{who}-{verb}.wav"
    for call, far in (("incoming", "boris"), ("outgoing", "vera"))
    for who in ("anna", far)
    for verb in ("said", "heard")
}


def track(samples: PcmFrame, *, starts_s: float = 100.0) -> Track:
    size = RATE_HZ // 50
    whole = samples[: len(samples) // size * size]
    return Track(RATE_HZ, whole, np.arange(len(whole) // size, dtype=np.float64) * 0.02 + starts_s)


def words(who: str) -> PcmFrame:
    return speech(SPEAKERS[who], SECONDS, RATE_HZ)


def later(samples: PcmFrame, *, volume: float = 0.5) -> Track:
    """What is heard of samples: later, quieter, with some noise."""
    noise = np.random.default_rng(3).normal(0.0, 30.0, len(samples) + RATE_HZ)
    late = round(DELAY_S * RATE_HZ)
    noise[late : late + len(samples)] += samples * volume
    return track(saturate(noise))


def call_record(*, far_heard: Track, near_heard: Track) -> CallRecord:
    boris, anna = track(words("Boris")), track(words("Anna"))
    paths = (AudioPath("Boris", "Anna", boris, near_heard), AudioPath("Anna", "Boris", anna, far_heard))
    return CallRecord("Incoming call", "PCMA", paths)


def processes_of_session(session: int) -> list[str]:
    """Whoever still runs in a session, by name."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, _, rest = status.read_text().rpartition(") ")
            state, _, _, its_session = rest.split()[:4]
            if int(its_session) == session and state != "Z":
                found.append(name)
    return found


# ---- the whole demo


@pytest.mark.slow
def test_the_demo_runs_from_the_command_line_and_leaves_only_its_results(tmp_path: Path) -> None:
    temporary, out = tmp_path / "tmp", tmp_path / "out"
    temporary.mkdir()
    process = subprocess.Popen(
        [Path(sys.executable).parent / "linegram", "demo", "--plain", "--seconds", "4", "--out", str(out)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    shown, complained = process.communicate(timeout=110)
    assert process.returncode == 0, shown + complained
    assert complained == ""
    assert processes_of_session(process.pid) == []
    assert {file.name for file in out.iterdir()} == RECORDINGS | {PICTURE_NAME, LOG_NAME}
    for direction in ("Boris → Anna", "Anna → Boris", "Vera → Anna", "Anna → Vera"):
        assert re.search(rf"{direction} .* yes ", shown), shown
    for what in ("📞 Incoming call", "Telegram rings", "205: INVITE", "200 OK, PCMA", "Everybody heard"):
        assert what in shown
    assert list(temporary.iterdir()) == []
    assert "\x1b" not in shown


# ---- the judgement


def test_words_that_arrive_late_and_quiet_are_heard_with_their_delay() -> None:
    hearing = compare(track(words("Anna")), later(words("Anna")))
    assert hearing.is_heard
    assert hearing.similarity > 0.95
    assert hearing.delay_ms == pytest.approx(DELAY_S * 1000, abs=1.0)
    assert hearing.level_dbfs == pytest.approx(LEVEL_DBFS - 6.0, abs=1.0)
    assert hearing.found_percent == 100.0


@pytest.mark.parametrize("name", ["PCMA", "PCMU"])
def test_a_codec_does_not_spoil_the_similarity(name: str) -> None:
    codec = open_codec(name)
    spoken = speech(SPEAKERS["Anna"], SECONDS, 8000)
    frames = [codec.decode(codec.encode(frame)) for frame in spoken.reshape(-1, 160)]
    size = 160
    times_s = np.arange(len(spoken) // size, dtype=np.float64) * 0.02
    said, heard = Track(8000, spoken, times_s), Track(8000, np.concatenate(frames), times_s)
    assert compare(said, heard).similarity > 0.95


def test_lost_words_lower_the_similarity_below_the_bound() -> None:
    heard = words("Anna").copy()
    heard[: len(heard) // 2] = 0
    assert compare(track(words("Anna")), later(heard)).similarity < LOWEST_SIMILARITY


@pytest.mark.parametrize(
    "heard",
    [
        track(silence(RATE_HZ * 4)),
        track(silence(0)),
        later(words("Boris")),
        later(words("Vera")),
        track(ToneGenerator(parse_cadence("425/1000"), RATE_HZ).frame(RATE_HZ * 4)),
        later(words("Anna"), volume=0.0),
        track(later(words("Anna")).samples, starts_s=90.0),
    ],
    ids=["silence", "nothing", "boris", "vera", "ring-back", "noise", "at-another-time"],
)
def test_what_is_not_the_others_words_is_not_heard(heard: Track) -> None:
    hearing = compare(track(words("Anna")), heard)
    assert not hearing.is_heard
    assert hearing.similarity < 0.5


def test_everybody_heard_everybody_and_there_is_no_complaint() -> None:
    record = call_record(far_heard=later(words("Anna")), near_heard=later(words("Boris")))
    assert complaints(rows_of([record])) == []


def test_swapped_speech_is_a_complaint_for_each_side() -> None:
    record = call_record(far_heard=later(words("Boris")), near_heard=later(words("Anna")))
    sentences = complaints(rows_of([record]))
    assert [sentence.partition(":")[0] for sentence in sentences] == ["Incoming call", "Incoming call"]
    assert "Anna did not hear Boris" in sentences[0]
    assert "Boris did not hear Anna" in sentences[1]


def test_silence_in_one_direction_is_one_complaint() -> None:
    record = call_record(far_heard=track(silence(RATE_HZ * 4)), near_heard=later(words("Boris")))
    (sentence,) = complaints(rows_of([record]))
    assert "Boris did not hear Anna: the similarity is 0.00" in sentence


def test_lost_packets_are_a_complaint() -> None:
    record = call_record(far_heard=later(words("Anna")), near_heard=later(words("Boris")))
    record.lost_percent = (12.5, 0.0)
    assert complaints(rows_of([record])) == ["Incoming call: Anna lost 12.5 % of the packets of Boris."]


# ---- the command around it


@pytest.fixture
def run_demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Coroutine[Any, Any, Any]], Result]:
    """The command with calls of our own in place of real ones."""

    def run(calls: Coroutine[Any, Any, Any]) -> Result:
        monkeypatch.setattr(import_module("linegram.cli.demo"), "configure_logs", lambda _settings: None)
        monkeypatch.setattr("linegram.sandbox.demo.Demo.run", lambda _demo: calls)
        monkeypatch.delenv("MPLCONFIGDIR", raising=False)
        return CliRunner().invoke(app, ["demo", "--plain", "--out", str(tmp_path / "out")])

    return run


async def give(record: CallRecord) -> list[CallRecord]:
    return [record]


async def fail(error: Exception) -> None:
    raise error


def test_a_good_call_ends_the_command_well(run_demo: Callable[..., Result]) -> None:
    ended = run_demo(give(call_record(far_heard=later(words("Anna")), near_heard=later(words("Boris")))))
    assert ended.exit_code == 0
    assert "4 recordings, demo.png, linegram.log" in ended.stdout


def test_a_party_that_hears_nothing_ends_the_command_with_a_sentence(run_demo: Callable[..., Result]) -> None:
    ended = run_demo(
        give(call_record(far_heard=later(words("Anna")), near_heard=track(silence(RATE_HZ * 4))))
    )
    assert ended.exit_code == 1
    assert ended.stderr.startswith("Incoming call: Anna did not hear Boris")
    assert re.search(r"Boris → Anna .* NO ", ended.stdout)
    assert "Everybody heard" not in ended.stdout


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (UnavailableError("the call is over"), "The call is over. The last that happened was: nothing."),
        (TimeoutError(), "The demo stood still. The last that happened was: nothing."),
    ],
)
def test_what_fails_is_told_with_the_last_that_happened(
    run_demo: Callable[..., Result], error: Exception, sentence: str
) -> None:
    ended = run_demo(fail(error))
    assert ended.exit_code == 1
    assert ended.stderr.strip() == sentence


# ---- what is kept and shown


def test_recordings_and_a_picture_are_written(tmp_path: Path) -> None:
    rows = rows_of([call_record(far_heard=later(words("Anna")), near_heard=later(words("Boris")))])
    written = write_recordings(tmp_path, rows)
    assert {file.name for file in written} == {name for name in RECORDINGS if name.startswith("incoming")}
    with wave.open(str(tmp_path / "incoming-anna-heard.wav"), "rb") as recording:
        assert (recording.getframerate(), recording.getnchannels()) == (RATE_HZ, 1)
        assert recording.getnframes() == len(rows[0].path.heard.samples)
    draw(tmp_path / PICTURE_NAME, rows)
    assert (tmp_path / PICTURE_NAME).read_bytes().startswith(b"\x89PNG")


def test_the_voices_are_the_same_in_every_run_and_differ_from_each_other() -> None:
    assert np.array_equal(words("Anna"), words("Anna"))
    assert not np.array_equal(words("Anna"), words("Boris"))
    assert len(words("Vera")) == SECONDS * RATE_HZ
