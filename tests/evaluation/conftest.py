"""Undisturbed audits."""

import pytest
import trials

import brinell as br


@pytest.fixture(scope="session")
def whole(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> br.Audit:
    """The small audit from beginning to end, with nothing in between."""
    return trials.audit(out=tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="session")
def diagnosed(one_thread: None, tmp_path_factory: pytest.TempPathFactory) -> br.Audit:
    """The same, diagnosed, in one batch."""
    return trials.audit(out=tmp_path_factory.mktemp("diagnosed") / "run", diagnose=True, batch_size=trials.N)
