"""Random numbers as a function of what they are for. Seeds are fixed, so no test here fails by chance."""

import math

import pytest
import torch
from scipy.stats import chi2, kstest
from torch import Tensor

from brinell.draws import Draws

DTYPES = [torch.float32, torch.float64]
KNOWN = [[-645236281, 347034645, 37636919], [263425804, 83871595, -914533258]]


def draws(n: int = 1000, seed: int = 0, **purpose: int) -> Draws:
    return Draws(seed, torch.arange(n), **purpose)


def fits(counts: Tensor) -> bool:
    """Whether counts could be those of equally likely cells (chi-square, 1 in 10,000 to say no)."""
    mean = counts.double().mean()
    return bool(((counts - mean) ** 2 / mean).sum() < chi2.ppf(0.9999, len(counts) - 1))


def test_draws_depend_on_the_row_id_and_not_on_the_batch() -> None:
    whole = draws(50).bits((3, 4), draw=2)
    assert torch.equal(draws(50).take(slice(10, 20)).bits((3, 4), draw=2), whole[10:20])
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    assert torch.equal(draws(50).take(order).bits((3, 4), draw=2), whole[order])
    assert torch.equal(Draws(0, torch.tensor([7])).bits((3, 4), draw=2), whole[7:8])
    assert torch.equal(draws(50).bits((3, 4), draw=2), whole)


def test_the_first_values_are_those_of_a_longer_row() -> None:
    assert torch.equal(draws(5).bits((4,)), draws(5).bits((100,))[:, :4])
    assert torch.equal(draws(5).bits((2, 6)).flatten(1), draws(5).bits((12,)))


def in_python(seed: int, row: int, parts: tuple[int, ...], positions: int) -> list[int]:
    """The same bits by Python's own unbounded integers, unsigned."""
    word, half = 2**64 - 1, 2**32 - 1
    golden = 0x9E3779B97F4A7C15

    def mix64(x: int) -> int:
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 & word
        x = (x ^ x >> 27) * 0x94D049BB133111EB & word
        return x ^ x >> 31

    def mix32(x: int) -> int:
        x = (x ^ x >> 16) * 0x7FEB352D & half
        x = (x ^ x >> 15) * 0x846CA68B & half
        return x ^ x >> 16

    key = mix64((row + seed * golden) & word)
    for part in parts:
        key = mix64((key + (part + 1) * golden) & word)
    return [mix32((mix32(place ^ (key & half)) + (key >> 32)) & half) for place in range(positions)]


@pytest.mark.parametrize("seed", [0, 1, -3, 2**63 + 1, 2**70 - 5])
def test_the_bits_are_those_of_the_hash_in_unsigned_arithmetic(seed: int) -> None:
    rows = [0, 5, 2**33, -1]
    drawn = Draws(seed, torch.tensor(rows), stage=2, restart=3).bits((40,), draw=4).long() & (2**32 - 1)
    assert drawn.tolist() == [in_python(seed, row, (2, 3, 4), 40) for row in rows]


def test_the_bits_never_change() -> None:
    """Old records must replay: these numbers are part of the format."""
    known = Draws(1, torch.tensor([0, 5]), stage=2, restart=3).bits((3,), draw=4)
    assert known.tolist() == KNOWN
    assert known.dtype == torch.int32


@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (1, 4, 4)])
def test_shapes(shape: tuple[int, ...]) -> None:
    for drawn in (
        draws(6).bits(shape),
        draws(6).uniform(shape),
        draws(6).normal(shape),
        draws(6).integers(9, shape),
    ):
        assert drawn.shape == (6, *shape)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_uniform_numbers_are_uniform(dtype: torch.dtype) -> None:
    drawn = draws(200).uniform((500,), dtype=dtype)
    assert drawn.dtype == dtype
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert fits(torch.histc(drawn, bins=100, min=0, max=1))
    assert abs(drawn.mean() - 0.5) < 4 / math.sqrt(12 * drawn.numel())
    assert abs(drawn.var() - 1 / 12) < 1e-3
    for axis in (0, 1):  # as spread among rows at one position as within a row
        means = drawn.mean(axis)
        wanted = math.sqrt(1 / 12 / drawn.shape[axis])
        assert abs(means.std() / wanted - 1) < 0.2


def test_uniform_numbers_are_the_same_in_both_dtypes() -> None:
    assert torch.equal(draws(9).uniform((50,)).double(), draws(9).uniform((50,), dtype=torch.float64))


def test_every_bit_is_a_fair_coin() -> None:
    bits = draws(100).bits((500,)).flatten()
    for place in range(32):
        ones = int(((bits >> place) & 1).sum())
        assert abs(ones - 25_000) < 4 * math.sqrt(12_500)


def test_neighbouring_ids_and_positions_flip_half_the_bits() -> None:
    bits = draws(300).bits((60,))
    for a, b in ((bits[1:], bits[:-1]), (bits[:, 1:], bits[:, :-1])):
        flipped = torch.stack([((a ^ b) >> place & 1).double().mean() for place in range(32)])
        assert ((flipped - 0.5).abs() < 0.02).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_normal_numbers_are_normal(dtype: torch.dtype) -> None:
    drawn = draws(100).normal((300,), dtype=dtype)
    assert drawn.dtype == dtype
    assert drawn.isfinite().all()
    assert kstest(drawn.flatten().double().numpy(), "norm").pvalue > 1e-3
    assert abs(drawn.mean()) < 4 / math.sqrt(30_000)
    assert abs(drawn.var() - 1) < 0.03


@pytest.mark.parametrize("high", [1, 2, 3, 7, 256])
def test_integers_are_evenly_spread(high: int) -> None:
    drawn = draws(300).integers(high, (100,))
    assert drawn.dtype == torch.int64
    assert drawn.min() == 0
    assert drawn.max() == high - 1
    if high > 1:
        assert fits(torch.bincount(drawn.flatten(), minlength=high))


PURPOSES = {
    "another seed": (draws(seed=1), 0),
    "a negative seed": (draws(seed=-1), 0),
    "a seed beyond 64 bits": (draws(seed=2**64 + 12345), 0),
    "a seed beyond 32 bits": (draws(seed=2**32), 0),
    "another stage": (draws(stage=1), 0),
    "another restart": (draws(restart=1), 0),
    "another draw": (draws(), 1),
    "other ids": (Draws(0, torch.arange(1000, 2000)), 0),
    "negative ids": (Draws(0, torch.arange(-1000, 0)), 0),
    "far ids": (Draws(0, torch.arange(1000) + 2**40), 0),
}


@pytest.mark.parametrize(("other", "draw"), PURPOSES.values(), ids=PURPOSES)
def test_draws_for_different_purposes_are_independent(other: Draws, draw: int) -> None:
    one, two = draws().uniform((20,)).flatten(), other.uniform((20,), draw).flatten()
    assert (one == two).double().mean() < 1e-3
    assert abs(torch.corrcoef(torch.stack([one, two]))[0, 1]) < 4 / math.sqrt(len(one))
    cells = (one * 8).long() * 8 + (two * 8).long()
    assert fits(torch.bincount(cells, minlength=64))


def test_purposes_do_not_stand_for_each_other() -> None:
    """Stage 1 is not restart 1, draw 1, seed 1 or id 1."""
    zero = torch.zeros(1, dtype=torch.int64)
    drawn = [
        Draws(seed, zero + row, stage, restart).bits((4,), draw).flatten().tolist()
        for seed in range(3) for row in range(3) for stage in range(3) for restart in range(3) for draw in range(3)
    ]  # fmt: skip
    assert len({tuple(bits) for bits in drawn}) == 3**5


def test_many_rows_collide_no_more_than_chance_allows() -> None:
    """Two words of 32 bits are as many as 64: among 200,000 rows no two should agree in both."""
    bits = draws(200_000).bits((2,)).long()
    words = bits[:, 0] * 2**32 + (bits[:, 1] & 0xFFFFFFFF)
    assert len(set(words.tolist())) == 200_000
    assert abs(len(set(bits[:, 0].tolist())) - 200_000) < 20  # 4.7 are expected to meet


def test_long_rows_do_not_repeat() -> None:
    bits = draws(2).bits((300_000,))
    for row in bits:
        assert len(set(row.tolist())) > 299_900
    assert fits(torch.histc(draws(1).uniform((300_000,)), bins=200, min=0, max=1))


def test_each_row_may_have_a_restart_of_its_own() -> None:
    ids, restarts = torch.tensor([4, 4, 9, -1]), torch.tensor([0, 3, 3, 1 << 40])
    own = Draws(7, ids, stage=1, restart=restarts)
    for row, restart in enumerate(restarts.tolist()):
        alone = Draws(7, ids[row : row + 1], stage=1, restart=restart).bits((5, 2), draw=2)
        assert torch.equal(own.bits((5, 2), draw=2)[row : row + 1], alone)
    chosen = torch.tensor([2, 0])
    assert torch.equal(own.take(chosen).bits((5,)), own.bits((5,))[chosen])


@pytest.mark.parametrize("seed", [0, -5, 2**63, 2**64 - 1, -(2**70), 10**40])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    drawn = draws(50, seed).uniform((200,))
    assert torch.equal(drawn, draws(50, seed).uniform((200,)))
    assert fits(torch.histc(drawn, bins=50, min=0, max=1))


def test_the_global_random_state_plays_no_part() -> None:
    torch.manual_seed(1)
    one, state = draws(4).normal((5,)), torch.get_rng_state()
    torch.manual_seed(2)
    two = draws(4).normal((5,))
    assert torch.equal(one, two)
    torch.manual_seed(1)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.cuda
def test_cpu_and_gpu_draw_the_same_bits() -> None:
    ids = torch.arange(500) * 7919
    here, there = Draws(5, ids, 1, 2), Draws(5, ids.cuda(), 1, 2)
    assert torch.equal(here.bits((100,), 3), there.bits((100,), 3).cpu())
    for dtype in DTYPES:
        assert torch.equal(here.uniform((100,), 3, dtype), there.uniform((100,), 3, dtype).cpu())
        normal = here.normal((100,), 3, dtype)
        assert torch.allclose(normal, there.normal((100,), 3, dtype).cpu(), rtol=1e-6, atol=1e-12)
    assert torch.equal(here.integers(10, (100,), 3), there.integers(10, (100,), 3).cpu())
