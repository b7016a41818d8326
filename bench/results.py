"""Measured figures and the files that keep them: `{name: {value, unit, command, when, ...}}`.

Besides, each says on what `machine`, and its `yardstick_ms`: the CPU time of one fixed piece of work right
after the figures. A shared machine is not always equally fast: CPU figures of two runs compare only where
their yardsticks do.
"""

import json
import os
import statistics
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

RESULTS = Path(__file__).parent / "results.json"
SOAK_RESULTS = Path(__file__).parent / "soak.json"


class Figure(NamedTuple):
    """One measured value and its unit."""

    value: float
    unit: str


def machine() -> str:
    """Describe where and beside how much other work something was measured."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    model = models[0].partition(":")[2].strip() if models else "unknown processor"
    return f"{os.cpu_count()} cores, {model}, load average {os.getloadavg()[0]:.1f}"


def yardstick_ms() -> float:
    """Measure the CPU time of a fixed piece of work: the median of five."""
    times_ms = []
    for _ in range(5):
        began = time.process_time()
        sum(number * number for number in range(500_000))
        times_ms.append((time.process_time() - began) * 1000)
    return round(statistics.median(times_ms), 1)


def keep(path: Path, figures: Mapping[str, Figure], command: str) -> None:
    """Write figures into a results file; what others wrote there stays."""
    kept = json.loads(path.read_text()) if path.exists() else {}
    when, yardstick = datetime.now(UTC).isoformat(timespec="seconds"), yardstick_ms()
    for name, figure in figures.items():
        kept[name] = {
            "value": round(figure.value, 3),
            "unit": figure.unit,
            "command": command,
            "when": when,
            "machine": machine(),
            "yardstick_ms": yardstick,
        }
    path.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n")
