"""Pages and pictures, read back by their formats' own rules."""

import re
import struct
import zlib
from html.parser import HTMLParser

import numpy as np
from numpy.typing import NDArray

EVIL = "</script><script>alert(1)</script>"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """A page as a reader meets it: its text, its tags with their attributes, and the table rows as lists of cells."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.source = source
        self.feed(source)
        self.close()

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def table(self, start: str) -> list[list[str]]:
        """The rows of the first table whose caption begins with ``start``."""
        rows = next(rows for caption, rows in self.tables.items() if caption.startswith(start))
        return [[" ".join(cell.split()) for cell in row] for row in rows]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "caption":
            self._rows: list[list[str]] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if {"style", "title", "script"} & set(self.open):
            return
        self.words.append(data)
        if "caption" in self.open and data.strip():
            self.tables[data.strip()] = self._rows
        elif self.open and {"td", "th"} & set(self.open):
            self._rows[-1][-1] += f" {data}"


def chunks(file: bytes) -> dict[bytes, bytes]:
    """The chunks of a PNG file, each checked against its checksum."""
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = {}, 8
    while at < len(file):
        (length,) = struct.unpack_from(">I", file, at)
        kind, data = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", file, at + 8 + length) == (zlib.crc32(kind + data),)
        found[kind] = data
        at += 12 + length
    assert list(found) == [b"IHDR", b"IDAT", b"IEND"]
    return found


def decode(file: bytes) -> NDArray[np.uint8]:
    found = chunks(file)
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", found[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    channels = {0: 1, 2: 3}[colour]
    lines = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert not lines[:, 0].any()  # every line says: unfiltered
    return lines[:, 1:].reshape((height, width) if channels == 1 else (height, width, 3))
