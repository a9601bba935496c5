"""What can be chosen whatever the recipe, and what the choices do."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import school
import torch
import toys
from torch import Tensor, nn

import brinell as br
from brinell.case import Case, make_case
from brinell.data.sampling import stratified_units
from brinell.defenses import Learner, Recipe, lesson_of
from brinell.defenses.base import train_on
from brinell.defenses.schedules import height
from brinell.errors import InputError, InputTypeError
from brinell.models.weights import weights_sha256


def learner(recipe: Recipe | None = None, model: br.Classifier | None = None, **choices: Any) -> Learner:
    recipe = recipe or br.Standard()
    return Learner((model or toys.untrained()).train(), recipe, br.Training(**choices).over(recipe), 0.05)


def case_for(model: br.Classifier, n: int = 37, **options: Any) -> Any:
    return lesson_of(make_case(model, *toys.toy(n), toys.EPS, goal=None, seed=0), **options)


def vector(model: nn.Module) -> Tensor:
    return nn.utils.parameters_to_vector(model.parameters()).detach().clone()


@pytest.mark.parametrize(
    "recipe", [br.Standard(), br.Tutorial(), br.FastFGSM(), br.PGDTraining(steps=2), br.TRADES(steps=2)], ids=repr
)
@pytest.mark.parametrize("pieces", [3, 100])
def test_pieces_of_a_batch_give_the_gradients_of_the_whole(recipe: Recipe, pieces: int) -> None:
    whole, parts = (learner(recipe, toys.untrained().double(), accumulate=count) for count in (1, pieces))
    losses = [each.step(case_for(each.model), 0.5) for each in (whole, parts)]
    assert losses[0] == pytest.approx(losses[1])
    torch.testing.assert_close(vector(whole.model), vector(parts.model), rtol=1e-5, atol=1e-7)


def test_a_small_piece_is_what_a_pass_sees() -> None:
    seen: list[int] = []
    student = learner(accumulate=4)
    student.model.register_forward_pre_hook(lambda module, inputs: seen.append(len(inputs[0])))
    student.step(case_for(student.model), 0.0)
    assert (sum(seen[-4:]), max(seen[-4:])) == (37, 10)


def test_averaged_weights_follow_and_are_what_is_kept() -> None:
    student = learner(average=0.5)
    assert student.average is not None
    expected = vector(student.model)
    for step in range(12):
        student.step(case_for(student.model), 0.0)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * vector(student.model)
    torch.testing.assert_close(vector(student.judged), expected)
    hard = school.run(None, choices={"average": 0.99})
    assert weights_sha256(hard) != weights_sha256(school.run(None, choices={"average": None}))
    assert int(hard.net.norm.num_batches_tracked) == 11 * hard.training_log.best_epoch  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize(
    ("choices", "kind", "values"),
    [
        ({}, torch.optim.Adam, {"weight_decay": 0.0}),
        ({"optimizer": "adamw", "weight_decay": 0.1}, torch.optim.AdamW, {"weight_decay": 0.1}),
        ({"optimizer": "sgd"}, torch.optim.SGD, {"momentum": 0.9}),
        ({"optimizer": "sgd", "momentum": 0.0, "weight_decay": 5e-4}, torch.optim.SGD, {"momentum": 0.0}),
    ],
)
def test_the_optimiser_is_the_one_that_was_chosen(choices: Any, kind: type, values: dict[str, float]) -> None:
    found = learner(**choices).optimizer
    assert type(found) is kind
    assert found.param_groups[0] | values == found.param_groups[0]


def test_schedules_begin_peak_and_end_where_they_should() -> None:
    assert [height(done, "cyclic") for done in (0, 0.2, 0.4, 0.7)] == pytest.approx([0, 0.5, 1, 0.5])
    assert [height(done, "cosine") for done in (0, 0.5, 1)] == pytest.approx([1, 0.5, 0])
    assert [height(done, "step") for done in (0, 0.74, 0.75, 0.9)] == [1, 1, 0.1, 0.01]
    assert height(0.9, "constant") == 1


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_the_mode_while_attacking_is_chosen(mode: str) -> None:
    modes: list[bool] = []
    moody = school.moody()
    moody.net.register_forward_pre_hook(
        lambda module, inputs: modes.append(module.training) if inputs[0].requires_grad else None
    )
    br.harden(moody, toys.toy(64), toys.EPS, recipe=br.FastFGSM(), epochs=1, options=br.Training(attack_mode=mode))  # type: ignore[arg-type]
    assert modes[1:] == [mode == "train"]  # after a look before the training


def test_class_weights_count_rows() -> None:
    model, weights = toys.untrained(), torch.tensor([0.5, 3.0])
    case = case_for(model, 30, class_weights=weights)
    losses = nn.functional.cross_entropy(model(case.x), case.y, reduction="none")
    assert train_on(case, case.x).item() == pytest.approx((losses * weights[case.y]).mean().item())


def test_balanced_classes_are_the_same_as_weights_by_hand() -> None:
    toy = toys.toy(120)
    rows = torch.cat([torch.arange(0, 120, 2), torch.arange(1, 60, 2)])  # 60 of class 0, 30 of class 1
    data = (toy.x[rows], toy.y[rows])

    def trained(weights: Any) -> str:
        options = br.Training(class_weights=weights)
        return weights_sha256(
            br.harden(toys.untrained(), data, toys.EPS, recipe=br.Standard(), epochs=1, options=options)
        )

    assert trained("balanced") == trained((1.0, 2.0)) == trained((10, 20)) != trained(None)


def test_what_is_learned_from_is_augmented_and_in_bounds() -> None:
    seen: list[Tensor] = []

    @dataclass(frozen=True)
    class Noting(br.Standard):
        def backward(self, batch: Case, done: float) -> Tensor:
            seen.append(batch.x)
            return train_on(batch, batch.x)

    options = br.Training(augment=(br.Noise(0.5), lambda x, draws: x * 0.9))
    hard = br.harden(toys.untrained(), toys.toy(64), toys.EPS, recipe=Noting(), epochs=2, options=options)
    assert hard.training_log.options["augment"][0] == "Noise(sigma=0.5)"
    assert not torch.equal(seen[0].sort(0).values, seen[1].sort(0).values)
    assert all(x.min() >= 0 and x.max() <= 1 for x in seen)
    crooked = br.Training(augment=(lambda x, draws: x[:, :1],))
    with pytest.raises(InputError, match=r"gave \(64, 1\) for inputs \(64, 21\); keep the shape"):
        br.harden(toys.untrained(), toys.toy(64), toys.EPS, recipe=br.Standard(), options=crooked)


def test_bfloat16_passes_leave_float32_weights() -> None:
    kinds: set[torch.dtype] = set()
    model = toys.untrained()
    model.net[0].register_forward_hook(lambda module, inputs, out: kinds.add(out.dtype))  # type: ignore[index, operator]
    options = br.Training(precision="bfloat16", average=0.5)
    hard = br.harden(
        model, toys.toy(600), toys.EPS, recipe=br.FastFGSM(), epochs=8, lr=2e-2, batch_size=32, options=options
    )
    assert kinds == {torch.float32, torch.bfloat16}  # the guard judges in full
    assert {value.dtype for value in hard.state_dict().values()} == {torch.float32}
    assert toys.robust(hard, toys.toy(200, 1)) > 0.5


def test_it_stops_when_no_epoch_was_better_for_a_while() -> None:
    options = br.Training(patience=2)
    hard = br.harden(
        toys.untrained(), toys.toy(600), br.Linf(0.01), recipe=br.Standard(), epochs=20, lr=1e-2, options=options
    )
    scores = [epoch.score for epoch in hard.training_log.epochs]
    assert len(scores) == scores.index(max(scores)) + 3 < 20
    assert hard.training_log.notes == (f"Stopped after epoch {len(scores)}: 2 without a better one.",)
    assert hard.training_log.best.score == max(scores)


def test_the_worst_group_decides() -> None:
    options = br.Training(by="side", held_out=0.2)
    sides = np.where(np.arange(400) % 4 < 1, "left", "right")
    log = br.harden(
        toys.untrained(), toys.toy(400), toys.EPS, recipe=br.Standard(), epochs=3, options=options,
        groups={"side": sides},
    ).training_log  # fmt: skip
    for epoch in log.epochs:
        assert epoch.worst_group in ("left", "right")
        assert epoch.worst.n in (20, 60)
        assert epoch.worst.value <= epoch.pgd.value
        assert epoch.score == epoch.worst.value
    assert log.best.score == max(epoch.score for epoch in log.epochs)


def test_a_track_is_not_torn_apart() -> None:
    y, tracks = np.arange(600) // 10 % 3, np.arange(600) // 10
    rows = stratified_units(y, tracks, 60, 0)
    held, rest = set(tracks[rows]), set(np.delete(tracks, rows))
    assert not held & rest
    assert np.bincount(y[rows]).tolist() == [20, 20, 20]
    assert not np.array_equal(rows, stratified_units(y, tracks, 60, 1))
    assert np.array_equal(rows, stratified_units(y, tracks, 60, 0))
    seen: list[int] = []

    @dataclass(frozen=True)
    class Noting(br.Standard):
        def backward(self, batch: Case, done: float) -> Tensor:
            seen.append(len(batch))
            return train_on(batch, batch.x)

    options = br.Training(split_by="track", held_out=0.1)
    toy = toys.toy(600)
    log = br.harden(
        toys.untrained(), (toy.x, y % 2), toys.EPS, recipe=Noting(), epochs=1, options=options, groups={"track": tracks}
    ).training_log
    assert log.held_out % 10 == 0
    assert sum(seen) == 600 - log.held_out


def test_a_class_of_one_track_is_never_held_out_whole() -> None:
    y = np.array([0] * 50 + [1] * 50)
    tracks = np.array([0] * 25 + [1] * 25 + [2] * 50)
    assert set(tracks[stratified_units(y, tracks, 40, 0)]) <= {0, 1}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "optimizer": ({"optimizer": "adams"}, r"optimizer is 'adams'; did you mean adam\?"),
    "schedule": ({"schedule": "zigzag"}, "choose one of constant, cyclic, cosine, step"),
    "average": ({"average": 1.0}, r"average is 1\.0; it must be at least 0 and below 1"),
    "held_out": ({"held_out": 0.7}, r"held_out is 0\.7; .* below 0\.5"),
    "patience": ({"patience": 0}, "patience is 0; it must be a whole number"),
    "accumulate": ({"accumulate": 2.5}, r"accumulate is 2\.5"),
    "weights": ({"class_weights": (1.0, -1.0)}, "class_weights is .* one number of at least 0 for each class"),
    "precision": ({"precision": "float8"}, "precision is 'float8'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_choices_that_make_no_sense_are_refused(what: str) -> None:
    choices, text = WRONG[what]
    with pytest.raises(InputError, match=text):
        br.Training(**choices)


LATER: dict[str, tuple[dict[str, Any], str]] = {
    "patience": ({"patience": 2}, "patience needs held-out rows, and 0.05 of 120 rows are 6; at least 20 are needed"),
    "few": ({"held_out": 0.1}, "held_out needs held-out rows, and 0.1 of 120 rows are 12"),
    "no column": (
        {"by": "clas", "held_out": 0.4},
        r"these data have class, site, all: .*did you mean class\?",
    ),
    "small group": ({"by": "site", "held_out": 0.4}, "2 of 48 held-out rows are of its group 'b', too few to decide"),
    "one unit": ({"split_by": "all", "held_out": 0.4}, "keeping its values whole leaves 0 rows to hold out"),
    "weights": ({"class_weights": (1.0, 2.0, 3.0)}, "class_weights are 3 numbers; the model has 2 classes"),
}


@pytest.mark.parametrize("what", LATER)
def test_choices_that_do_not_fit_the_data_are_refused(what: str) -> None:
    choices, text = LATER[what]
    groups = {"site": np.where(np.arange(120) < 3, "b", "a"), "all": np.zeros(120)}
    with pytest.raises(InputError, match=text):
        br.harden(
            toys.untrained(), toys.toy(120), toys.EPS, recipe=br.Standard(), options=br.Training(**choices),
            groups=groups,
        )  # fmt: skip


def test_a_class_that_nobody_watches_is_named() -> None:
    toy = toys.toy(420)
    y = toy.y.clone()
    y[y == 1] = torch.where(torch.arange(210) < 2, 1, 0)
    log = br.harden(toys.untrained(), (toy.x, y), toys.EPS, recipe=br.FastFGSM(), epochs=1).training_log
    assert "None of the 21 held-out rows is of class 1" in log.notes[0]


def test_options_of_another_kind_are_refused() -> None:
    with pytest.raises(InputTypeError, match=r"pass Training\(\.\.\.\)"):
        br.harden(toys.untrained(), toys.toy(40), toys.EPS, recipe=br.Standard(), options={"average": 0.9})  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match="augment is"):
        br.Training(augment=br.Flip())  # type: ignore[arg-type]


class Rounds(nn.Module):
    """A linear network behind a layer without slope."""

    def __init__(self, cut: str) -> None:
        super().__init__()
        self.layer, self.cut = nn.Linear(toys.VALUES, 2), cut

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layer(torch.round(x * 8) / 8 if self.cut == "input" else x)
        return out.detach() if self.cut == "output" else out


@pytest.mark.parametrize(
    ("cut", "recipe", "text"),
    [
        ("input", br.PGDTraining(), "no gradient in its input, or it is 0 everywhere, so PGDTraining cannot look for"),
        ("output", br.Standard(), "no gradient in any of its parameters, so Standard cannot train it"),
    ],
)
def test_a_model_without_gradients_is_refused_before_the_first_step(cut: str, recipe: Recipe, text: str) -> None:
    with pytest.raises(InputError, match=text):
        br.harden(br.Classifier(Rounds(cut), (0, 1)), toys.toy(120), toys.EPS, recipe=recipe)


def test_a_last_layer_of_zeros_and_clean_training_of_a_rounding_model_are_fine() -> None:
    zeros = toys.untrained()
    nn.init.zeros_(zeros.net[2].weight)  # type: ignore[index, union-attr, arg-type]
    for model, recipe in ((zeros, br.FastFGSM()), (br.Classifier(Rounds("input"), (0, 1)), br.Standard())):
        before = vector(model)
        hard = br.harden(model, toys.toy(120), toys.EPS, recipe=recipe, epochs=1, batch_size=32)
        assert not torch.equal(vector(hard), before)
