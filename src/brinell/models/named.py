"""Models by name or file: what a user has beside an ``nn.Module``."""

import re
from pathlib import Path
from typing import Any

from torch import nn

from brinell.errors import InputError, InputMissingError
from brinell.models.classifier import Classifier
from brinell.models.exported import load_exported
from brinell.models.hub import load_huggingface, load_timm
from brinell.models.torchscript import load_torchscript

_FILES = {".pt2": load_exported, ".pt": load_torchscript, ".pth": load_torchscript, ".ts": load_torchscript,
          ".torchscript": load_torchscript}  # fmt: skip
_HUBS = ("hf:", "timm:")


def is_program(name: str) -> bool:
    """Whether ``name`` is that of a file which holds a program: its bounds have to be told."""
    return Path(name).suffix.lower() in _FILES


def is_known(name: str) -> bool:
    """Whether ``load_model`` knows what to do with ``name``: ``hf:``, ``timm:``, or a file with a program."""
    return name.startswith(_HUBS) or is_program(name)


def load_model(
    name: str | Path, *, weights: str | Path | None = None, bounds: Any = None, normalize: tuple[Any, Any] | None = None
) -> Classifier:
    """A model from where people have it, as a ``Classifier`` in eval mode. Nothing is unpickled.

    name: ``"hf:NAME"``, ``"hf:NAME@REVISION"`` or ``"hf:FOLDER"`` for an image classifier of transformers (the extra
        ``brinell[transformers]``); ``"timm:NAME"`` for one of timm (``brinell[timm]``), with ``:num_classes=10`` for
        weights of your own; the path of a ``.pt2`` file of torch.export, or of a ``.pt``, ``.pth`` or ``.ts`` file of
        TorchScript.
    weights: a file for ``load_weights``, for ``hf:`` and ``timm:``. bounds, normalize: as for ``Classifier``, for
    files;
        published models bring their own: pixels in (0, 1), mean and std of their image processor.

    Published models tell as ``frame`` how pictures become their inputs, and as ``classes`` what their outputs are
    called, where they have names: pass both to ``read_images`` or ``read_dataset``.
    Raises InputError, InputMissingError: what would run code is refused, and the remedy named."""
    text = str(name)
    if not is_known(text):
        alone = (
            " Weights alone are no network: build it and call load_weights." if text.endswith(".safetensors") else ""
        )
        raise InputError(f"the model is {text!r}; give hf:NAME, timm:NAME, or a .pt2, .pt, .pth or .ts file.{alone}")
    path = None if weights is None else Path(weights)
    if is_program(text):
        return _program(Path(text), path, bounds, normalize)
    if bounds is not None or normalize is not None:
        raise InputError(f"{text} brings its bounds (0, 1) and its normalisation; leave bounds and normalize out.")
    if text.startswith("hf:"):
        return load_huggingface(text.removeprefix("hf:"), path)
    place, *options = re.split(r":(?=[a-z_]+=)", text.removeprefix("timm:"), maxsplit=1)
    given = dict(part.partition("=")[::2] for part in "".join(options).split(",") if part)
    return load_timm(place, given, path)


def load_program(name: str | Path) -> nn.Module:
    """The network in a file of torch.export or TorchScript. Raises InputMissingError, InputError."""
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputMissingError(f"there is no file {path}; check the spelling and the folder.")
    return _FILES[path.suffix.lower()](path)


def _program(path: Path, weights: Path | None, bounds: Any, normalize: tuple[Any, Any] | None) -> Classifier:
    net = load_program(path)
    if weights is not None:
        raise InputError(f"{path} holds its weights itself; leave {weights} out.")
    if bounds is None:
        raise InputError(
            f"{path} does not tell the range of its inputs; give bounds, such as bounds=(0, 1) for pixels."
        )
    return Classifier(net, bounds, normalize).eval()
