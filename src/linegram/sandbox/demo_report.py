"""What the demo shows at its end: figures by direction, the recordings, and what went wrong."""

import wave
from dataclasses import dataclass
from pathlib import Path

from linegram.sandbox.demo_call import AudioPath, CallRecord
from linegram.sandbox.demo_figures import LOWEST_SIMILARITY, Hearing, compare
from linegram.sandbox.pbx_audio import Track

HIGHEST_LOSS_PERCENT = 5.0


@dataclass(frozen=True, slots=True)
class Row:
    """One direction of one call."""

    call: str
    codec: str
    path: AudioPath
    hearing: Hearing
    lost_percent: float

    @property
    def direction(self) -> str:
        """Who is heard by whom."""
        return f"{self.path.speaker} → {self.path.listener}"


def rows_of(records: list[CallRecord]) -> list[Row]:
    """Measure every direction of every call."""
    return [
        Row(record.title, record.codec, path, compare(path.said, path.heard), lost_percent)
        for record in records
        for path, lost_percent in zip(record.paths, record.lost_percent, strict=True)
    ]


def complaints(rows: list[Row]) -> list[str]:
    """Return a sentence for each direction that is not good; none if everybody heard the other."""
    found = []
    for row in rows:
        where = f"{row.call}: {row.path.listener}"
        if not row.hearing.is_heard:
            found.append(
                f"{where} did not hear {row.path.speaker}: the similarity is {row.hearing.similarity:.2f}, "
                f"at least {LOWEST_SIMILARITY:.2f} is wanted."
            )
        if row.lost_percent > HIGHEST_LOSS_PERCENT:
            found.append(f"{where} lost {row.lost_percent:.1f} % of the packets of {row.path.speaker}.")
    return found


def write_recordings(folder: Path, rows: list[Row]) -> list[Path]:
    """Write what each said and what each heard, from the moment on at which the speaker began."""
    written = []
    for row in rows:
        call = row.call.partition(" ")[0].lower()
        for who, verb, track in (
            (row.path.speaker, "said", row.path.said),
            (row.path.listener, "heard", row.path.heard),
        ):
            file = folder / f"{call}-{who.lower()}-{verb}.wav"
            _write_wav(file, track)
            written.append(file)
    return written


def _write_wav(file: Path, track: Track) -> None:
    with wave.open(str(file), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(track.rate_hz)
        recording.writeframes(track.samples.astype("<i2").tobytes())
