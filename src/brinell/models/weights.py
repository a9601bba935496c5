"""Weights in and out of files, without ever unpickling code."""

import hashlib
import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from brinell.errors import InputError, InputMissingError
from brinell.models.classifier import Classifier


def load_weights(model: nn.Module, path: str | Path) -> None:
    """Load ``path`` (safetensors, or a torch file that holds tensors only) into ``model``, in place.

    A Classifier's file has the names of the network inside it. Raises InputError on a damaged file, on one that
    would run code, on weights of another architecture and on weights that are not finite."""
    path = Path(path)
    if not path.is_file():
        hint = f": it is a folder; name the file in it, such as {path / 'weights.safetensors'}" if path.is_dir() else ""
        raise InputMissingError(f"there is no weights file {path}{hint}.")
    tensors = _read(path)
    net = model.bare.net if isinstance(model, Classifier) else model
    _check_fit(net, tensors, path)
    net.load_state_dict(tensors)


def save_weights(model: nn.Module, path: str | Path) -> None:
    """Write the weights of ``model`` (of the network inside a Classifier) as safetensors."""
    net = model.bare.net if isinstance(model, Classifier) else model
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in net.state_dict().items()}
    Path(path).write_bytes(save(tensors))


def weights_sha256(model: nn.Module) -> str:
    """sha256 over the names, dtypes, shapes and bytes of all parameters and buffers, normalisation included, guards
    left out."""
    model = model.bare if isinstance(model, Classifier) else model
    digest = hashlib.sha256()
    for name, value in sorted([*model.named_parameters(), *model.named_buffers()]):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, ValueError) as problem:
            raise InputError(f"{path} is not a readable safetensors file: {problem}.") from problem
    try:
        with warnings.catch_warnings(action="ignore"):  # of pickle protocols; the answer is the same
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as problem:
        raise InputError(
            f"{path} is refused: it holds more than tensors, and reading it could run code. Save the weights with "
            "safetensors.torch.save_file(net.state_dict(), ...)."
        ) from problem
    except Exception as problem:  # whatever the bytes of a damaged file lead the reader to
        raise InputError(f"{path} is damaged or no weights file: {problem}.") from problem
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not all(isinstance(value, Tensor) for value in loaded.values()):
        raise InputError(f"{path} holds no table of tensors; save net.state_dict(), best as safetensors.")
    return loaded


def _check_fit(net: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    wanted = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    given = {name: tuple(value.shape) for name, value in tensors.items()}
    wrong = [f"{name} is {given.get(name, 'missing')}, not {shape}" for name, shape in wanted.items()
             if given.get(name) != shape]  # fmt: skip
    wrong += [f"{name} is not part of the network" for name in given if name not in wanted]
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise InputError(f"{path} holds weights of another architecture: {'; '.join(wrong[:3])}{more}.")
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise InputError(f"{path}: {name} holds NaN or infinity; the training that wrote it diverged.")
