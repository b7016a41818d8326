"""What is said in the voice quality benchmark: recorded speech where there is some, made-up speech elsewhere.

The prompts of Asterisk, which `make peers` brings for the tests, are a real voice that reads whole sentences
(8 kHz). Without them the voice of the demo speaks; its figures compare with no others.
"""

from pathlib import Path

import av
import numpy as np

from linegram.audio.frame import PcmFrame
from linegram.sandbox.demo_speech import Speaker
from linegram.sandbox.demo_speech import speech as made_up_speech

RATE_HZ = 8_000
PROMPTS = ("demo-instruct", "demo-congrats", "basic-pbx-ivr-main")
PEERS = Path(__file__).parent.parent / ".peers"


def speech(duration_s: float) -> tuple[PcmFrame, str]:
    """Give so much speech at 8 kHz, and say whose voice it is."""
    count = round(duration_s * RATE_HZ)
    recorded = _recorded()
    if recorded is not None and len(recorded) >= count:
        return recorded[:count], "recorded"
    return made_up_speech(Speaker(120.0, 7), duration_s, RATE_HZ), "made up"


def _recorded() -> PcmFrame | None:
    folders = sorted(PEERS.glob("*/root/usr/share/asterisk/sounds/en_US_f_Allison"))
    paths = [folders[0] / f"{name}.gsm" for name in PROMPTS] if folders else []
    if not paths or not all(path.exists() for path in paths):
        return None
    return np.concatenate([_decoded(path) for path in paths])


def _decoded(path: Path) -> PcmFrame:
    with av.open(str(path)) as container:
        return np.concatenate([piece.to_ndarray().ravel() for piece in container.decode(audio=0)])
