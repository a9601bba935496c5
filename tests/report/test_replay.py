"""What the page gives to type is what was run."""

import itertools
import shlex
from typing import Any

import pytest

import brinell as br
from brinell.cli.values import named
from brinell.evaluation import Audit, AuditRecord, Origin
from brinell.evaluation.cascades import describe
from brinell.report.replay import check, over_eps, replay

ORIGIN = Origin(model="nets.py:my net", data="rows.npz", weights="w.safetensors", bounds="0:255", n=50)


def changed(audit: Audit, **settings: Any) -> AuditRecord:
    return audit.record.model_copy(update={"settings": audit.record.settings.model_copy(update=settings)})


def typed(code: str) -> list[str]:
    """The words of a command that goes over several lines."""
    return shlex.split(code.replace("\\\n", " "))


def options(words: list[str]) -> dict[str, str]:
    return dict(itertools.pairwise(words))


def test_a_command_names_all_that_was_asked_for(image: Audit) -> None:
    found = replay(changed(image, origin=ORIGIN, effort="thorough", seed=7, goal="toward 2", diagnose=False))
    words = typed(found.code)
    assert (found.language, words[:5]) == (
        "sh",
        ["brinell", "audit", "nets.py:my net", "rows.npz", str(br.Linf("8/255"))],
    )
    given = options(words)
    assert (given["--weights"], given["--bounds"], given["--n"]) == ("w.safetensors", "0:255", "50")
    assert (given["--effort"], given["--seed"], given["--target"]) == ("thorough", "7", "2")
    assert given["--batch-size"] == str(image.record.settings.batch)
    assert {"--alone", "--no-diagnose"} <= set(words)


@pytest.mark.parametrize("attack", [br.FGSM(), br.PGD(steps=7, rel_step=None), br.PGD(rel_step=0.01 / 0.3, restarts=2),
                                    br.BasinHopping(rounds=2), br.Square(queries=9), br.APGD(targets=3), br.FAB()],
                         ids=repr)  # fmt: skip
def test_attacks_are_read_back_as_they_were(image: Audit, attack: Any) -> None:
    record = changed(image, origin=ORIGIN, effort="own", cascade=describe((attack,)))
    assert named(br.ATTACKS, "attack", options(typed(replay(record).code))["--attack"]) == attack
    call = replay(changed(image, origin=None, effort="own", cascade=describe((attack,)))).code
    assert eval(call.partition("cascade=")[2].partition(", seed=")[0], {"br": br}) == (attack,)  # noqa: S307


@pytest.mark.parametrize(("budget", "text"), [("30s", "30s"), ("100 gradients a row", "100")])
def test_a_budget_is_given_as_it_was(image: Audit, budget: str, text: str) -> None:
    found = replay(changed(image, origin=ORIGIN, effort="budget", budget=budget))
    assert options(typed(found.code))["--budget"] == text
    assert f"budget='{text}'" in replay(changed(image, origin=None, effort="budget", budget=budget)).code


def test_without_an_origin_it_is_a_call_of_python(image: Audit) -> None:
    found = replay(changed(image, origin=None, effort="quick"))
    assert found.language == "python"
    assert "sha256 below" in found.note
    compile(found.code, "replay", "eval")
    assert "br.threat('linf:0.03137254901960784')" in found.code
    assert "groups={'hand': ..., 'the \"big\" half': ...}" in found.code
    assert "effort='quick', seed=0" in found.code


def test_what_came_from_outside_has_to_be_brought_again(image: Audit) -> None:
    def mine(model: Any, x: Any, y: Any) -> Any:
        return x

    own = describe((br.FGSM(), br.evaluation.choose((mine,), "quick", br.Linf(0.1))[0]))
    found = replay(changed(image, origin=ORIGIN, effort="own", cascade=own))
    assert found.language == "python"
    assert "From outside, to be brought again: " in found.note
    assert found.code.count("...") >= 1
    many = replay(changed(image, origin=ORIGIN, goal="toward labels, sha256 ab"))
    assert "goal=br.Toward(labels)" in many.code


def test_curves_and_verification(image: Audit) -> None:
    known = changed(image, origin=ORIGIN, goal="toward 1")
    words = shlex.split(over_eps(known))
    assert (words[:2], words[-2:]) == (["brinell", "curve"], ["--into", "RUN"])
    assert options(words)["--target"] == "1"
    assert check(known) == "brinell verify RUN"
    assert over_eps(image.record).endswith('.save("RUN")')
    assert check(image.record).startswith("br.verify(")
