"""Whatever happens to a test run, its peers do not outlive it."""

import asyncio
import os
import shutil
import sys

import pytest

from tests.peers.process import PeerProcess, PeerStartError, living_group
from tests.peers.waiting import until

KILLED_RUN = """
import asyncio, os, signal
from tests.peers.kamailio import Kamailio

async def main():
    proxy = Kamailio()
    await proxy.start()
    print(proxy.pid, proxy.folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.peer("kamailio")
async def test_a_killed_test_run_takes_its_peers_and_their_children_along() -> None:
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_RUN, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await run.communicate()
    group, folder = output.decode().split()

    async def all_gone() -> bool:
        return not living_group(int(group))

    await until(all_gone, 15)
    shutil.rmtree(folder)


async def test_a_program_that_ends_at_once_is_reported_with_its_words() -> None:
    process = PeerProcess("test")
    process.start(["/bin/sh", "-c", "echo out of order; exit 3"])

    async def never() -> bool:
        return False

    with pytest.raises(PeerStartError, match="out of order"):
        await process.wait_until(never)
    assert await process.wait(1) == 3
    await process.close()
    assert not process.folder.exists()


async def test_a_program_that_ignores_the_request_to_end_is_killed() -> None:
    process = PeerProcess("test")
    process.start(["/bin/sh", "-c", "trap '' TERM; : >up; while :; do sleep 1; done"])

    async def is_up() -> bool:
        return (process.folder / "up").exists()

    await process.wait_until(is_up)
    await process.stop(timeout_s=0.1)
    assert not process.is_running()
    assert living_group(process.pid) == []
    await process.close()


def test_the_group_of_this_very_run_is_alive() -> None:
    assert os.getpid() in living_group(os.getpgrp())
