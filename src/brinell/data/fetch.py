"""Files from the network: announced, resumed where they broke off, tried again, and never half there."""

import http.client
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, build_opener

from brinell.data.files import checksum
from brinell.errors import InputError, InputMissingError
from brinell.progress import Progress, silent

_LOG = logging.getLogger("brinell")
_CHUNK = 1 << 16
_FIRST_WAIT = 0.5  # seconds, before the second round over the mirrors; it doubles with every further round


class _TransferError(Exception):
    """What came is not, or not yet, the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetcher:
    """Gets files from the first of several ``mirrors`` (URLs of a folder) that has them.

    rounds: how often all mirrors are tried. timeout: seconds without an answer. sleep: waits between the
    rounds. progress: called with the file's name, bytes done and bytes in all.
    """

    mirrors: Sequence[str]
    progress: Progress = silent
    rounds: int = 3
    timeout: float = 30.0
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, name: str, folder: Path, digest: str) -> Path:
        """The file ``name`` in ``folder``, fetched unless it is there.

        digest: its checksum, see ``checksum``. While it comes it is called
        ``name.part``, and what is there of it is not fetched again; what fails the checksum is deleted.
        Raises InputMissingError, naming the folder, when no mirror gives it.
        """
        target = folder / name
        if target.is_file() and _is_sound(target, digest):
            return target
        problem: Exception | None = None
        for attempt in range(self.rounds):
            if attempt:
                self.sleep(_FIRST_WAIT * 2 ** (attempt - 1))
            for mirror in self.mirrors:
                try:
                    return self._get(mirror.rstrip("/") + "/" + name, target, digest)
                except (_TransferError, OSError, http.client.HTTPException) as caught:
                    problem = caught
                    _LOG.warning("%s did not come from %s: %s", name, mirror, caught)
        raise InputMissingError(
            f"{name} could not be fetched from {', '.join(self.mirrors)} (the last problem: {problem}). "
            f"Fetch it by other means and put it into {folder}."
        ) from problem

    def _get(self, url: str, target: Path, digest: str) -> Path:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        _LOG.warning("downloading %s to %s", url, target.parent)
        self._download(url, part)
        if not _is_sound(part, digest):
            raise _TransferError(f"{url} sent other bytes than expected (their checksum differs)")
        part.replace(target)
        return target

    def _download(self, url: str, part: Path) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"User-Agent": "brinell"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            with build_opener().open(Request(url, headers=headers), timeout=self.timeout) as reply:
                self._store(reply, part, have)
        except HTTPError as error:
            error.close()
            if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            # There is nothing after what is already here: the checksum decides whether it is the file.

    def _store(self, reply: Any, part: Path, have: int) -> None:
        if reply.headers.get_content_type() == "text/html":
            raise _TransferError(f"{reply.url} is a web page, not the file")
        start, length = _start(reply), reply.headers["Content-Length"]
        if start > have:
            part.unlink(missing_ok=True)  # so that the next attempt asks for the whole file
            raise _TransferError(f"{reply.url} sent another part of the file than asked for")
        total = start + int(length) if length else None
        done = start
        with part.open("ab") as file:
            file.truncate(start)
            while chunk := reply.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                self.progress(part.stem, done, total)
            file.flush()
            os.fsync(file.fileno())
        if total is not None and done < total:
            raise _TransferError(f"{reply.url} broke off after {done} of {total} bytes")


def _start(reply: Any) -> int:
    """Which byte of the file the reply begins with: a server may ignore where it is asked to go on."""
    if reply.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0
    sent = re.match(r"bytes (\d+)-", reply.headers.get("Content-Range", ""))
    return int(sent[1]) if sent else sys.maxsize


def _is_sound(path: Path, digest: str) -> bool:
    """Whether a file has the checksum ``digest``; one that has not is deleted."""
    try:
        if checksum(path, digest) == digest:
            return True
    except InputError:
        pass
    _LOG.warning("%s does not have the expected checksum and is deleted", path)
    path.unlink()
    return False
