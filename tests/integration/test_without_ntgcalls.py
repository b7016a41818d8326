"""Linegram where ntgcalls is not installed: everything works, with our own engine on both ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BLOCKER = """
import sys

class Blocker:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "ntgcalls":
            raise ModuleNotFoundError("No module named 'ntgcalls'", name="ntgcalls")
        return None

sys.meta_path.insert(0, Blocker)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a process, and of all that it starts, in which ntgcalls cannot be imported."""
    (tmp_path / "blocker").mkdir()
    (tmp_path / "blocker" / "sitecustomize.py").write_text(BLOCKER, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINEGRAM_")}
    paths = [str(tmp_path / "blocker"), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def run(environment: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


LINEGRAM = ("-c", "from linegram.cli import main; main()")


def test_the_native_library_is_really_out_of_reach(environment: dict[str, str], tmp_path: Path) -> None:
    result = run(environment, tmp_path, "-c", "import ntgcalls")
    assert "No module named 'ntgcalls'" in result.stderr
    named = "from linegram.voice.engines import installed_engines; print(installed_engines())"
    assert run(environment, tmp_path, "-c", named).stdout == "('own',)\n"


def test_every_module_but_those_that_are_made_of_it_can_be_imported(
    environment: dict[str, str], tmp_path: Path
) -> None:
    program = """
import importlib, pkgutil, linegram
for module in pkgutil.walk_packages(linegram.__path__, "linegram."):
    if module.name.endswith("__main__") or ".migrations.env" in module.name:
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        print(module.name, error.name)
"""
    result = run(environment, tmp_path, "-W", "ignore", "-c", program)
    assert result.returncode == 0, result.stderr
    assert set(result.stdout.splitlines()) == {
        "linegram.sandbox.employee_speaking ntgcalls",
        "linegram.sandbox.employee_voice ntgcalls",
        "linegram.voice.ntgcalls_control ntgcalls",
        "linegram.voice.ntgcalls_engine ntgcalls",
    }


def test_two_calls_through_a_whole_office_are_heard_both_ways(
    environment: dict[str, str], tmp_path: Path
) -> None:
    result = run(environment, tmp_path, *LINEGRAM, "demo", "--plain", "--seconds", "2")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Everybody heard everybody." in result.stdout
    assert "Anna's telephone speaks by Linegram's own engine" in result.stdout
    log = (tmp_path / "demo-out" / "linegram.log").read_text(encoding="utf-8")
    assert log.count("engine=own engine_reason=default") == 2


def test_the_check_says_which_engine_there_is(environment: dict[str, str], tmp_path: Path) -> None:
    result = run(environment, tmp_path, *LINEGRAM, "check")
    assert "voice engines     own; ntgcalls is not installed" in result.stdout
