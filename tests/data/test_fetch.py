"""Whatever the network does, the file is whole or not there, and the user hears of it."""

import gc
import gzip
import hashlib
import logging
from pathlib import Path

import pytest

from brinell.data.fetch import Fetcher
from brinell.errors import InputMissingError

CONTENT = bytes(range(256)) * 2000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = "numbers"
FAULTS = "corrupts drops fails ignores_range sends_a_page sends_another_part truncates truncates_silently"


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def fetch(mirror, waits):
    mirror.files[NAME] = CONTENT
    return Fetcher(mirrors=(mirror.url,), sleep=waits.append)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("packed", [CONTENT, gzip.compress(CONTENT, mtime=0)], ids=["plain", "gzip"])
def test_fetches_once_into_a_new_folder(fetch, mirror, tmp_path, packed):
    mirror.files[NAME] = packed
    folder = tmp_path / "a" / "b"
    assert fetch(NAME, folder, DIGEST).read_bytes() == packed
    assert fetch(NAME, folder, DIGEST) == folder / NAME
    assert mirror.asked == [("/" + NAME, None)]
    assert names(folder) == [NAME]


@pytest.mark.parametrize("fault", FAULTS.split())
def test_recovers_from(fetch, faults, mirror, tmp_path, fault):
    mirror.faults = [faults[fault], faults[fault]]
    assert fetch(NAME, tmp_path, DIGEST).read_bytes() == CONTENT
    assert names(tmp_path) == [NAME]
    gc.collect()  # an open socket or file would be reported here


@pytest.mark.parametrize("fault", [each for each in FAULTS.split() if each != "ignores_range"])
def test_a_fault_that_stays_leaves_no_file_and_names_the_folder(fetch, faults, mirror, tmp_path, fault):
    mirror.faults = [faults[fault]] * 9
    with pytest.raises(InputMissingError, match=f"last problem: .*put it into {tmp_path}"):
        fetch(NAME, tmp_path, DIGEST)
    assert set(names(tmp_path)) <= {f"{NAME}.part"}


def test_goes_on_where_it_broke_off(fetch, faults, mirror, tmp_path):
    mirror.faults = [faults["truncates"]]
    fetch(NAME, tmp_path, DIGEST)
    assert mirror.asked == [("/" + NAME, None), ("/" + NAME, f"bytes={len(CONTENT) // 2}-")]


def test_goes_on_with_what_an_earlier_run_left(fetch, mirror, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
    assert fetch(NAME, tmp_path, DIGEST).read_bytes() == CONTENT
    assert mirror.asked == [("/" + NAME, "bytes=1000-")]


@pytest.mark.parametrize("left", [CONTENT[:1000], CONTENT], ids=["some", "all"])
def test_what_was_left_does_not_hurt_where_the_range_is_ignored(fetch, faults, mirror, tmp_path, left):
    mirror.faults = [faults["ignores_range"]]
    (tmp_path / f"{NAME}.part").write_bytes(left)
    assert fetch(NAME, tmp_path, DIGEST).read_bytes() == CONTENT


def test_a_whole_part_is_taken_as_it_is(fetch, mirror, tmp_path):
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT)  # the server answers 416: there is no more
    assert fetch(NAME, tmp_path, DIGEST).read_bytes() == CONTENT
    assert len(mirror.asked) == 1


@pytest.mark.parametrize("left", [b"x" * 1000, b"x" * (len(CONTENT) + 9)], ids=["shorter", "longer"])
def test_a_part_of_something_else_is_fetched_anew(fetch, mirror, tmp_path, left):
    (tmp_path / f"{NAME}.part").write_bytes(left)
    assert fetch(NAME, tmp_path, DIGEST).read_bytes() == CONTENT
    assert mirror.asked[-1] == ("/" + NAME, None)


def test_after_another_part_than_asked_for_the_whole_is_asked_for(fetch, faults, mirror, tmp_path):
    mirror.faults = [faults["sends_another_part"]]
    (tmp_path / f"{NAME}.part").write_bytes(CONTENT[:1000])
    assert fetch(NAME, tmp_path, DIGEST).read_bytes() == CONTENT
    assert mirror.asked == [("/" + NAME, "bytes=1000-"), ("/" + NAME, None)]


@pytest.mark.parametrize(
    "left", [b"damaged", gzip.compress(CONTENT, mtime=0)[:100], b""], ids=["damaged", "longer", "empty"]
)
def test_a_corrupt_file_is_deleted_and_fetched_anew(fetch, tmp_path, left, caplog):
    (tmp_path / NAME).write_bytes(left)
    assert fetch(NAME, tmp_path, DIGEST).read_bytes() == CONTENT
    assert "is deleted" in caplog.text


def test_waits_longer_from_round_to_round(fetch, faults, mirror, tmp_path, waits):
    mirror.faults = [faults["fails"]] * 2
    fetch(NAME, tmp_path, DIGEST)
    assert waits == [0.5, 1.0]


def test_the_next_mirror_is_asked_without_waiting(mirror, tmp_path, waits):
    mirror.files[f"good/{NAME}"] = CONTENT
    fetch = Fetcher(mirrors=(mirror.url + "bad", mirror.url + "good/"), sleep=waits.append)
    fetch(NAME, tmp_path, DIGEST)
    assert [path for path, _ in mirror.asked] == [f"/bad/{NAME}", f"/good/{NAME}"]
    assert waits == []


def test_no_network(tmp_path, mirror, waits):
    port = mirror.server_port
    mirror.server_close()
    fetch = Fetcher(mirrors=(f"http://127.0.0.1:{port}/",), sleep=waits.append)
    with pytest.raises(InputMissingError, match=f"(?s)put it into {tmp_path / 'cache'}"):
        fetch(NAME, tmp_path / "cache", DIGEST)
    assert names(tmp_path / "cache") == []


def test_tells_of_the_download_and_of_how_far_it_is(fetch, mirror, tmp_path, caplog):
    told = []
    fetch = Fetcher(mirrors=(mirror.url,), progress=lambda *news: told.append(news))
    with caplog.at_level(logging.WARNING, logger="brinell"):
        fetch(NAME, tmp_path, DIGEST)
    assert caplog.messages == [f"downloading {mirror.url}{NAME} to {tmp_path}"]
    assert {(label, total) for label, _, total in told} == {(NAME, len(CONTENT))}
    done = [news[1] for news in told]
    assert done == sorted(set(done))
    assert done[-1] == len(CONTENT)


def test_an_interruption_keeps_what_has_come(fetch, mirror, tmp_path):
    def interrupt(label, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Fetcher(mirrors=(mirror.url,), progress=interrupt)(NAME, tmp_path, DIGEST)
    (part,) = tmp_path.iterdir()
    assert part.name == f"{NAME}.part"
    assert CONTENT.startswith(part.read_bytes())
    assert fetch(NAME, tmp_path, DIGEST).read_bytes() == CONTENT
