"""The pytest plug-in, run by pytest inside pytest."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch

import brinell

pytest_plugins = "pytester"
PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"
NET = """
import brinell
import brinell.data
import pytest
import torch
from torch import nn

@pytest.fixture
def net():
    layer = nn.Linear(4, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 1, 1, 1], [-1, -1, -1, -1]]))
        layer.bias.copy_(torch.tensor([-2.0, 2]))
    return brinell.Classifier(layer, bounds=(0, 1))

@pytest.fixture
def data():
    '''The margin of row i is i / 100: of 100 rows, 4 * eps * 100 fall to an attacker of eps.'''
    share = (torch.arange(100) + 0.5) / 400
    side = torch.where(torch.arange(100) % 2 == 0, 1.0, -1.0)
    return (0.5 + side * share)[:, None].expand(100, 4).contiguous(), (side < 0).long()

VERDICT = 'doubtful'
FAST = dict(cascade=(brinell.FGSM(),), diagnose=False)
"""


@pytest.fixture(scope="module", autouse=True)
def all_is_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """pytester forgets the modules that a run inside it imports first, and numpy's cannot be imported twice."""
    model = brinell.Classifier(torch.nn.Linear(4, 2), bounds=(0, 1))
    audit = brinell.audit(model, (torch.rand(9, 4), torch.arange(9) % 2), brinell.Linf(0.1), effort="quick")
    brinell.write_html(audit, tmp_path_factory.mktemp("report") / "report.html")
    brinell.Demand.read("gap<=1").check(audit)


@pytest.fixture
def outcome(pytester: pytest.Pytester):
    """Run one test with the fixture; gives pytest's result."""

    def run(body: str, *words: str) -> pytest.RunResult:
        pytester.makepyfile(NET + f"\ndef test_model(assert_robust, net, data):\n    {body}\n")
        return pytester.runpytest_inprocess("-p", "brinell.pytest_plugin", "-p", "no:cacheprovider", *words)

    return run


def test_a_model_as_robust_as_demanded_passes(outcome) -> None:
    proved = "certified_accuracy=0.65, certificate=brinell.IntervalBounds()"
    audit = (
        "audit = assert_robust("
        f"net, data, 'linf:0.05', robust_accuracy=0.65, worst_group=0.6, gap=0.4, {proved}, **FAST)"
    )
    outcome(f"{audit}; assert audit.robust_accuracy.hits == 80 and audit.clean_accuracy.hits == 100").assert_outcomes(
        passed=1
    )


def test_the_lower_end_decides_and_the_message_says_so(outcome) -> None:
    """80 of 100 rows stand: the value meets 0.75, and the exact interval goes down to 70.8 %."""
    result = outcome("assert_robust(net, data, brinell.Linf(0.05), robust_accuracy=0.75, clean_accuracy=0.9, **FAST)")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        "*AssertionError: Linear on 100 rows of arrays is not as robust as demanded, against linf:0.05:",
        "*robust_accuracy>=0.75 is missed: *80.0% of 100 rows (exact 95% interval 70.8% to 87.3%): "
        "its lower end, 70.8%, is below 75.0%; the value alone would do, and so would about * rows of its kind",
        "*clean_accuracy>=0.9 is met: *",
        "*a stronger attack may break more.",
        "*pytest --brinell-reports FOLDER",
    ])  # fmt: skip
    assert "pytest_plugin.py" not in result.stdout.str()  # the traceback ends in the test


def test_groups_and_texts_of_demands(outcome) -> None:
    groups = "groups={'half': [i < 50 for i in range(100)]}"
    demands = "require=['worst_group:half>=0.9', 'gap:half<=0.9']"
    result = outcome(f"assert_robust(net, data, 'linf:0.05', {groups}, {demands}, **FAST)")
    result.stdout.fnmatch_lines(["*worst_group:half>=0.9 is missed: *half True is 60.0% of 50 rows*",
                                 "*gap:half<=0.9 is met: *"])  # fmt: skip


def test_groups_that_stand_in_the_data_file(outcome) -> None:
    save = "import numpy as np; np.savez('toy.npz', x=data[0], y=data[1], group_half=np.arange(100) < 50)"
    call = "assert_robust(net, 'toy.npz', 'linf:0.05', require='worst_group:{}>=0.1', **FAST)"
    outcome(f"{save}; {call.format('half')}").assert_outcomes(passed=1)
    outcome(f"{save}; {call.format('sex')}").stdout.fnmatch_lines(["*InputError: *there are: class, half."])
    source = call.replace("'toy.npz'", "brinell.data.read('toy.npz')")
    outcome(f"{save}; {source.format('half')}").assert_outcomes(passed=1)


def test_a_verdict_can_be_demanded(outcome) -> None:
    outcome("assert_robust(net, data, 'linf:0.05', verdict='sound', cascade=FAST['cascade'])").assert_outcomes(passed=1)


def test_a_number_that_is_not_to_be_believed_is_a_warning(outcome) -> None:
    """The net rounds its input, so that gradients lead nowhere."""
    hides = "net.net.register_forward_pre_hook(lambda _, x: (x[0] * 50).round() / 50)"
    call = "assert_robust(net, data, 'linf:0.01', {}, cascade=FAST['cascade'])"
    result = outcome(f"{hides}; {call.format('robust_accuracy=0.5')}", "-W", "default")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*assert_robust: unsound: *"])
    outcome(f"{hides}; {call.format('verdict=VERDICT')}").assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("assert_robust(net, data, 'linf:0.05')", "nothing is demanded; pass robust_accuracy=0.6"),
        ("assert_robust(net, data, 'linf:0.05', gap=60)", "gap is compared with 60; give a share in 0..1"),
        ("assert_robust(net, data, 'linf:0.05', verdict='sound', **FAST)", "sound needs the diagnosis"),
        ("assert_robust(net, data, 'linf:0.05', certified_accuracy=0.1)", "certified_accuracy>=0.1 needs"),
        (
            "assert_robust(net, data, 'linf:0.05', require='gap:sex<=0.1')",
            "gap:sex<=0.1 is demanded, but there is no",
        ),
    ],
)
def test_wrong_use_is_told_before_any_attack(outcome, call: str, says: str) -> None:
    result = outcome(call)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*InputError: {says}*"])


def test_a_failure_leaves_a_report_where_a_folder_is_named(outcome, pytester: pytest.Pytester) -> None:
    body = "for _ in range(2):\n        with pytest.raises(AssertionError, match='report: .*report.html') as told:\n"
    call = "            assert_robust(net, data, 'linf:0.2', robust_accuracy=0.5, **FAST)\n    raise told.value"
    result = outcome(body + call, "--brinell-reports", "reports")
    result.assert_outcomes(failed=1)
    written = sorted(path.relative_to(pytester.path) for path in pytester.path.rglob("report.html"))
    assert list(map(str, written)) == ["reports/test_model/report.html", "reports/test_model-1/report.html"]
    result.stdout.fnmatch_lines(["*report: reports/test_model-1/report.html"])
    assert brinell.load_audit(pytester.path / "reports" / "test_model").robust_accuracy.hits == 20


def test_pytest_finds_the_plug_in_by_itself() -> None:
    entries = tomllib.loads(PROJECT.read_text())["project"]["entry-points"]["pytest11"]
    assert entries == {"brinell.pytest_plugin": "brinell.pytest_plugin"}


def test_other_peoples_tests_do_not_wait_for_torch() -> None:
    """A run that does not use the fixture loads nothing heavy."""
    program = (
        "import sys, pytest; "
        "pytest.main(['-q', '-p', 'brinell.pytest_plugin', '-p', 'no:cacheprovider', '--fixtures', '/dev/null']); "
        "print(sorted({'torch', 'numpy', 'scipy', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.stdout.splitlines()[-1] == "[]", run.stdout + run.stderr
