"""What a media host asks of the operating system."""

import resource
from collections.abc import Iterator

import pytest

from linegram.media.process import allow_many_sockets


@pytest.fixture
def few_handles() -> Iterator[int]:
    """Let this process have few file handles, though more are to be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_media_host_takes_all_file_handles_that_it_may_have(few_handles: int) -> None:
    assert allow_many_sockets() == few_handles > 512
