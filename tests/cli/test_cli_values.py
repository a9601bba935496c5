"""Text read as values."""

from dataclasses import dataclass

import pytest

from brinell import ATTACKS, PGD, InputError
from brinell.cli.values import defaults, named, read_bounds, read_goal


@dataclass(frozen=True)
class Thing:
    """All kinds of parameters."""

    count: int = 1
    size: float = 0.5
    share: float | None = None
    name: str = "a"


THINGS = {"Thing": Thing}


@pytest.mark.parametrize(
    ("text", "pairs", "thing"),
    [
        ("Thing", (), Thing()),
        ("thing:count=3", (), Thing(count=3)),
        (" THING : size = 1/4 , share=2", (), Thing(size=0.25, share=2.0)),
        ("Thing:share=none,name=none", (), Thing(share=None, name="none")),
        ("Thing:count=3", ("count=4", "name=b=c"), Thing(count=4, name="b=c")),
    ],
)
def test_named(text: str, pairs: tuple[str, ...], thing: Thing) -> None:
    assert named(THINGS, "thing", text, pairs) == thing


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Think", "there is no thing 'Think'; choose one of Thing"),
        ("Thing:count", "the parameter 'count' has no value"),
        ("Thing:weight=1", "Thing has no parameter 'weight'; it has count=1, size=0.5, share=None, name=a"),
        ("Thing:count=none", "count is 'none'; give a whole number"),
        ("Thing:size=1/0", "size is '1/0'; give a number, or a fraction"),
        ("Thing:size=big", "size is 'big'"),
    ],
)
def test_named_refuses(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        named(THINGS, "thing", text)


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_can_be_written_out(name: str) -> None:
    kind = ATTACKS[name]
    pairs = [f"{key}={value}" for key, value in defaults(kind).items()]
    assert named(ATTACKS, "attack", name, pairs) == kind()


def test_a_step_is_a_share_of_eps() -> None:
    assert named(ATTACKS, "attack", "PGD:rel_step=0.01/0.3") == PGD(rel_step=0.01 / 0.3)


def test_bounds_and_goals() -> None:
    assert read_bounds("0:255") == (0, 255)
    assert read_bounds("-1.5:2e3") == (-1.5, 2000)
    for text in ("1", "0:1:2", "a:b", ""):
        with pytest.raises(InputError, match="write LOW:HIGH"):
            read_bounds(text)
    assert read_goal(None, 3) is None
    goal = read_goal(2, 3)
    assert goal is not None
    assert goal.labels == 2
    with pytest.raises(InputError, match=r"classes are 0\.\.2"):
        read_goal(3, 3)
