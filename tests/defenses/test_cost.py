"""What a training costs: measured on a copy, for every recipe."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from toys import EPS, toy, untrained

import brinell as br
from brinell.case import Case
from brinell.defenses import Recipe
from brinell.defenses.base import mean_loss, pulled
from brinell.defenses.meter import Meter, counting_passes

PASSES = {  # gradients for each row of a batch
    "Standard": 1, "Tutorial": 2, "FastFGSM": 2, "NFGSM": 2, "PGDTraining": 8, "TRADES": 12, "AWP": 9, "Gaussian": 1,
    "DefensiveDistillation": 1,
}  # fmt: skip


class Noisy(nn.Module):
    """BatchNorm and dropout: what a stray step would change."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(0.5), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.inner(x)
        return logits


def rows(n: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(n, 8, generator=torch.Generator().manual_seed(0)), torch.arange(n) % 3


@pytest.mark.parametrize("name", sorted(br.RECIPES))
def test_every_recipe_is_measured_and_nothing_is_trained(name: str) -> None:
    model = br.Classifier(Noisy(), bounds=(0, 1)).train()
    before, modes = copy.deepcopy(model.state_dict()), [module.training for module in model.modules()]
    torch.manual_seed(7)
    drawn = torch.get_rng_state()
    cost = br.training_cost(model, rows(), br.Linf(0.1), recipe=br.RECIPES[name](), batch_size=20, steps=2)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), drawn)
    assert (cost.rows, cost.steps, len(cost.timed), cost.epochs) == (90, 5, 2, br.RECIPES[name].epochs)
    first = cost.teacher.seconds if cost.teacher else (0.0, 0.0)
    own = cost.epochs * cost.steps * cost.step
    assert first[0] < cost.seconds.low <= first[0] + own
    assert own + first[1] <= cost.seconds.high
    assert (cost.teacher is None) == (br.RECIPES[name]().teacher() is None)
    assert cost.peak > 0
    assert cost.flops > 0


@pytest.mark.parametrize("name", sorted(PASSES))
def test_gradients_are_counted_by_row(name: str) -> None:
    cost = br.training_cost(untrained(), toy(), EPS, recipe=br.RECIPES[name](), batch_size=30, steps=1)
    assert cost.gradients == PASSES[name]


def test_operations_follow_the_passes() -> None:
    costs = [
        br.training_cost(untrained(), toy(), EPS, recipe=br.PGDTraining(steps=steps), batch_size=30, steps=1).flops
        for steps in (1, 2, 3)
    ]
    assert costs[2] - costs[1] == costs[1] - costs[0] > 0


def test_the_check_of_held_out_rows_is_in_the_estimate() -> None:
    x, y = rows(600)
    model = br.Classifier(Noisy(), bounds=(0, 1))
    cost = br.training_cost(model, (x, y), br.Linf(0.1), recipe=br.FastFGSM(), epochs=3, batch_size=100, steps=1)
    assert (cost.rows, cost.held_out, cost.steps) == (570, 30, 6)
    assert cost.check > 0
    assert cost.seconds.high == pytest.approx(3 * (6 * max(cost.timed) + cost.check))


def test_facts_are_plain() -> None:
    facts = br.training_cost(untrained(), toy(), EPS, recipe=br.Tutorial(), steps=1).facts()
    assert facts["recipe"].startswith("Tutorial(")
    assert facts["gradients"] == 2.0
    assert facts["seconds"][0] <= facts["seconds"][1]


@pytest.mark.parametrize(
    ("more", "says"),
    [({"recipe": "TRADES"}, "the recipe is 'TRADES'"), ({"steps": 0}, "steps is 0"), ({"epochs": 0}, "epochs is 0")],
)
def test_wrong_use(more: dict[str, Any], says: str) -> None:
    with pytest.raises(br.InputError, match=says):
        br.training_cost(untrained(), toy(), EPS, **{"recipe": br.Standard(), **more})


def test_a_frozen_model_is_refused() -> None:
    model = untrained()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(br.InputError, match="thaw some"):
        br.training_cost(model, toy(), EPS, recipe=br.Standard())


@dataclass(frozen=True)
class Greedy(Recipe):
    """Holds four graphs at once."""

    epochs, lr, schedule, guarded, source = 1, 1e-3, "constant", False, "-"

    def learn(self, batch: Case, x_adv: torch.Tensor) -> torch.Tensor:
        logits = torch.stack([batch.model(x_adv) for _ in range(4)]).mean(0)
        return pulled(mean_loss(batch, F.cross_entropy(logits, batch.y, reduction="none")))


def deep() -> br.Classifier:
    """Activations outweigh its weights."""
    layers = [module for _ in range(4) for module in (nn.Conv1d(4, 4, 3, padding=1), nn.ReLU())]
    return br.Classifier(nn.Sequential(nn.Unflatten(1, (1, 64)), nn.Conv1d(1, 4, 1), *layers, nn.Flatten(),
                                       nn.Linear(256, 2)), bounds=(0, 1))  # fmt: skip


def test_memory_is_saved_by_as_few_pieces_as_will_do() -> None:
    data = torch.rand(64, 64), torch.arange(64) % 2

    def peak(recipe: Recipe, pieces: int) -> int:
        options = br.Training(accumulate=pieces)
        return br.training_cost(deep(), data, br.Linf(0.1), recipe=recipe, batch_size=32, steps=1, options=options).peak

    found = br.save_memory(
        deep(), data, br.Linf(0.1), recipe=Greedy(), batch_size=32, options=br.Training(schedule="cosine")
    )
    limit, pieces = 1.1 * peak(br.Standard(), 1), found.accumulate
    assert peak(Greedy(), pieces) <= limit < peak(Greedy(), pieces - 1)
    assert found == br.Training(schedule="cosine", accumulate=pieces)
    assert br.save_memory(deep(), data, br.Linf(0.1), recipe=br.Standard(), batch_size=32).accumulate == 1


def test_pieces_that_do_not_help_are_not_made() -> None:
    heavy = br.Classifier(nn.Sequential(nn.Linear(64, 400), nn.ReLU(), nn.Linear(400, 2)), bounds=(0, 1))
    data = torch.rand(8, 64), torch.arange(8) % 2
    assert br.save_memory(heavy, data, br.Linf(0.1), recipe=br.AWP(), batch_size=8).accumulate == 1


def test_the_meter_sees_what_is_made_and_what_is_gone() -> None:
    before = torch.zeros(1000)
    with Meter() as meter:
        kept = before + 1
        gone = before + 2
        del gone
        before.add_(1)  # in place: nothing new
        view = kept[:10]
        last = before * 2
    assert (meter.peak, meter.held) == (8000, 8000)
    del kept, view, last
    assert meter.held == 0


def test_the_meter_counts_products_forward_and_backward() -> None:
    layer, x = nn.Linear(8, 4, bias=False), torch.rand(5, 8)
    with Meter() as meter:
        layer(x).sum().backward()
    assert meter.flops == 2 * (2 * 5 * 8 * 4)  # forward, and the slope of the weights


def test_passes_are_counted_while_asked_for() -> None:
    model, x = untrained(), toy()[0][:7]
    with counting_passes(model) as passes:
        model(x).sum().backward()
        with torch.no_grad():
            model(x)
    model(x).sum().backward()
    assert (passes.forwards, passes.gradients) == (14, 7)
