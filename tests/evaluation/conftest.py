"""One thread, so that records of this process and of others can be equal; and one undisturbed audit."""

from collections.abc import Iterator

import pytest
import torch
import trials

import brinell as br


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def whole(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> br.Audit:
    """The small audit from beginning to end, with nothing in between."""
    return trials.audit(out=tmp_path_factory.mktemp("whole") / "run")
