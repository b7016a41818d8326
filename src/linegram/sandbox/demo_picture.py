"""The picture of the demo: of each direction what was said and what was heard, as waves and as spectra.

Needs matplotlib (the extra `demo`); it is imported when a picture is drawn.
"""

from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from linegram.audio.frame import FULL_SCALE
from linegram.errors import UnavailableError
from linegram.sandbox.demo_report import Row
from linegram.sandbox.pbx_audio import Track

_SAID, _HEARD, _INK = "#1f77b4", "#d95f02", "#333333"
_SIZE_INCHES: Final = (16.0, 3.1)
_DPI: Final = 110
_HIGHEST_HZ: Final = 4000
_WINDOW: Final = 512
_HOP: Final = 80
_FLOOR_DB, _CEILING_DB = -95.0, -30.0
_QUIETEST_PEAK: Final = 0.02

Array: TypeAlias = npt.NDArray[np.float64]


def draw(file: Path, rows: list[Row]) -> None:
    """Write the picture as PNG. Raises UnavailableError if matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra, and slow
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise UnavailableError(
            "No picture: matplotlib is not installed (pip install linegram[demo])."
        ) from error
    width, height = _SIZE_INCHES
    figure = Figure(figsize=(width, height * len(rows) + 0.9), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(
        "linegram demo: what was said, and what the other person heard\n", fontsize=17, color=_INK
    )
    strips: Any = figure.subfigures(len(rows), 1, hspace=0.04, squeeze=False)
    for strip, row in zip(strips[:, 0], rows, strict=True):
        _draw_row(strip, row)
    figure.savefig(file)


def _draw_row(strip: Any, row: Row) -> None:
    strip.suptitle(_caption(row), fontsize=12.5, color=_INK, x=0.01, ha="left", weight="bold")
    origin_s = float(row.path.said.times_s[0])
    length_s = float(row.path.said.times_s[-1]) - origin_s + 0.9
    waves, said, heard = strip.subplots(1, 3, width_ratios=(1.25, 1.0, 1.0))
    _draw_waves(waves, row, origin_s)
    _draw_spectrum(said, row.path.said, origin_s, f"{row.path.speaker} said")
    _draw_spectrum(heard, row.path.heard, origin_s, f"{row.path.listener} heard")
    for axes in (waves, said, heard):
        axes.set_xlim(0.0, length_s)
        axes.set_xlabel(f"seconds since {row.path.speaker} began")
        axes.tick_params(labelsize=8.5)


def _caption(row: Row) -> str:
    hearing = row.hearing
    delay = "—" if hearing.delay_ms is None else f"{hearing.delay_ms:.0f} ms"
    return (
        f"{row.call}, {row.direction}     {row.codec}     delay {delay}     "
        f"similarity {hearing.similarity:.2f}     lost {row.lost_percent:.1f} %"
    )


def _draw_waves(axes: Any, row: Row, origin_s: float) -> None:
    """Draw said above heard, each around a line of its own."""
    lanes = ((row.path.said, 0.6, _SAID), (row.path.heard, -0.6, _HEARD))
    for track, middle, colour in lanes:
        wave = track.samples / FULL_SCALE
        scale = 0.52 / max(float(np.abs(wave).max(initial=0.0)), _QUIETEST_PEAK)
        axes.plot(_times_s(track) - origin_s, wave * scale + middle, color=colour, linewidth=0.5)
    axes.set_ylim(-1.2, 1.2)
    axes.set_yticks(
        [middle for _, middle, _ in lanes], [f"{row.path.speaker}\nsaid", f"{row.path.listener}\nheard"]
    )
    for label, (_, _, colour) in zip(axes.get_yticklabels(), lanes, strict=True):
        label.set(color=colour, fontsize=10, fontweight="bold")
    axes.set_title("waves (each scaled to its own peak)", fontsize=10)
    axes.grid(visible=True, axis="x", alpha=0.3)


def _draw_spectrum(axes: Any, track: Track, origin_s: float, title: str) -> None:
    start_s, end_s = float(track.times_s[0]) - origin_s, float(track.times_s[-1]) - origin_s
    axes.imshow(
        _spectrogram_db(track),
        cmap="magma",
        vmin=_FLOOR_DB,
        vmax=_CEILING_DB,
        extent=(start_s, end_s, 0, track.rate_hz / 2),
        origin="lower",
        aspect="auto",
    )
    axes.set_ylim(0, _HIGHEST_HZ)
    axes.set_facecolor("black")
    axes.set_ylabel("Hz")
    axes.set_title(title, fontsize=10)


def _spectrogram_db(track: Track) -> Array:
    """Give the power of each frequency (rows) at each time (columns)."""
    padded = np.pad(track.samples / FULL_SCALE, _WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(frames)).T ** 2 / _WINDOW**2
    return np.asarray(10.0 * np.log10(power + 1e-12), dtype=np.float64)


def _times_s(track: Track) -> Array:
    """Give every sample its time."""
    inside_s = np.arange(track.frame_samples) / track.rate_hz
    return np.asarray((track.times_s[:, None] + inside_s[None, :]).reshape(-1), dtype=np.float64)
