"""`tools/peers.sh` on machines that we make up: a fake apt-get, other sources, no apt at all. No network."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "peers.sh"
TOOLS = """
awk basename bash cat chmod date dirname env find flock grep head id mkdir mv paste printf rm sed sort tail
timeout touch
"""
DEB822 = """\
# a comment with http://comment.example/debian
Types: deb
URIs: http://security.example/debian-security
Suites: bookworm-security
Components: main

Types: deb deb-src
URIs: http://mirror.example/debian
# another comment
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /keys/own.gpg
"""
ONE_LINE = """\
# deb http://comment.example/debian bookworm main
deb cdrom:[Debian 12]/ bookworm main
deb http://security.example/debian-security bookworm-security main
deb [arch=amd64 signed-by=/keys/line.gpg] http://mirror.example/debian bookworm main
"""
FAKE_APT = """\
#!/bin/bash
for word; do
    case $word in Dir::Etc::SourceParts=*) cat "${word#*=}"/peers.sources >>"$SEEN" ;; esac
done
echo 'E: Failed to fetch http://mirror.example/debian/x  404' >&2
exit 100
"""


@dataclass
class Machine:
    folder: Path

    @property
    def peers(self) -> Path:
        return self.folder / "peers"

    @property
    def sources_seen(self) -> str:
        return (self.folder / "seen").read_text()

    def write_sources(self, name: str, text: str) -> None:
        (self.folder / "apt" / name).write_text(text)

    def add_program(self, name: str, text: str) -> None:
        program = self.folder / "bin" / name
        program.write_text(text)
        program.chmod(0o755)

    def fetch(self) -> str:
        environment = {
            "PATH": str(self.folder / "bin"),
            "LINEGRAM_PEERS": str(self.peers),
            "LINEGRAM_APT": str(self.folder / "apt"),
            "SEEN": str(self.folder / "seen"),
        }
        run = subprocess.run(
            ["/bin/bash", str(SCRIPT)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return run.stdout

    def status(self) -> list[str]:
        return (self.peers / "status").read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    (tmp_path / "bin").mkdir()
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    for name in TOOLS.split():
        if path := shutil.which(name):
            (tmp_path / "bin" / name).symlink_to(path)
    return Machine(tmp_path)


@pytest.fixture
def machine_with_apt(machine: Machine) -> Machine:
    machine.add_program("apt-get", FAKE_APT)
    machine.add_program("dpkg-deb", "#!/bin/bash\n")
    return machine


def test_without_apt_every_peer_is_named_with_the_reason(machine: Machine) -> None:
    output = machine.fetch()
    reason = "missing: this machine has no apt-get, and no such program is installed"
    assert [line.partition(" ")[2] for line in machine.status()] == [reason] * 7
    assert "peers: asterisk22 missing" in output
    assert not (machine.peers / ".ready").exists()


def test_a_program_of_the_machine_is_taken_when_its_version_will_do(machine: Machine) -> None:
    machine.add_program("asterisk", "#!/bin/bash\necho Asterisk 22.1.0\n")
    machine.fetch()
    assert machine.status()[0] == f"asterisk22 ok 22.1.0 {machine.folder}/bin/asterisk"
    assert machine.status()[1].startswith("asterisk16 missing: ")


def test_sources_without_debian_are_the_reason(machine_with_apt: Machine) -> None:
    machine_with_apt.fetch()
    assert machine_with_apt.status()[0].endswith("the apt sources of this machine name no Debian archive")


def test_the_mirror_and_keyring_come_from_stanzas(machine_with_apt: Machine) -> None:
    machine_with_apt.write_sources("sources.list.d/debian.sources", DEB822)
    machine_with_apt.fetch()
    seen = machine_with_apt.sources_seen
    assert "URIs: http://mirror.example/debian\nSuites: sid\n" in seen
    assert "URIs: http://mirror.example/debian\nSuites: bullseye\n" in seen
    assert seen.count("Signed-By: /keys/own.gpg") == 3
    assert "security" not in seen


def test_the_mirror_and_keyring_come_from_one_line_entries(machine_with_apt: Machine) -> None:
    machine_with_apt.write_sources("sources.list", ONE_LINE)
    machine_with_apt.fetch()
    assert machine_with_apt.sources_seen.count("URIs: http://mirror.example/debian\n") == 3
    assert machine_with_apt.sources_seen.count("Signed-By: /keys/line.gpg") == 3


def test_a_failed_download_is_a_reason_without_an_address_and_leaves_no_half_root(
    machine_with_apt: Machine,
) -> None:
    machine_with_apt.write_sources("sources.list.d/debian.sources", DEB822)
    machine_with_apt.fetch()
    assert machine_with_apt.status()[0] == "asterisk22 missing: E: Failed to fetch the mirror  404"
    assert not [path.name for path in machine_with_apt.peers.iterdir() if path.is_dir()]


@pytest.mark.peer("asterisk22")
def test_a_second_run_fetches_nothing() -> None:
    before = (SCRIPT.parents[1] / ".peers" / "sid").stat().st_mtime_ns
    run = subprocess.run(
        ["bash", str(SCRIPT)], env=dict(os.environ), capture_output=True, text=True, check=True, timeout=60
    )
    assert "fetching" not in run.stdout
    assert (SCRIPT.parents[1] / ".peers" / "sid").stat().st_mtime_ns == before
