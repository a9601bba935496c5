"""Sanitisers: exact in use, with a slope that leads somewhere under attack; and what they refuse."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from scipy.ndimage import median_filter
from torch import Tensor, nn

import brinell as br
from brinell.errors import InputError, InputTypeError
from brinell.models import Sanitiser, weights_sha256
from brinell.models.sanitisers import draws_of
from helpers import IMAGE, classifier, convolutional, generator, points

EVERY = {"BitDepth": br.BitDepth(3), "JPEG": br.JPEG(60), "Median": br.Median(3), "Resize": br.RandomResizePad(0.6)}


def smooth_pictures(n: int = 4, channels: int = 3, height: int = 21, width: int = 30, seed: int = 0) -> Tensor:
    """Pictures in 0..1 that change slowly, as photographs do."""
    coarse = torch.rand(n, channels, 5, 5, generator=generator(seed))
    return F.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)


@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_bit_depth_has_its_levels_and_moves_nothing_further_than_half_a_step(bits: int) -> None:
    x = torch.rand(3, 7, 50, generator=generator(1))
    out, steps = br.BitDepth(bits)(x), 2**bits - 1
    assert out.mul(steps).sub(out.mul(steps).round()).abs().max() < 1e-4
    assert len(out.unique()) == min(2**bits, len(out.unique()))
    assert (out - x).abs().max() <= 0.5 / steps + 1e-6
    assert torch.equal(br.BitDepth(bits)(out), out)


def test_levels_span_the_bounds() -> None:
    out = br.BitDepth(1)(torch.tensor([[-3.0, -1.1, 0.9, 5.0]]), bounds=(-3.0, 5.0))
    assert out.tolist() == [[-3.0, -3.0, -3.0, 5.0]]
    wide = br.BitDepth(2)(torch.tensor([[0.0, 30.0]]), bounds=([0.0, 0.0], [3.0, 90.0]))
    assert wide.tolist() == [[0.0, 30.0]]


@pytest.mark.parametrize("size", [3, 5])
@pytest.mark.parametrize("shape", [(2, 3, 9, 12), (2, 1, 4, 4), (3, 20), (2, 3, 11)], ids=str)
def test_median_is_that_of_scipy(shape: tuple[int, ...], size: int) -> None:
    x = torch.rand(shape, generator=generator(2))
    window = (1, 1, size, size) if len(shape) == 4 else (*[1] * (len(shape) - 1), size)
    assert np.array_equal(br.Median(size)(x).numpy(), median_filter(x.numpy(), size=window))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [10, 75, 100])
def test_jpeg_is_that_of_pillow(channels: int, quality: int) -> None:
    x = smooth_pictures(channels=channels)
    out = br.JPEG(quality)(x)
    for picture, seen in zip(x, out, strict=True):
        values = (picture * 255).round().to(torch.uint8).numpy()
        file = io.BytesIO()
        Image.fromarray(values[0] if channels == 1 else values.transpose(1, 2, 0)).save(file, "JPEG", quality=quality)
        wanted = np.asarray(Image.open(file)).reshape(21, 30, channels).transpose(2, 0, 1)
        assert np.array_equal((seen * 255).round().numpy(), wanted)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [10, 50, 90])
def test_the_stand_in_of_jpeg_is_near_it(channels: int, quality: int) -> None:
    """Nearer than the input is, on noisy pictures, where JPEG changes much."""
    x = (smooth_pictures(8, channels) + 0.1 * torch.rand(8, channels, 21, 30, generator=generator(3))).clamp(0, 1)
    jpeg = br.JPEG(quality)
    exact, stand_in = jpeg(x), jpeg.stand_in(x, draws_of(0, 0))
    assert (exact - stand_in).abs().mean() < 0.75 * (exact - x).abs().mean()


def along(function: Callable[[Tensor], Tensor], x: Tensor, direction: Tensor, length: float) -> Tensor:
    """What a row's sum of ``function`` gains by a step of this length, (N,)."""
    ahead, behind = (function(x + side * length * direction).flatten(1).sum(1) for side in (0.5, -0.5))
    return ahead - behind


@pytest.mark.parametrize("name", ["BitDepth", "JPEG", "Median"])
def test_the_slope_under_attack_points_where_the_smoothed_sanitiser_rises(name: str) -> None:
    """Finite differences of a random linear reading, averaged over noise, in directions of one value each."""
    sanitiser = EVERY[name]
    x = smooth_pictures(1, 1, 8, 8, seed=5) * 0.6 + 0.2
    reading = torch.randn(1, 1, 8, 8, generator=generator(6))
    model = br.sanitised(br.Classifier(Reading(reading), bounds=(0, 1)), sanitiser)
    noise = 0.06 * torch.randn(150, 1, 8, 8, generator=generator(7))
    start = (x + noise).clamp(0, 1).requires_grad_()
    slope = torch.autograd.grad(model(start)[:, 1].sum(), start)[0].mean(0).flatten()
    with torch.no_grad():
        steps = torch.eye(64).reshape(64, 1, 1, 8, 8)
        rises = [along(lambda at: model(at.clamp(0, 1))[:, 1:], start, step, 0.2).mean() for step in steps]
    assert F.cosine_similarity(slope, torch.stack(rises), 0) > 0.6


class Reading(nn.Module):
    """One logit: a weighted sum of the values."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.weight).flatten(1).sum(1)


def test_resized_pictures_are_smaller_and_whole() -> None:
    x = 0.5 + smooth_pictures(2, 3, 20, 30) / 2
    seen = torch.stack([br.RandomResizePad(0.5)(x, seed=seed) for seed in range(40)])
    filled = (seen[:, 0, 0] > 0).sum((1, 2))
    assert seen.shape == (40, 2, 3, 20, 30)
    assert int(filled.min()) >= 10 * 15
    assert len(filled.unique()) > 5
    assert torch.equal(seen[3], br.RandomResizePad(0.5)(x, seed=3))
    corner = seen[:, 0, 0, 0, 0]
    assert 0 < int((corner > 0).sum()) < 40


def test_a_random_sanitiser_gives_a_fixed_mean_by_row() -> None:
    model, x = classifier(IMAGE, convolutional(IMAGE)), points(IMAGE, 6)
    safe = br.sanitised(model, br.RandomResizePad(0.5), samples=7, seed=3)
    with torch.no_grad():
        whole = safe(x)
        assert torch.equal(whole, safe(x))
        torch.testing.assert_close(safe(x[4:5]), whole[4:5])
        fresh = safe.afresh()
        assert fresh is not None
        assert not torch.allclose(fresh(x), whole)
        torch.manual_seed(5)
        state = torch.get_rng_state()
        safe(x)
        assert torch.equal(torch.get_rng_state(), state)
    assert "mean of 7 passes with seed 3" in safe.guards[0].label
    assert br.sanitised(model, br.JPEG()).afresh() is None


@pytest.mark.parametrize("name", EVERY)
def test_sanitised_is_the_model_on_sanitised_inputs(name: str) -> None:
    model, x, sanitiser = classifier(IMAGE, convolutional(IMAGE)), points(IMAGE, 5), EVERY[name]
    safe = br.sanitised(model, sanitiser, samples=1)
    with torch.no_grad():
        torch.testing.assert_close(safe(x), model(sanitiser(x)))
    assert safe.bare is model
    assert safe.normalizes
    assert weights_sha256(safe) == weights_sha256(model)
    assert [guard.label.startswith(repr(sanitiser)) for guard in safe.guards] == [True]
    twice = br.sanitised(safe, br.BitDepth(5))
    assert twice.bare is model
    assert next(guard.label for guard in twice.guards) == "BitDepth(bits=5)"


def test_making_a_guard_changes_no_mode_of_the_model() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 6), nn.BatchNorm1d(6), nn.Dropout(), nn.Linear(6, 3))
    net.train()
    net[2].eval()
    model = br.Classifier(net, (0, 1))
    before = [(module, module.training) for module in model.modules()]
    digest, needing = weights_sha256(model), [parameter.requires_grad for parameter in model.parameters()]
    safe = br.sanitised(model, br.RandomResizePad())
    assert safe.training
    br.attack(br.PGD(steps=2), safe, points(IMAGE, 4), [0, 1, 2, 0], br.Linf(0.1))
    assert safe.training
    assert [(module, module.training) for module in model.modules()] == before
    assert [parameter.requires_grad for parameter in model.parameters()] == needing
    assert weights_sha256(model) == digest


def test_bytes_and_other_units() -> None:
    x = smooth_pictures(3, 1, 8, 8)
    for low, width in ((0.0, 255.0), (-1.0, 2.0)):
        for sanitiser in EVERY.values():
            torch.testing.assert_close(
                sanitiser(low + width * x, (low, low + width)), low + width * sanitiser(x), rtol=1e-4, atol=1e-4 * width
            )


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: br.BitDepth(0), r"bits is 0; it must be a whole number in 1\.\.16"),
    (lambda: br.BitDepth(2.5), "bits is 2.5"),  # type: ignore[arg-type]
    (lambda: br.JPEG(0), r"quality is 0; it must be a whole number in 1\.\.100"),
    (lambda: br.JPEG(101), "quality is 101"),
    (lambda: br.JPEG(True), "quality is True"),
    (lambda: br.Median(4), "size is 4; it must be odd, such as 5"),
    (lambda: br.Median(1), "size is 1"),
    (lambda: br.RandomResizePad(1.0), "least is 1.0; it must be above 0 and below 1"),
    (lambda: br.RandomResizePad(0), "least is 0"),
    (lambda: br.JPEG()(torch.rand(2, 3, 8, 8) * 255), r"outside the bounds \(0, 1\)"),
    (lambda: br.JPEG()(torch.rand(4, 20)), r"JPEG takes pictures \(N, 1 or 3, H, W\), and these .* BitDepth or Median"),
    (lambda: br.JPEG()(torch.rand(1, 4, 8, 8)), r"these inputs are \('N', 4, 8, 8\)"),
    (lambda: br.RandomResizePad()(torch.rand(4, 20)), "RandomResizePad takes pictures"),
    (lambda: br.Median(9)(torch.rand(2, 3)), "size is 9 and the inputs are"),
    (lambda: br.Median()(torch.rand(2, 2, 2, 5, 5)), "Median takes"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_use_is_told(number: int) -> None:
    call, words = WRONG[number]
    with pytest.raises(InputError, match=words):
        call()


def test_what_is_no_model_or_no_sanitiser_is_refused() -> None:
    model = classifier(IMAGE, convolutional(IMAGE))
    with pytest.raises(InputTypeError, match=r"wrap it first"):
        br.sanitised(model.net, br.JPEG())  # type: ignore[arg-type]
    with pytest.raises(InputTypeError, match="a sanitiser is <class"):
        br.sanitised(model, br.JPEG)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="there is no sanitiser"):
        br.sanitised(model)
    with pytest.raises(InputError, match="samples is 0"):
        br.sanitised(model, br.RandomResizePad(), samples=0)


def test_pictures_of_a_model_that_takes_none_are_told_in_an_audit() -> None:
    model = br.Classifier(nn.Linear(6, 2), (0, 1))
    with pytest.raises(InputError, match="JPEG takes pictures"):
        br.audit(br.sanitised(model, br.JPEG()), (torch.rand(4, 6), [0, 1, 0, 1]), br.Linf(0.1))


@pytest.mark.parametrize("name", EVERY)
def test_every_sanitiser_says_how_it_is_attacked(name: str) -> None:
    sanitiser: Sanitiser = EVERY[name]
    assert sanitiser.adaptive
    assert sanitiser == type(sanitiser)(*[getattr(sanitiser, field) for field in sanitiser.__dataclass_fields__])  # type: ignore[attr-defined]


def test_training_and_weights_go_through(tmp_path: Path) -> None:
    model, x = classifier(IMAGE, convolutional(IMAGE)), points(IMAGE, 24)
    y = torch.arange(24) % 3
    before = weights_sha256(model)
    safe = br.sanitised(model, br.BitDepth(3))
    hard = br.harden(safe, (x, y), br.Linf(0.05), recipe=br.Standard(), epochs=2)
    assert [guard.label for guard in hard.guards] == ["BitDepth(bits=3)"]
    assert weights_sha256(model) == before != weights_sha256(hard)
    br.save_weights(hard, tmp_path / "hard.safetensors")
    br.load_weights(model, tmp_path / "hard.safetensors")  # names are those of the network inside
    assert weights_sha256(model) == weights_sha256(hard)
