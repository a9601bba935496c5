"""How threat sets are written and read, and what is refused or looks like a slip."""

import dataclasses

import numpy as np
import pytest
import torch

from brinell.bounds import Bounds
from brinell.errors import InputError
from brinell.threats import L0, L1, L2, THREATS, Ball, Linf, threat
from helpers import BYTES, CHANNELS, IMAGE, TABLE, THREAT_NAMES, points, threats


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("linf:8/255", Linf(8 / 255)),
        ("l2:0.5", L2(0.5)),
        (" L1 : 12 ", L1(12.0)),
        ("l0:3", L0(3)),
        ("Linf: 1e-3", Linf(0.001)),
    ],
)
def test_text_becomes_a_set(text: str, wanted: Ball) -> None:
    assert threat(text) == wanted
    assert threat(text).eps == wanted.eps


@pytest.mark.parametrize("name", THREAT_NAMES)
def test_a_set_is_a_frozen_value_that_text_brings_back(name: str) -> None:
    one = threats(IMAGE)[name]
    assert threat(str(one)) == one
    assert hash(one) == hash(type(one)(one.eps))
    assert one != type(one)(one.eps * 2)
    assert repr(one) == f"{type(one).__name__}(eps={one.eps})"
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.eps = 9.0  # type: ignore[misc]
    assert type(one) is THREATS[one.name]


def test_sets_of_one_eps_differ_by_their_kind() -> None:
    assert len({Linf(2), L2(2), L1(2), L0(2)}) == 4


@pytest.mark.parametrize("eps", [8, 0.5, "8/255", " 8 / 255 ", "0.5", np.float32(0.5), np.int64(2)])
def test_an_eps_may_be_a_number_or_a_fraction(eps: float | str) -> None:
    top, _, bottom = str(eps).partition("/")
    assert Linf(eps).eps == float(top) / float(bottom or 1)


@pytest.mark.parametrize(
    "eps",
    [0, -0.1, "-8/255", "nan", float("nan"), float("inf"), "8/0", "abc", "", "8/", "/255", "1/2/3", None, True, [0.3]],
)  # fmt: skip
@pytest.mark.parametrize("kind", THREATS.values())
def test_an_eps_that_is_no_size_is_refused_with_its_value(kind: type[Ball], eps: float | str) -> None:
    with pytest.raises(InputError) as caught:
        kind(eps)
    assert str(eps) in str(caught.value)
    assert "finite number above 0" in str(caught.value) or "8/255" in str(caught.value)


def test_l0_counts_in_whole_numbers() -> None:
    with pytest.raises(InputError, match=r"eps is 2\.5; .* whole number above 0"):
        L0(2.5)
    with pytest.raises(InputError, match="whole number"):
        L0("1/3")
    assert L0("6/2") == L0(3)


@pytest.mark.parametrize("text", ["linf", "0.3", ":3", "l3:1", "linf=0.3", ""])
def test_text_that_names_no_set_is_refused_with_the_choices(text: str) -> None:
    with pytest.raises(InputError) as caught:
        threat(text)
    assert repr(text) in str(caught.value)
    assert "linf, l2, l1, l0" in str(caught.value)


def test_a_number_alone_names_no_set() -> None:
    with pytest.raises(InputError, match=r"0\.3.*linf:8/255"):
        threat(0.3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "largest"), [(Linf(8), "1"), (L2(8), "6.9282"), (L1(49), "48"), (L0(49), "48"), (Linf(1.01), "1")]
)
def test_an_eps_beyond_the_bounds_is_refused_with_limit_and_remedy(one: Ball, largest: str) -> None:
    with pytest.raises(InputError) as caught:
        one.check(points(IMAGE), IMAGE.bounds)
    message = str(caught.value)
    assert f"eps is {one.eps:g};" in message
    assert f"at most {largest}," in message
    assert f'"{one.eps:g}/255"' in message


@pytest.mark.parametrize("space", [IMAGE, BYTES, TABLE, CHANNELS], ids=["image", "bytes", "table", "channels"])
def test_an_eps_as_large_as_the_space_is_allowed(space: object) -> None:
    assert isinstance(space, type(IMAGE))
    x = points(space, 2)
    width = torch.as_tensor(space.bounds.width).expand(space.shape).double()
    for one in (Linf(width.max().item()), L2(width.norm().item()), L1(width.sum().item()), L0(space.size)):
        one.check(x, space.bounds)
        with pytest.raises(InputError, match="at most"):
            type(one)(one.eps + 1).check(x, space.bounds)


def test_an_eps_meant_for_the_unit_range_is_noticed_on_bytes() -> None:
    x = points(BYTES)
    for one in (Linf(0.3), L2(0.5), L1(1.0)):
        words = one.suspicion(x, BYTES.bounds)
        assert words is not None
        assert f"eps {one.eps:g}" in words
        assert "0..1" in words
        assert f"{one.eps * 255:g}" in words  # the remedy
    assert Linf(8).suspicion(x, BYTES.bounds) is None
    assert Linf(0.3).suspicion(points(IMAGE), IMAGE.bounds) is None


def test_a_count_of_most_values_is_noticed() -> None:
    x = torch.rand(2, 10)
    assert L0(5).suspicion(x, Bounds(0.0, 255.0)) is None
    assert "10" in (L0(6).suspicion(x, Bounds(0.0, 1.0)) or "")
