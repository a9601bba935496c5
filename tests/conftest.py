"""What every test relies on: where the data is, and that nothing is skipped in silence."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

if SHARED_DATA.is_dir():
    os.environ.setdefault("BRINELL_DATA", str(SHARED_DATA))


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small work is quicker without company, and records of this process and of others can be equal."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def data_is_there() -> bool:
    """Whether there is a folder of real data."""
    return Path(os.environ.get("BRINELL_DATA", SHARED_DATA)).is_dir()


def cuda_is_there() -> bool:
    """Whether there is a GPU that the tests can use."""
    import torch

    return torch.cuda.is_available()


def timm_is_there() -> bool:
    """Whether timm is installed, which needs torchvision."""
    return find_spec("timm") is not None and find_spec("torchvision") is not None


def browser_is_there() -> bool:
    """Whether there is a Chromium, and what drives it."""
    found = any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    return found and find_spec("playwright") is not None


NEEDS = {
    "browser": (browser_is_there, "there is no Chromium, or no playwright"),
    "cuda": (cuda_is_there, "there is no GPU"),
    "timm": (timm_is_there, "timm or torchvision is not installed"),
    "mlflow": (lambda: find_spec("mlflow") is not None, "mlflow is not installed: pip install brinell[mlflow]"),
    "data": (data_is_there, "there is no data folder; BRINELL_DATA names it"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, visibly, what needs something that this machine has not got; build the guide first, which takes longest:
    begun last, it would keep one worker busy while the others are done."""
    items.sort(key=lambda item: item.path.name != "test_guide.py")
    for marker, (is_there, reason) in NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        missing = bool(marked) and not is_there()
        for item in marked:
            item.user_properties.append(("needs", marker))  # goes into the report, also from a worker process
            if missing:
                item.add_marker(pytest.mark.skip(reason=reason))


def unexcused_skips(config: pytest.Config) -> list[str]:
    """What was skipped in CI without excuse: a need that cannot be met is one, and the data only where they are not."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or os.environ.get("CI", "").lower() in ("", "0", "false"):
        return []
    excuses = {("needs", name) for name in NEEDS if name != "data" or not data_is_there()}
    skipped = reporter.stats.get("skipped", [])
    return [report.nodeid for report in skipped if not excuses & set(getattr(report, "user_properties", ()))]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skip without excuse fails the run."""
    if session.exitstatus == pytest.ExitCode.OK and unexcused_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which skips failed the run."""
    if skips := unexcused_skips(config):
        terminalreporter.section("skipped without excuse", red=True)
        terminalreporter.line(
            f"In CI this fails the run: only tests marked {', '.join(NEEDS)} may be skipped.", red=True
        )
        for nodeid in skips:
            terminalreporter.line(nodeid)
