"""Run every benchmark and keep the figures in bench/results.json: `python -m bench`, or `make bench`.

Each benchmark is a process of its own. The table says beside every figure what DESIGN section 8 asks and
whether it is reached. The exit code is 1 if a benchmark did not run to its end; a figure that is missed is
no failure of the run, and stands in the table as MISSED.
"""

import json
import subprocess
import sys

from rich.console import Console
from rich.table import Column, Table

from bench.figures import FIGURES, MODULES, Wanted
from bench.results import RESULTS, Figure, keep, machine, yardstick_ms

LIMIT_S = 600
VERDICTS = {True: "[green]reached[/]", False: "[bold red]MISSED[/]", None: ""}


def run(module: str) -> dict[str, float]:
    """Run one benchmark; gives its figures, none if it failed."""
    command = [sys.executable, "-m", f"bench.{module}"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=True)
        figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        print(f"{module} failed: {error}", file=sys.stderr)
        return {}
    return figures


def asked(wanted: Wanted) -> str:
    """Say what is asked of a figure."""
    if wanted.limit is None:
        return ""
    return f"{'≥' if wanted.is_more_better else '≤'} {wanted.limit:g}"


def main(modules: tuple[str, ...]) -> int:
    """Run these benchmarks, keep and print their figures."""
    console = Console()
    console.print(f"On {machine()}; yardstick {yardstick_ms()} ms")
    table = Table(Column("figure", no_wrap=True), "value", "asked", "", "unit")
    failures = 0
    for module in modules:
        console.print(f"bench.{module} ...")
        figures = run(module)
        failures += not figures
        kept = {name: Figure(value, FIGURES[name].unit) for name, value in figures.items()}
        keep(RESULTS, kept, f"python -m bench.{module}")
        for name, figure in kept.items():
            wanted = FIGURES[name]
            verdict = VERDICTS[wanted.is_met_by(figure.value)]
            table.add_row(name, f"{figure.value:g}", asked(wanted), verdict, figure.unit)
    console.print(table)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:]) or MODULES))
