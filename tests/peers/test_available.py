"""A missing peer is said in one line: skipped at home, failed in CI."""

from pathlib import Path

import pytest

from tests.peers import available
from tests.peers.asterisk import Asterisk
from tests.peers.available import PeerMissingError, find_peer
from tests.peers.fixtures import require_peer


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(available, "PEERS_DIR", tmp_path)
    return tmp_path / "status"


def test_a_fetched_peer_has_a_root_and_its_own_libraries(record: Path) -> None:
    record.write_text("sipp ok 3.6.1 bookworm/root/usr/bin/sipp\n")
    peer = find_peer("sipp")
    assert (peer.version, peer.root) == ("3.6.1", record.parent / "bookworm/root")
    assert peer.program == record.parent / "bookworm/root/usr/bin/sipp"


def test_a_peer_of_the_machine_is_started_directly(record: Path) -> None:
    record.write_text("sipp ok 3.7.0 /usr/bin/sipp\n")
    assert find_peer("sipp").command("-h") == ["/usr/bin/sipp", "-h"]


def test_a_missing_peer_has_the_recorded_reason(record: Path) -> None:
    record.write_text("sipp missing: the mirror is down\n")
    with pytest.raises(PeerMissingError, match=r"^the mirror is down$"):
        find_peer("sipp")


def test_without_a_record_the_reason_is_the_command_to_run(record: Path) -> None:
    with pytest.raises(PeerMissingError, match="make peers"):
        find_peer("sipp")


def test_a_missing_peer_skips_at_home_and_fails_in_ci(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record.write_text("sipp missing: the mirror is down\n")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"^peer sipp is missing: the mirror is down$"):
        require_peer("sipp")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"^peer sipp is missing: the mirror is down$"):
        require_peer("sipp")


def test_asking_for_a_peers_fixture_marks_the_test(
    request: pytest.FixtureRequest, asterisk22: Asterisk
) -> None:
    assert [mark.args for mark in request.node.iter_markers("peer")] == [("asterisk22",)]
    assert asterisk22.is_running()
