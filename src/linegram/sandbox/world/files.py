"""Uploaded bytes: parts that are still coming, and finished files."""

from random import Random

from linegram.sandbox.world.messages import StoredFile
from linegram.sandbox.world.refusals import bad_request


class Files:
    """All files; every name for one is a number with an access hash."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._parts: dict[tuple[int, int], dict[int, bytes]] = {}
        self._files: dict[int, StoredFile] = {}

    def save_part(self, uploader_id: int, upload_id: int, part: int, body: bytes) -> None:
        """Keep one part of an upload."""
        self._parts.setdefault((uploader_id, upload_id), {})[part] = body

    def finish(
        self, uploader_id: int, upload_id: int, *, parts: int, name: str, mime_type: str
    ) -> StoredFile:
        """Join the parts of an upload; refuse one with a hole (FILE_PARTS_INVALID)."""
        saved = self._parts.get((uploader_id, upload_id), {})
        if set(saved) != set(range(parts)) or not parts:
            raise bad_request("FILE_PARTS_INVALID")
        del self._parts[uploader_id, upload_id]
        return self.add(b"".join(saved[part] for part in range(parts)), name=name, mime_type=mime_type)

    def add(self, body: bytes, *, name: str, mime_type: str = "application/octet-stream") -> StoredFile:
        """Store a whole file."""
        file = StoredFile(self._random.getrandbits(62), self._random.getrandbits(62), name, mime_type, body)
        self._files[file.file_id] = file
        return file

    def get(self, file_id: int, access_hash: int) -> StoredFile:
        """Return a file; refuse an unknown one or a wrong hash (FILE_ID_INVALID)."""
        file = self._files.get(file_id)
        if file is None or file.access_hash != access_hash:
            raise bad_request("FILE_ID_INVALID")
        return file
