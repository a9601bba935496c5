"""Where the files of a published data set are: in a folder that the user names, the cache, or on mirrors."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from brinell.data.fetch import Fetcher
from brinell.data.files import checksum
from brinell.errors import InputError, InputMissingError
from brinell.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The files of the data set ``title``, each known by its checksum.

    folder: its name within the folder that BRINELL_DATA names (``../shared/data`` when it is not set) and in the cache.
    mirrors: URLs of folders that have the files. digests: from a file's name to its checksum, see ``checksum``; one of
    unpacked bytes holds for the name with .gz as well. loose: whether files may also lie in the named folder itself.
    hint: what else to say where a file is not to be had.
    """

    title: str
    folder: str
    mirrors: Sequence[str]
    digests: Mapping[str, str]
    loose: bool = False
    hint: str = ""

    def file(self, *names: str, progress: Progress) -> Path:
        """The file under the first of its ``names`` that is there; the last is the one that mirrors have.

        Raises InputError when a file of the user's is not the original, InputMissingError when there is none.
        """
        found = self.find(*names)
        if found is not None:
            return found
        wanted, cache = names[-1], cache_folder(self.folder)
        try:
            return Fetcher(mirrors=self.mirrors, progress=progress)(wanted, cache, self._digest(wanted))
        except InputMissingError as problem:
            raise InputMissingError(
                f"{problem} The folder {self.folder} in the one that BRINELL_DATA names will do as well. All files of "
                f"{self.title}: {', '.join(self.digests)}.{self.hint}"
            ) from problem

    def find(self, *names: str) -> Path | None:
        """The first of the files ``names`` that the user or the cache has; None without one. Raises InputError."""
        for path in (folder / name for folder in self._folders() for name in names):
            if path.is_file():
                return self._checked(path)
        fetched = cache_folder(self.folder)
        return next((self._checked(fetched / name) for name in names[:-1] if (fetched / name).is_file()), None)

    def _folders(self) -> Iterator[Path]:
        root = Path(os.environ.get("BRINELL_DATA") or "../shared/data")
        yield root / self.folder
        if self.loose:
            yield root

    def _digest(self, name: str) -> str:
        return self.digests.get(name) or self.digests[name.removesuffix(".gz")]

    def _checked(self, path: Path) -> Path:
        wanted = self._digest(path.name)
        found = checksum(path, wanted)
        if found != wanted:
            raise InputError(
                f"{path} is not the original file of {self.title}: its checksum is {found}, not {wanted}. Replace it, "
                "or remove it to have it fetched."
            )
        return path


def cache_folder(name: str) -> Path:
    """Where fetched files are kept: ``brinell/NAME`` in ``$XDG_CACHE_HOME``, or else in ``~/.cache``."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "brinell" / name
