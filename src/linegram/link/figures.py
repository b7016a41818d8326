"""Figures of a call's audio, leg by leg, as they travel from the media host to the call record."""

import msgspec


class LegFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What one leg measured from its start to its end; None is what nobody could tell.

    `mos` is what we heard of the leg's far end, by the E-model; `worst_mos` the same in the worst of its
    intervals of some seconds; `far_*` is what the far end reported of what it heard, losses as the mean.
    `packets_passed` of `packets_sent` went through unopened.
    """

    codec: str = ""
    duration_s: float = 0.0
    packets_sent: int = 0
    packets_passed: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    packets_duplicate: int = 0
    sent_kbps: float = 0.0
    received_kbps: float = 0.0
    jitter_ms: float = 0.0
    playout_ms: float = 0.0
    concealed_ms: int = 0
    far_muted_ms: int = 0
    round_trip_ms: float | None = None
    far_loss_percent: float | None = None
    far_jitter_ms: float | None = None
    mos: float | None = None
    worst_mos: float | None = None
    far_mos: float | None = None

    @property
    def loss_percent(self) -> float:
        """The share of the far end's packets that never came."""
        sent = self.packets_received + self.packets_lost
        return 100.0 * self.packets_lost / sent if sent else 0.0
