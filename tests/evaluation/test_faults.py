"""Models that fail while they are attacked: memory, NaN, exceptions, inputs changed in place, outputs that wander."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import brinell as br
from brinell.errors import InputError, ModelFailedError
from brinell.evaluation.faults import name_rows, out_of_memory
from helpers import IMAGE, curved, points

THREAT = br.Linf(0.1)
CASCADE = (br.FGSM(), br.PGD(steps=4))
OOM: type[RuntimeError] = getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)
CPU_WORDS = "[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9."


class Around(nn.Module):
    """A network with something wrong about it."""

    def __init__(self) -> None:
        super().__init__()
        self.net = curved(IMAGE)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits


class Hungry(Around):
    """Runs out of memory above a batch size."""

    def __init__(self, most: int, problem: BaseException) -> None:
        super().__init__()
        self.most, self.problem = most, problem

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise self.problem
        return super().forward(x)


class Touchy(Around):
    """Does something to rows whose first value is above a limit."""

    def __init__(self, limit: float, fails: bool) -> None:
        super().__init__()
        self.limit, self.fails = limit, fails

    def forward(self, x: Tensor) -> Tensor:
        touched = x.flatten(1)[:, 0] > self.limit
        if self.fails and touched.any():
            raise ArithmeticError("a value is too large")
        return super().forward(x) / torch.where(touched, 0.0, 1.0)[:, None]


def rows(n: int = 60, first: float = 0.5) -> tuple[Tensor, Tensor]:
    """Inputs whose first value is ``first``, and what the bare network says of them."""
    x = points(IMAGE, n)
    x.flatten(1)[:, 0] = first
    with torch.no_grad():
        return x, curved(IMAGE)(x).argmax(1)


def audit(net: nn.Module, data: tuple[Tensor, Tensor], **options: Any) -> br.Audit:
    filled: dict[str, Any] = {"cascade": CASCADE, "batch_size": 8, "diagnose": False} | options
    return br.audit(br.Classifier(net, (0, 1)).eval(), data, THREAT, **filled)


@pytest.mark.parametrize("problem", [OOM("CUDA out of memory."), MemoryError(), RuntimeError(CPU_WORDS)], ids=repr)
def test_the_batch_halves_itself_and_says_so(problem: BaseException) -> None:
    data = rows(100)
    fed = audit(Hungry(32, problem), data, batch_size=100, diagnose=True)
    plenty = audit(Around(), data, batch_size=100, diagnose=True)
    assert [row["broken_by"] for row in fed.table.to_pylist()] == [row["broken_by"] for row in plenty.table.to_pylist()]
    assert fed.robust_accuracy == plenty.robust_accuracy
    assert fed.diagnosis is not None
    assert plenty.record.warnings == ()
    first, second = fed.record.warnings
    assert "memory ran out with 100 rows at once; went on with 50" in first
    assert "went on with 25" in second


def test_other_runtime_errors_are_no_lack_of_memory() -> None:
    assert not out_of_memory(RuntimeError("shapes do not fit"))
    with pytest.raises(ModelFailedError, match="RuntimeError: shapes do not fit"):
        audit(Hungry(32, RuntimeError("shapes do not fit")), rows(80), batch_size=80)


def test_memory_for_less_than_a_row_is_an_error() -> None:
    class Starved(Around):
        def forward(self, x: Tensor) -> Tensor:
            if x.requires_grad and len(x) < 9 and not torch.equal(x[:1], first):
                raise MemoryError
            return super().forward(x)

    first = rows()[0][:1]
    with pytest.raises(InputError, match="a single row at a time"):
        audit(Starved(), rows(), cascade=(br.FGSM(), lambda model, x, y: x))


def test_nan_under_attack_is_no_success_and_its_rows_are_named() -> None:
    x, y = rows(first=0.3)
    x.flatten(1)[[7, 21]] = x.flatten(1)[7].clone()  # twins: an attack moves both alike
    x.flatten(1)[21, 9:12] = 0.5
    y[21] = y[7]
    x.flatten(1)[[7, 21], 0] = 0.5
    found = audit(Touchy(0.5, fails=False), (x, y))
    reference = audit(Around(), (x, y))
    (warning,) = found.record.warnings
    assert "NaN or infinity while rows 7 and 21 were attacked" in warning
    assert reference.robust_accuracy.value < 1
    with torch.no_grad():
        logits = Touchy(0.5, fails=False)(found.x_adv)
    broken = torch.tensor([row["broken_by"] not in (None, "clean") for row in found.table.to_pylist()])
    assert logits[broken].isfinite().all()
    others = [row for row in range(60) if row not in (7, 21)]
    table, expected = found.table.to_pylist(), reference.table.to_pylist()
    assert [table[row]["broken_by"] for row in others] == [expected[row]["broken_by"] for row in others]


def test_a_model_that_raises_loses_nothing_and_the_rows_are_named(tmp_path: Path) -> None:
    x, y = rows(first=0.2)
    x.flatten(1)[45, 0] = 0.5
    with pytest.raises(ModelFailedError) as caught:
        audit(Touchy(0.5, fails=True), (x, y), out=tmp_path / "run")
    words = str(caught.value)
    assert "ArithmeticError: a value is too large" in words
    assert "It was given row 45." in words
    assert "32 rows are done and kept" in words
    assert isinstance(caught.value.__cause__, ArithmeticError)
    mended = audit(Touchy(2.0, fails=True), (x, y), out=tmp_path / "run", resume=True)
    assert mended == audit(Touchy(2.0, fails=True), (x, y))


def test_without_a_folder_what_is_done_is_kept_as_well() -> None:
    x, y = rows(first=0.2)
    x.flatten(1)[45, 0] = 0.5
    with pytest.raises(ModelFailedError, match="kept in") as caught:
        audit(Touchy(0.5, fails=True), (x, y))
    folder = Path(str(caught.value).partition("kept in ")[2].partition(";")[0])
    assert audit(Touchy(2.0, fails=True), (x, y), out=folder, resume=True).table.num_rows == 60


def test_what_the_progress_callback_raises_goes_through() -> None:
    def stop(label: str, done: int, total: int | None) -> None:
        if label.startswith("attacking"):
            raise ArithmeticError("enough")

    with pytest.raises(ArithmeticError, match="enough"):
        audit(Around(), rows(), progress=stop)


@pytest.mark.parametrize("module", [nn.ReLU(inplace=True), nn.Hardtanh(inplace=True)])
def test_a_network_that_changes_its_input_is_refused(module: nn.Module) -> None:
    x, y = rows()
    kept = x.clone()
    with pytest.raises(InputError, match=r"x = x\.clone\(\)"):
        audit(nn.Sequential(module, curved(IMAGE)), (x, y))
    with pytest.raises(InputError, match="in place"):
        br.attack(br.FGSM(), br.Classifier(nn.Sequential(module, curved(IMAGE)), (0, 1)), x, y, THREAT)
    assert torch.equal(x, kept)
    inside = br.Classifier(nn.Sequential(module, curved(IMAGE)), (0, 1), normalize=(0.0, 1.0)).eval()
    assert br.audit(inside, (x, y), THREAT, cascade=CASCADE).clean_accuracy.value == 1  # it changes what is its own


def test_random_outputs_and_outputs_that_depend_on_the_batch_are_warned_of() -> None:
    class Wandering(Around):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x + 0.05 * torch.randn_like(x))

    class Together(Around):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x - x.mean(0) + 0.5)

    data = rows()
    assert any("draws random numbers" in warning for warning in audit(Wandering(), data).record.warnings)
    assert any("Rows influence one another" in warning for warning in audit(Together(), data).record.warnings)


def test_labels_in_another_order_are_warned_of() -> None:
    x, y = rows(120)
    shifted = audit(Around(), (x, (y + 1) % 3))
    (warning,) = [text for text in shifted.record.warnings if "another order" in text]
    assert "1 for 0" in warning
    assert not any("another order" in text for text in audit(Around(), (x, y)).record.warnings)
    noise = torch.randint(0, 3, (120,), generator=torch.Generator().manual_seed(0))
    assert not any("another order" in text for text in audit(Around(), (x, noise)).record.warnings)


def test_sigmoid_outputs_are_warned_of() -> None:
    data = rows()
    found = audit(nn.Sequential(Around(), nn.Sigmoid()), data)
    assert any("looks like a sigmoid" in warning for warning in found.record.warnings)
    assert not any("looks like a sigmoid" in warning for warning in audit(Around(), data).record.warnings)


def test_how_rows_are_named() -> None:
    assert name_rows([3]) == "row 3"
    assert name_rows([3, 5, 8]) == "rows 3, 5 and 8"
    assert name_rows([*range(4, 40)]) == "36 rows between 4 and 39"
