"""What every test may ask for; which tests are left out where ntgcalls is not installed."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from linegram.link.voice import NTGCALLS
from linegram.voice.engines import installed_engines

pytest_plugins = ["tests.peers.fixtures"]

settings.register_profile("linegram", deadline=None)
settings.load_profile("linegram")
"""A property holds or it does not; how long it took says how busy the machine was."""

_HAS_NTGCALLS = NTGCALLS in installed_engines()
_HERE = Path(__file__).parent

collect_ignore = [] if _HAS_NTGCALLS else ["voice/test_ntgcalls_engine.py", "voice/test_ntgcalls_leg.py"]
"""These import the library itself."""

_ABOUT_NTGCALLS = {
    _HERE / name
    for name in (
        "agent/test_call_audio_contract.py",
        "agent/test_hosts.py",
        "agent/test_hosts_admission.py",
        "agent/test_hosts_audio.py",
        "agent/test_hosts_engines.py",
        "agent/test_hosts_soak.py",
        "integration/test_engines.py",
        "media/test_host_process.py",
        "voice/own/test_interop.py",
        "voice/own/test_lossy_interop.py",
    )
}
"""Their media hosts or far ends are of ntgcalls; all others do with what is installed."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Skip what is about ntgcalls where it is not installed."""
    if _HAS_NTGCALLS:
        return
    skipped = pytest.mark.skip(reason="ntgcalls is not installed")
    for item in items:
        if item.path in _ABOUT_NTGCALLS:
            item.add_marker(skipped)
