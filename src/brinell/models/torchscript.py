"""TorchScript programs (.pt): loaded without Python, and without operators that reach outside."""

import hashlib
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from brinell.errors import InputError

_OUTSIDE = re.compile(r"\b(from_file|torch\.save|torch\.load|load_library|__torch__\.torch\.classes\.\w+)\b")
_ALIEN = re.compile(r"\bops\.(?!aten\.|prim\.)(\w+\.\w+)")


class Program(nn.Module):
    """A network whose code comes from a file; the file's sha256 is among its buffers, and so in every record."""

    file_sha256: Tensor

    def __init__(self, program: nn.Module, digest: bytes) -> None:
        super().__init__()
        self.program = program
        self.register_buffer("file_sha256", torch.tensor(list(digest), dtype=torch.uint8), persistent=False)

    def forward(self, x: Tensor) -> Any:
        """What the program returns for ``x`` (N, ...)."""
        return self.program(x)


def load_torchscript(path: Path) -> nn.Module:
    """The program that ``torch.jit.save`` wrote, as a module on the CPU.

    It is no pickle of Python and runs no Python, but it is a program: TorchScript that is run when it is loaded and
    called. One that names operators which touch files, classes written in C++, or operators of other libraries is
    refused. Load it only from people whom you trust. Raises InputError."""
    reader = _reader(path)
    names = reader.get_all_records()
    if "constants.pkl" not in names or not any(name.startswith("code/") for name in names):
        raise InputError(
            f"{path} is refused: it is no TorchScript but a pickle of a model or of weights, and a pickle can run "
            "code. "
            "Give the network as file.py:function, and its weights with weights=... (--weights), best as safetensors."
        )
    for name in names:
        if name.startswith("code/") and name.endswith(".py"):
            _refuse_code(reader.get_record(name).decode(), path)
    try:
        with warnings.catch_warnings(action="ignore"):  # that TorchScript is not developed any more
            program = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except RuntimeError as problem:
        raise InputError(f"{path} cannot be loaded as TorchScript: {problem}") from problem
    return Program(program, file_sha256(path))


def file_sha256(path: Path) -> bytes:
    """The sha256 of a file, 32 bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _reader(path: Path) -> Any:
    try:
        return torch._C.PyTorchFileReader(str(path))
    except RuntimeError as problem:
        raise InputError(f"{path} is damaged, or neither TorchScript nor a file of torch.save: {problem}") from problem


def _refuse_code(code: str, path: Path) -> None:
    found = _OUTSIDE.search(code) or _ALIEN.search(code)
    if found:
        raise InputError(
            f"{path} is refused: its code names {found[0]}, which reaches outside of the program. Give the network as "
            "file.py:function, and its weights as safetensors."
        )
