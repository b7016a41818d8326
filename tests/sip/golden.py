"""The golden files under `tests/data`: shapes of PBXs, torture cases, junk; named by sender and content."""

from pathlib import Path

_DATA = Path(__file__).parents[1] / "data"


def golden_names(kind: str, *, is_bad: bool) -> list[str]:
    """Return the file names of one kind (`sip`, `sdp`), the broken or the others."""
    names = sorted(path.name for path in (_DATA / kind).iterdir())
    return [name for name in names if name.startswith("bad_") == is_bad]


def golden(kind: str, name: str) -> bytes:
    """Return the bytes of one golden file."""
    return (_DATA / kind / name).read_bytes()
