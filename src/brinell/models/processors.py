"""What is done to a picture before a published model sees it, as bounds, normalisation and a frame."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from brinell.data.frames import Frame, pillow
from brinell.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

_KNOWN = {"do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"}
_RESAMPLES = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # by Pillow's numbers
_CLOSE = 0.02  # of the width of a pixel's range, on average: what rounding and another resizer make


@dataclass(frozen=True, slots=True)
class Preparation:
    """``frame`` makes a picture an input in [0, 1]; ``normalize`` is (mean, std) for each channel, None for none."""

    frame: Frame
    normalize: tuple[tuple[float, ...], tuple[float, ...]] | None

    @classmethod
    def of_processor(cls, facts: Mapping[str, Any], name: str) -> "Preparation":
        """That of a Hugging Face image processor, told by its configuration.

        Raises InputError, naming the step, for one that is neither resizing, cutting, rescaling nor normalising."""
        steps = {key for key, value in facts.items() if key.startswith("do_") and value}
        if steps - _KNOWN:
            raise _unsupported(name, f"the step {min(steps - _KNOWN)}")
        return cls(_frame(facts, steps, name), _normalize(facts, steps))

    @classmethod
    def of_timm(cls, facts: Mapping[str, Any], name: str) -> "Preparation":
        """That of a timm model, told by its data configuration."""
        channels, height, width = facts["input_size"]
        scale = tuple(int(length / facts["crop_pct"]) for length in (height, width))
        mode = facts.get("crop_mode") or "center"
        if mode not in ("center", "squash") or (mode == "center" and height != width):
            raise _unsupported(name, f"the crop mode {mode} for {height}x{width} inputs")
        resize = scale[0] if mode == "center" else (scale[0], scale[1])
        frame = Frame(resize, (height, width), "L" if channels == 1 else "RGB", facts["interpolation"])
        return cls(frame, (_numbers(facts["mean"]), _numbers(facts["std"])))

    def check(self, prepare: Callable[["Image"], Tensor], name: str) -> None:
        """Raise InputError where ``prepare``, (picture) to (C, H, W), does something else to a picture than this."""
        grain = np.random.default_rng(0).integers(0, 256, (24, 31, 3), dtype=np.uint8)
        picture = pillow().fromarray(np.kron(grain, np.ones((16, 16, 1), np.uint8))).convert(self.frame.mode)
        try:
            theirs, ours = prepare(picture).double().numpy(), self.frame(picture) / 255.0
        except Exception as problem:  # the code of whoever wrote the processor
            raise InputError(f"{name}: its image processor cannot prepare a picture: {problem}") from problem
        mean, std = (np.array(side)[:, None, None] for side in self.normalize or ((0.0,), (1.0,)))
        if theirs.shape != ours.shape or np.abs(theirs * std + mean - ours).mean() > _CLOSE:
            raise _unsupported(name, f"something that its configuration does not tell ({self.frame})")


def _frame(facts: Mapping[str, Any], steps: set[str], name: str) -> Frame:
    size, edge = facts.get("size") or {}, (facts.get("size") or {}).get("shortest_edge")
    crop = _pair(facts.get("crop_size"), name) if "do_center_crop" in steps else None
    resize: int | tuple[int, int] | None = None
    if "do_resize" in steps:
        resize = edge if set(size) == {"shortest_edge"} else _pair(size, name)
        if facts.get("crop_pct") and isinstance(resize, int):  # as ConvNeXt does it
            crop = (resize, resize)
            resize = int(resize / facts["crop_pct"]) if resize < 384 else crop
    number = facts.get("resample")
    resample = "bilinear" if number is None else _RESAMPLES[int(number)]
    return Frame(resize, crop, "RGB", resample)


def _pair(size: Any, name: str) -> tuple[int, int]:
    if not isinstance(size, Mapping) or set(size) != {"height", "width"}:
        raise _unsupported(name, f"the size {size}")
    return int(size["height"]), int(size["width"])


def _normalize(facts: Mapping[str, Any], steps: set[str]) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Of inputs in [0, 1], whatever the processor rescales its bytes to."""
    scale = 255 * (facts["rescale_factor"] if "do_rescale" in steps else 1.0)
    offset = 1.0 if "do_rescale" in steps and facts.get("rescale_offset") else 0.0
    mean = _numbers(facts["image_mean"]) if "do_normalize" in steps else (0.0,) * 3
    std = _numbers(facts["image_std"]) if "do_normalize" in steps else (1.0,) * 3
    if facts.get("include_top"):  # EfficientNet's: divides twice
        std = tuple(each**2 for each in std)
    if set(mean) == {0.0} and set(std) == {1.0} and offset == 0 and abs(scale - 1) < 1e-9:
        return None
    return tuple((each + offset) / scale for each in mean), tuple(each / scale for each in std)


def _numbers(values: float | Sequence[float]) -> tuple[float, ...]:
    return tuple(map(float, values)) if isinstance(values, Sequence) else (float(values),) * 3


def _unsupported(name: str, what: str) -> InputError:
    return InputError(
        f"{name} prepares its pictures with {what}, which brinell cannot turn into a frame, bounds and a "
        "normalisation; "
        "wrap the network yourself: Classifier(net, bounds=..., normalize=...), inside file.py:function."
    )
