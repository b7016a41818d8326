"""What is measured: every figure of `python -m bench`, its unit, and what DESIGN section 8 asks of it."""

from typing import NamedTuple


class Wanted(NamedTuple):
    """A figure to reach. `limit` is the worst value that is good enough; None: measured for comparison."""

    unit: str
    limit: float | None = None
    is_more_better: bool = False

    def is_met_by(self, value: float) -> bool | None:
        """Whether a value is good enough; None where nothing is asked."""
        if self.limit is None:
            return None
        return value >= self.limit if self.is_more_better else value <= self.limit


MODULES = (
    "rtp_bridge",
    "media_host",
    "added_delay",
    "registrations",
    "strangers",
    "sip_calls",
    "call_setup",
    "voice_quality",
)
"""In this order; each can be run alone as `python -m bench.NAME` and prints its figures as JSON at last."""

FIGURES = {
    "rtp_bridge_ms_per_call_s": Wanted("ms CPU per call-second, 100 calls", 1.5),
    "rtp_streams_ms_per_call_s": Wanted("ms CPU per call-second without sockets"),
    "call_core_percent_16": Wanted("% of a core per bridged call, 16 calls", 3.2),
    "call_mb_16": Wanted("MB per bridged call, 16 calls", 5.0),
    "host_mb_16": Wanted("MB of a media host with 16 calls"),
    "call_core_percent_1_own": Wanted("% of a core, 1 bridged call, own engine"),
    "call_core_percent_10_own": Wanted("% of a core per bridged call, 10 calls, own engine"),
    "call_core_percent_20_own": Wanted("% of a core per bridged call, 20 calls, own engine"),
    "call_core_percent_20_own_opus": Wanted("% of a core per call in Opus unopened, 20 calls, own engine"),
    "call_core_percent_40_own": Wanted("% of a core per bridged call, 40 calls, own engine", 1.0),
    "call_core_percent_80_own": Wanted("% of a core per bridged call, 80 calls, own engine"),
    "call_core_percent_1_ntgcalls": Wanted("% of a core, 1 bridged call, ntgcalls"),
    "call_core_percent_10_ntgcalls": Wanted("% of a core per bridged call, 10 calls, ntgcalls"),
    "call_core_percent_20_ntgcalls": Wanted("% of a core per bridged call, 20 calls, ntgcalls"),
    "call_mb_20_own": Wanted("MB per bridged call, 20 calls, own engine"),
    "call_mb_40_own": Wanted("MB per bridged call, 40 calls, own engine", 1.0),
    "call_mb_20_ntgcalls": Wanted("MB per bridged call, 20 calls, ntgcalls"),
    "voice_connect_ms_p95_own": Wanted("ms from OpenVoice to connected at both ends, own engine"),
    "voice_connect_ms_p95_ntgcalls": Wanted("ms from OpenVoice to connected at both ends, ntgcalls"),
    "voice_delay_ms_p95_own": Wanted("ms through host and far end, each way, own engine"),
    "voice_delay_ms_p95_ntgcalls": Wanted("ms through host and far end, each way, ntgcalls"),
    "added_delay_own_ms_p95": Wanted("ms, as added_delay_ms_p95 but with the own engine", 30.0),
    "added_delay_ms_p95": Wanted("ms, end to end less engine and jitter target", 30.0),
    "invite_to_telegram_ms_p95": Wanted("ms from INVITE to phone.requestCall less the card", 50.0),
    "card_post_ms_median": Wanted("ms that the card took"),
    "answer_to_audio_ms_p95": Wanted("ms from the employee's press to audio both ways", 300.0),
    "answer_to_audio_ms_median": Wanted("ms from the employee's press to audio both ways"),
    "register_cpu_ms": Wanted("ms CPU per REGISTER and its answer", 0.5),
    "account_online_cpu_ms": Wanted("ms CPU per account from nothing to registered: two REGISTERs"),
    "account_online_paced_cpu_ms": Wanted("ms CPU per account, 200 accounts a second"),
    "account_kb": Wanted("kB of memory per registered account, 5 000 accounts", 10.0),
    "pesq_own_60ms": Wanted("PESQ, own engine hears 60 ms packets, 10 % lost, 40 ms jitter"),
    "pesq_ntgcalls_60ms": Wanted("PESQ, ntgcalls hears the same packets"),
    "pesq_behind_ntgcalls_60ms": Wanted("PESQ less than ntgcalls', the same packets", 0.3),
    "heard_later_than_ntgcalls_60ms": Wanted("ms from mouth to ear more than ntgcalls, the same packets"),
    "pesq_own_20ms": Wanted("PESQ, own engine hears our 20 ms packets, 10 % lost, 40 ms jitter"),
    "pesq_ntgcalls_20ms": Wanted("PESQ, ntgcalls hears the same packets"),
    "pesq_behind_ntgcalls_20ms": Wanted("PESQ less than ntgcalls', the same packets", 0.3),
    "heard_later_than_ntgcalls_20ms": Wanted("ms from mouth to ear more than ntgcalls, the same packets"),
    "stranger_cpu_us": Wanted("µs CPU per message of a stranger that is dropped", 20.0),
    "calls_per_s_core": Wanted("calls set up and ended per second of CPU", 1270.0, is_more_better=True),
}
