"""Advice: consistent with what there is, priced by what is counted or measured."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
from sorts import situations
from torch import nn
from typer.main import get_command

import brinell as br
from brinell.choosing import Advice, Proposal
from brinell.choosing.advice import work_of
from brinell.choosing.situation import read_seconds, read_shape
from brinell.cli import values
from brinell.cli.app import app

COMMANDS: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def rows() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.rand(60, 3, 8, 8, generator=draw), torch.arange(60) % 3


def net(classes: int = 3) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, classes))


def named(advice: Advice, recipe: str) -> Proposal:
    return next(each for each in advice.recipes if each.recipe == recipe)


def test_every_command_parses_and_names_what_there_is() -> None:
    for situation in list(situations())[::7]:
        advice = br.advise(situation)
        assert advice.recipes
        for command in advice.commands:
            brinell, name, *words = shlex.split(command)
            assert (brinell, name in COMMANDS) == ("brinell", True)
            context = COMMANDS[name].make_context(name, list(words))
            assert br.threat(context.params["threat"]) == br.threat(advice.threat.what)
            for attack in context.params.get("attack") or ():
                assert values.named(br.ATTACKS, "attack", attack)
        assert {each.recipe for each in advice.recipes} <= set(br.RECIPES)
        assert {each.what for each in advice.not_these} <= set(br.RECIPES)
        assert not {each.recipe for each in advice.recipes} & {each.what for each in advice.not_these}
        assert json.loads(json.dumps(advice.facts()))["threat"]["what"] == advice.threat.what
        told = str(advice)
        assert all(command in told for command in advice.commands)
        assert "{" not in told


def test_work_is_counted_from_the_passes() -> None:
    assert work_of(br.Standard()) == 1
    one, two, four = (work_of(br.PGDTraining(steps=steps)) for steps in (1, 2, 4))
    assert four - two == pytest.approx(2 * (two - one))
    assert 1 < one < work_of(br.Tutorial()) < four


def test_the_time_of_an_epoch_prices_every_recipe() -> None:
    advice = br.advise(br.Situation(epoch="10s", time="10h"))
    for each in advice.recipes:
        kind = br.RECIPES[each.recipe]
        assert (each.fits, each.epochs) == (True, kind.epochs)
        assert each.seconds == pytest.approx((10 * kind.epochs * each.work,) * 2)
        assert f"the work of {each.standard_epochs:,.0f} epochs" in str(advice)


def test_recipes_that_do_not_fit_are_cut_or_come_last() -> None:
    usual = named(br.advise(br.Situation(epoch=60)), "PGDTraining")
    assert usual.seconds is not None
    cut = named(br.advise(br.Situation(epoch=60, time=usual.seconds.high / 2)), "PGDTraining")
    assert (cut.fits, cut.usual, cut.epochs) == (True, 30, 15)
    assert shlex.split(cut.command)[-4:-2] == ["--epochs", "15"]
    assert "15 of its usual 30 epochs" in str(br.advise(br.Situation(epoch=60, time=usual.seconds.high / 2)))
    tight = br.advise(br.Situation(epoch=60, time=usual.seconds.high / 5))
    assert [each.fits for each in tight.recipes] == sorted((each.fits for each in tight.recipes), reverse=True)
    assert tight.recipes[-1].fits is False
    assert "more than there is time for" in str(tight)


def test_nothing_is_said_of_times_that_nobody_knows() -> None:
    advice = br.advise()
    assert {(each.seconds, each.fits, each.cost) for each in advice.recipes} == {(None, None, None)}


def test_data_and_model_take_the_place_of_what_was_said(rows: Any) -> None:
    model = br.Classifier(net(), bounds=(0, 1))
    source = br.advise(br.Situation(classes=9, time="1h"), data=rows).situation
    assert (source.shape, source.rows, source.classes, source.what) == ((3, 8, 8), 60, 3, "image")
    advice = br.advise(br.Situation(time="1h"), model=model, data=rows)
    for each in advice.recipes:
        assert each.cost is not None
        assert each.seconds == pytest.approx(tuple(each.epochs * s for s in each.cost.epoch_seconds))
        assert each.work > 1
    assert "MB at the peak of a step" in str(advice)


def test_sizes_follow_the_range_of_the_inputs(rows: Any) -> None:
    x, y = rows
    bytes_ = br.advise(model=br.Classifier(net(), bounds=(0, 255)), data=(255 * x, y))
    assert bytes_.threat.what == "linf:8"
    sound = br.Situation(shape=(1, 16000))
    assert br.advise(sound).threat.what == "linf:0.01"
    assert br.advise(sound, threat=br.L2(0.3)).threat.what == "l2:0.3"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"knows": "gradient"}, "did you mean gradients"), ({"wants": 3}, "choose one of any"),
        ({"kind": "text"}, "choose one of image, table, waveform"), ({"shape": ()}, "shape is"),
        ({"shape": (3, 0)}, "shape is"), ({"classes": 1}, "classes is 1"), ({"rows": 0}, "rows is 0"),
        ({"cores": 0}, "cores is 0"), ({"time": "soon"}, "time is 'soon'"), ({"epoch": 0}, "epoch is 0"),
        ({"time": "100"}, "give a time above 0"),
    ],
)  # fmt: skip
def test_wrong_use(given: dict[str, Any], says: str) -> None:
    with pytest.raises(br.InputError, match=says):
        br.Situation(**given)


def test_texts_are_read() -> None:
    assert (read_seconds("time", "2h"), read_seconds("time", 90)) == (7200, 90)
    assert (read_shape("3x32x32"), read_shape("14")) == ((3, 32, 32), (14,))
    with pytest.raises(br.InputError, match="3x32x32"):
        read_shape("big")


def test_kinds_are_told_by_the_shape() -> None:
    kinds = {(1, 28, 28): "image", (28, 28): "image", (14,): "table", (16000,): "waveform", (1, 16000): "waveform"}
    assert {shape: br.Situation(shape=shape).what for shape in kinds} == kinds
    assert br.Situation(shape=(600,), kind="table").what == "table"


def test_a_recipe_that_does_not_work_with_the_model_is_named(rows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(self: br.PGDTraining, model: br.Classifier, seed: int) -> None:
        raise br.InputError("layer 2 is a {thing}.")

    monkeypatch.setattr(br.PGDTraining, "prepare", refuses)
    advice = br.advise(model=br.Classifier(net(), bounds=(0, 1)), data=rows)
    assert "PGDTraining" not in {each.recipe for each in advice.recipes}
    assert ("PGDTraining", "layer 2 is a {thing}.", ()) in advice.not_these
    assert Path("hard").exists() is False
