"""``harden`` and its one loop: what it returns, what it leaves alone, what it notices, what it refuses."""

import random
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pytest
import torch
import toys
from torch import Tensor, nn

import brinell as br
from brinell.case import Case
from brinell.data import read
from brinell.defenses import EpochResult, Recipe, TrainingLog
from brinell.defenses.base import train_on
from brinell.defenses.guard import Guard
from brinell.errors import InputError
from brinell.models.weights import weights_sha256
from brinell.statistics import Rate

RECIPES = [recipe() for recipe in br.RECIPES.values()]


def harden(recipe: Recipe, model: br.Classifier | None = None, n: int = 120, **options: Any) -> br.Classifier:
    options = {"epochs": 2, "batch_size": 32} | options
    return br.harden(model or toys.untrained(), toys.toy(n), toys.EPS, recipe=recipe, **options)


class Moody(nn.Module):
    """BatchNorm, dropout, and a record of the modes and inputs of every forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(toys.VALUES), nn.Dropout(0.2)
        self.last = nn.Linear(toys.VALUES, 2)
        nn.init.constant_(self.last.weight, 0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.last(self.drop(self.norm(x)))
        return out


@pytest.fixture
def moody() -> br.Classifier:
    return br.Classifier(Moody(), bounds=(0, 1))


def state(model: br.Classifier) -> list[Any]:
    return [
        [(name, value.tolist()) for name, value in model.state_dict().items()],
        [(id(p), p.requires_grad, None if p.grad is None else p.grad.tolist()) for p in model.parameters()],
        [(module.training, len(module._forward_hooks)) for module in model.modules()],
        model.training_log, torch.random.get_rng_state().tolist(), str(np.random.get_state()), random.getstate(),
    ]  # fmt: skip


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
@pytest.mark.parametrize("training", [True, False])
def test_the_given_model_is_left_alone(recipe: Recipe, moody: br.Classifier, training: bool) -> None:
    moody.train(training)
    moody.net.drop.train(not training)  # type: ignore[union-attr]
    moody.net.norm.bias.requires_grad_(False)  # type: ignore[union-attr]
    moody.net.last.weight.grad = torch.ones(2, toys.VALUES)  # type: ignore[union-attr]
    before = state(moody)
    hard = harden(recipe, moody, n=440, epochs=1)
    assert state(moody) == before
    assert isinstance(hard, br.Classifier)
    assert not {id(p) for p in hard.parameters()} & {id(p) for p in moody.parameters()}
    assert not any(module.training for module in hard.modules())
    assert all(p.grad is None for p in hard.parameters())
    was, now = moody.state_dict(), hard.state_dict()
    assert torch.equal(now["net.norm.bias"], was["net.norm.bias"])  # frozen
    assert not torch.equal(now["net.last.weight"], was["net.last.weight"])
    assert str(hard.bounds) == str(moody.bounds)


def test_the_given_model_is_left_alone_after_an_error(moody: br.Classifier) -> None:
    before = state(moody)

    def stop(label: str, done: int, total: int | None) -> None:
        if done > 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        harden(br.PGDTraining(), moody, progress=stop)
    assert state(moody) == before


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_same_seed_same_weights(recipe: Recipe, moody: br.Classifier) -> None:
    torch.manual_seed(1)
    one = weights_sha256(harden(recipe, moody, n=440, epochs=1))
    torch.manual_seed(2)
    assert weights_sha256(harden(recipe, moody, n=440, epochs=1)) == one
    assert weights_sha256(harden(recipe, moody, n=440, epochs=1, seed=1)) != one


def test_standard_learns_what_can_be_told_apart() -> None:
    model = harden(br.Standard(), n=600, epochs=8, lr=1e-2)
    test = toys.toy(400, 1)
    assert br.attack(br.FGSM(), model, *test, toys.EPS).clean_accuracy.value > 0.98
    losses = [epoch.loss for epoch in model.training_log.epochs]
    assert losses[-1] < 0.3 * losses[0]


@pytest.fixture(scope="module")
def plain() -> float:
    """What PGD leaves of standard training."""
    return toys.robust(harden(br.Standard(), n=600, epochs=8, lr=1e-2), toys.toy(400, 1))


HARDENING = [br.FastFGSM(), br.NFGSM(), br.PGDTraining(), br.TRADES(steps=5), br.AWP(br.PGDTraining(steps=3))]


@pytest.mark.no_cover  # long, through code that other tests follow
@pytest.mark.parametrize("recipe", HARDENING, ids=repr)
def test_what_hardens_hardens(recipe: Recipe, plain: float) -> None:
    model = harden(recipe, n=600, epochs=10, lr=2e-2)
    assert plain < 0.2
    assert toys.robust(model, toys.toy(400, 1)) > plain + 0.5


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_the_log_tells_all(recipe: Recipe) -> None:
    rows: list[tuple[str, int, int | None]] = []
    model = harden(recipe, n=440, lr=1e-3, seed=5, progress=lambda *now: rows.append(now))
    log = model.training_log
    assert isinstance(log, TrainingLog)
    held = 22 if recipe.guarded else 0
    assert (log.recipe, log.threat, log.data) == (type(recipe).__name__, "linf:0.15", "arrays")
    assert (log.n, log.held_out, log.planned_epochs, log.batch_size, log.lr, log.seed) == (440, held, 2, 32, 1e-3, 5)
    told = {name: str(value) for name, value in log.parameters.items()}
    assert told == {field.name: str(getattr(recipe, field.name)) for field in fields(recipe)}  # type: ignore[arg-type]
    assert [epoch.epoch for epoch in log.epochs] == [1, 2]
    for epoch in log.epochs:
        assert epoch.loss > 0
        for rate in (epoch.clean, epoch.fgsm, epoch.pgd):
            assert (rate is not None) == recipe.guarded
            assert rate is None or rate.n == held
        if epoch.clean and epoch.fgsm and epoch.pgd:
            assert epoch.pgd.hits <= epoch.clean.hits
    assert log.best is log.epochs[log.best_epoch - 1]
    assert TrainingLog.model_validate_json(log.model_dump_json()) == log
    training = [(done, total) for label, done, total in rows if label == "training"]
    assert training[-1] == (2 * (440 - held), 2 * (440 - held))
    assert training == sorted(training)


def test_the_choices_are_the_recipes_own_by_default() -> None:
    log = br.harden(toys.untrained(), toys.toy(40), toys.EPS, recipe=br.Standard()).training_log
    assert (log.planned_epochs, log.lr, log.batch_size) == (5, 1e-3, 64)


@pytest.mark.parametrize("recipe", RECIPES, ids=repr)
def test_on_epoch_gets_the_best_model_so_far(recipe: Recipe, moody: br.Classifier) -> None:
    seen: list[tuple[br.Classifier, TrainingLog, str]] = []
    hard = harden(
        recipe, moody, n=440, epochs=3, on_epoch=lambda model, log: seen.append((model, log, weights_sha256(model)))
    )
    assert [len(log.epochs) for _, log, _ in seen] == [1, 2, 3]
    for model, log, digest in seen:
        assert not model.training
        assert model.training_log == log
        assert weights_sha256(model) == digest  # its own: later epochs leave it alone
        assert log.best_epoch <= len(log.epochs)
        if recipe.guarded:
            assert log.best is not None
            assert log.best.pgd is not None
            assert log.best.pgd.hits == max(epoch.pgd.hits for epoch in log.epochs if epoch.pgd)
    assert weights_sha256(hard) == seen[-1][2] == seen[hard.training_log.best_epoch - 1][2]


@pytest.mark.parametrize("recipe", [br.FastFGSM(), br.PGDTraining(steps=3)], ids=repr)
def test_it_attacks_in_eval_mode_and_learns_in_train_mode(recipe: Recipe, moody: br.Classifier) -> None:
    modes: list[tuple[bool, bool]] = []
    moody.net.register_forward_pre_hook(
        lambda module, inputs: modes.append((inputs[0].requires_grad, any(m.training for m in module.modules())))
    )
    moody.eval()
    harden(recipe, moody, n=64, epochs=1)
    first = modes.index((False, True))
    searching = [training for attacked, training in modes if attacked]
    assert len(searching) == 1 + 2 * getattr(recipe, "steps", 1)  # a look before, and two batches
    assert not any(searching)
    assert [training for attacked, training in modes[first:] if not attacked].count(True) == 2


def test_dropout_and_batchnorm_learn(moody: br.Classifier) -> None:
    hard = harden(br.FastFGSM(), moody, n=600, epochs=8, lr=2e-2)
    assert int(hard.net.norm.num_batches_tracked) > 0  # type: ignore[union-attr, arg-type]
    assert br.attack(br.FGSM(), hard, *toys.toy(200, 1), toys.EPS).clean_accuracy.value > 0.9


def test_a_last_batch_of_one_row_is_no_trouble_to_batchnorm(moody: br.Classifier) -> None:
    rows: list[int] = []
    hard = harden(br.Standard(), moody, n=65, progress=lambda _, done, total: rows.append(done))
    assert len(hard.training_log.epochs) == 2
    assert rows[-1] == 130


@dataclass(frozen=True)
class Spoiling(Recipe):
    """Learns for half the time, then the opposite."""

    epochs, lr, schedule, guarded = 4, 1e-2, "constant", True
    source = "a test"

    def backward(self, batch: Case, done: float) -> Tensor:
        return train_on(batch if done < 0.5 else replace(batch, y=1 - batch.y), batch.x)


def test_a_collapse_is_told_and_the_best_epoch_kept() -> None:
    tiny = br.Linf(0.01)
    digests: list[str] = []
    hard = br.harden(
        toys.untrained(), toys.toy(600), tiny, recipe=Spoiling(), epochs=6, batch_size=32, lr=1e-2,
        on_epoch=lambda model, log: digests.append(weights_sha256(model)),
    )  # fmt: skip
    log = hard.training_log
    scores = [epoch.pgd.value for epoch in log.epochs]
    assert scores[2] > 0.9
    assert scores[-1] < 0.5
    assert log.best_epoch <= 4
    assert weights_sha256(hard) == digests[log.best_epoch - 1]
    assert toys.robust(hard, toys.toy(200, 1), tiny) > 0.9
    (note,) = log.notes
    fell = next(i for i, score in enumerate(scores) if i and max(scores[:i]) - score > 0.2)
    assert note.startswith(f"A collapse in epoch {fell + 1}: on 30 held-out rows accuracy")
    assert f"fell to {scores[fell]:.1%} from {log.best.pgd.value:.1%} in epoch {log.best_epoch}" in note
    assert "The best epoch is kept." in note


@pytest.mark.parametrize(
    ("pgd", "fgsm", "name"),
    [(20, 95, "Catastrophic overfitting"), (20, 35, "A collapse"), (65, 95, None), (90, 95, None)],
)
def test_a_collapse_is_called_by_its_name(pgd: int, fgsm: int, name: str | None) -> None:
    guard = Guard(read(tuple(toys.toy(100))), br.Linf(0.1), 0)
    before = EpochResult(epoch=1, loss=0.0, clean=Rate(99, 100), fgsm=Rate(85, 100), pgd=Rate(80, 100))
    now = EpochResult(epoch=2, loss=0.0, clean=Rate(99, 100), fgsm=Rate(fgsm, 100), pgd=Rate(pgd, 100))
    assert guard._collapse(before, now) == name


def test_too_few_rows_to_hold_out_is_noted() -> None:
    few, enough = harden(br.PGDTraining(), n=399).training_log, harden(br.PGDTraining(), n=400).training_log
    assert (few.held_out, enough.held_out) == (0, 20)
    assert "Too few rows" in few.notes[0]
    assert not [note for note in enough.notes if "Too few" in note]
    assert few.best_epoch == 2
    assert few.epochs[0].pgd is None


def test_the_held_out_rows_are_not_learned_from() -> None:
    seen = torch.zeros(440, dtype=torch.bool)
    data = toys.toy(440)

    @dataclass(frozen=True)
    class Noting(Spoiling):
        def backward(self, batch: Case, done: float) -> Tensor:
            seen[batch.draws.ids] = True
            return train_on(batch, batch.x)

    log = br.harden(toys.untrained(), data, toys.EPS, recipe=Noting(), epochs=1).training_log
    assert int(seen.sum()) == 440 - log.held_out == 418


def test_a_loss_that_is_no_number_names_epoch_and_step() -> None:
    @dataclass(frozen=True)
    class Exploding(Spoiling):
        def backward(self, batch: Case, done: float) -> Tensor:
            return train_on(batch, batch.x) * (torch.inf if done > 0.6 else 1)

    with pytest.raises(InputError, match=r"inf in epoch 2, step 2, at learning rate 0\.01; lower lr"):
        harden(Exploding(), n=128, lr=1e-2)
    with pytest.raises(InputError, match=r"nan in epoch \d, step \d+.*lower lr"):
        harden(br.Standard(), n=128, lr=1e30, epochs=5)
