"""Who may import whom, and what `import brinell` costs."""

import inspect
import logging.config
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

import brinell

ROOT = Path(__file__).resolve().parent.parent
HEAVY = {"torch", "numpy", "scipy", "pyarrow"}
PACKAGE = ROOT / "src" / "brinell"


def test_every_room_imports_only_from_the_rooms_below_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)  # it would silence brinell's log for all tests
    broken = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True)
    assert broken == 0, capsys.readouterr().out


@pytest.mark.parametrize("module", ["brinell", "brinell.cli.app", "brinell.pytest_plugin"])
def test_importing_is_light(module: str) -> None:
    program = f"import sys, {module}; print(*sorted({{'torch', 'numpy', 'scipy', 'pyarrow'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []


def test_outputs_need_no_torch() -> None:
    program = "import sys, brinell.outputs; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stdout == "False\n", run.stderr


@pytest.mark.parametrize("name", brinell.__all__)
def test_no_module_shadows_a_public_name(name: str) -> None:
    public = getattr(brinell, name)
    assert not inspect.ismodule(public)
    assert not list(PACKAGE.glob(f"{name}.py*"))
    assert not (PACKAGE / name).exists()
