"""The figures of an RTP stream in the words of the link. For voice legs and PBX legs alike."""

from linegram.audio.frame import FRAME_MS
from linegram.link.figures import LegFigures
from linegram.rtp.reports import StreamStatistics


def leg_figures(measured: StreamStatistics, codec: str) -> LegFigures:
    """Round to what people and tables can use."""
    return LegFigures(
        codec=codec,
        duration_s=round(measured.duration_s, 1),
        packets_sent=measured.packets_sent,
        packets_passed=measured.packets_passed,
        packets_received=measured.packets_received,
        packets_lost=measured.packets_lost,
        packets_late=measured.packets_late,
        packets_duplicate=measured.packets_duplicate,
        sent_kbps=_kbps(measured.bytes_sent, measured.duration_s),
        received_kbps=_kbps(measured.bytes_received, measured.duration_s),
        jitter_ms=round(measured.jitter_ms, 1),
        playout_ms=round(measured.playout_mean_ms, 1),
        concealed_ms=measured.frames_concealed * FRAME_MS,
        round_trip_ms=_rounded(measured.round_trip_ms, 1),
        far_loss_percent=_rounded(measured.remote_loss_mean_percent, 2),
        far_jitter_ms=_rounded(measured.remote_jitter_ms, 1),
        mos=_rounded(measured.mos, 2),
        worst_mos=_rounded(measured.worst_mos, 2),
        far_mos=_rounded(measured.remote_mos, 2),
    )


def _kbps(size_bytes: int, duration_s: float) -> float:
    """Count payloads only: headers are the network's affair."""
    return round(size_bytes * 8 / duration_s / 1000, 1) if duration_s > 0 else 0.0


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
