"""Programs of ``torch.export`` (.pt2): read without unpickling, importing or evaluating what a file says."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from brinell.errors import InputError
from brinell.models.torchscript import Program, file_sha256

_SCHEMA = 8  # the version of the format that was gone through for what is evaluated
_PARTS = re.compile(
    r"models/model\.json|data/(weights/(weight_\d+|model_weights_config\.json)"
    r"|constants/(tensor_\d+|model_constants_config\.json)|sample_inputs/model\.pt)"
    r"|extra/.*|archive_format|archive_version|version|byteorder|\.data/.*"
)
_OPERATORS = re.compile(
    r"torch\.ops\.aten\.(?!(from_file|save)\b)\w+\.\w+|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|pow|"
    r"eq|ne|lt|le|gt|ge|and_|or_|not_)|math\.(ceil|floor|sqrt|trunc)|torch\.sym_(int|float|max|min|not|sum|sqrt)"
)
_SYMBOL = re.compile(r"Symbol\('[a-z]+\d+'(, (positive|integer|nonnegative)=(True|False))*\)")
_FUNCTIONS = "Add Mul Pow Max Min Mod PythonMod FloorDiv CeilDiv CleanDiv Integer Rational Eq Ne Lt Le Gt Ge"
_TREES = {None, "builtins.tuple", "builtins.list", "builtins.dict"}


def load_exported(path: Path) -> nn.Module:
    """The program that ``torch.export.save`` wrote, as a module of one input with any number of rows.

    ``torch.export.load`` itself unpickles parts of a file, looks names up in torch, and evaluates expressions. So every
    part is looked at first, and a clean copy is loaded: tensors stored as bytes, operators of aten, plain shapes.
    Raises InputError, which names what is in the way: a pickle, an operator, train mode, a fixed number of rows."""
    try:
        from torch.export.pt2_archive import PT2ArchiveReader, PT2ArchiveWriter
    except ImportError as problem:
        raise InputError(f"{path} needs torch 2.9 or later; this is {torch.__version__}.") from problem
    clean = io.BytesIO()
    try:
        with PT2ArchiveReader(str(path)) as reader, PT2ArchiveWriter(clean) as writer:
            for name in reader.get_file_names():
                if (content := _checked(name, reader.read_bytes(name), path)) is not None:
                    writer.write_bytes(name, content)
    except InputError:
        raise
    except Exception as problem:  # whatever the bytes of a damaged file lead the reader to
        raise InputError(f"{path} is damaged or was not written by torch.export.save: {problem}") from problem
    clean.seek(0)
    return _Exported(_load(clean, path), file_sha256(path))


class _Exported(Program):
    """Its mode is part of the program, which refuses to be asked for another."""

    def train(self, mode: bool = True) -> "_Exported":
        self.training = mode
        return self


def _load(clean: io.BytesIO, path: Path) -> nn.Module:
    try:
        program = torch.export.load(clean)
    except Exception as problem:
        raise InputError(
            f"{path} cannot be loaded: {problem}. Write it with torch.export.save of this version."
        ) from problem
    inputs = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    shapes = [node.meta["val"].shape for node in inputs if isinstance(node.meta.get("val"), Tensor)]
    if len(inputs) != 1 or len(shapes) != 1:
        raise InputError(f"{path} takes {len(inputs)} inputs; export a module of one tensor that returns the logits.")
    if isinstance(shapes[0][0], int):
        raise InputError(
            f"{path} takes {shapes[0][0]} rows, no more and no less; export it for any number: "
            "torch.export.export(net, "
            '(x,), dynamic_shapes=({0: torch.export.Dim("n")},)).'
        )
    return program.module()


def _checked(name: str, content: bytes, path: Path) -> bytes | None:
    """A part of the file as it is to be loaded, None to leave it out; raises InputError where it is not safe."""
    if not _PARTS.fullmatch(name):
        raise _refused(path, f"the part {name}, of a kind that has to be unpickled or is compiled code")
    if name.startswith((".data/", "extra/")) or name in ("version", "byteorder"):
        return None  # the writer has its own
    if name.startswith("data/sample_inputs/"):
        return b""  # a pickle that nobody needs
    if name.endswith("_config.json"):
        _refuse_pickles(json.loads(content), path)
    if name != "models/model.json":
        return content
    program = json.loads(content)
    _refuse_program(program, path)
    program["guards_code"] = []  # Python that would be executed
    return json.dumps(program).encode()


def _refuse_pickles(config: Any, path: Path) -> None:
    for tensor, payload in config["config"].items():
        if payload["use_pickle"] is not False or not re.fullmatch(r"(weight|tensor)_\d+", payload["path_name"]):
            raise _refused(path, f"the tensor {tensor} as a pickle, as sparse and custom tensors are")


def _refuse_program(program: Any, path: Path) -> None:
    version = program["schema_version"]["major"]
    if version != _SCHEMA:
        raise InputError(
            f"{path} is in version {version} of the format; brinell knows {_SCHEMA}, of torch 2.9 to 2.13."
        )
    for part in _dicts(program):
        target, expression = part.get("target"), part.get("expr_str")
        if isinstance(target, str):
            _refuse_operator(target, part, path)
        if expression is not None and not _is_plain(str(expression)):
            raise _refused(path, f"the expression {str(expression)[:80]!r}, which would be evaluated")
        for tree in (part.get("in_spec"), part.get("out_spec")):
            if tree and not _TREES.issuperset(each["type"] for each in _dicts(json.loads(tree)) if "type" in each):
                raise _refused(path, "inputs or outputs of a class of their own; return the logits alone")
            if tree and "__enum__" in tree:
                raise _refused(path, "a name that would be imported")


def _refuse_operator(target: str, node: Mapping[str, Any], path: Path) -> None:
    if not _OPERATORS.fullmatch(target):
        raise _refused(path, f"the operator {target}")
    training = [given for given in node.get("inputs", ()) if given["name"] in ("training", "train", "use_input_stats")]
    if any(given["arg"].get("as_bool") for given in training) and re.search("batch_norm|dropout", target):
        raise InputError(
            f"{path} was exported in train mode ({target.split('.')[-2]}), which is part of the program; export it "
            "again after net.eval()."
        )


def _is_plain(expression: str) -> bool:
    """Whether an expression of a shape has nothing but symbols, numbers, signs and the functions of arithmetic."""
    rest = _SYMBOL.sub("s0", expression)
    names = set(re.findall(r"[A-Za-z_]\w*", rest))
    known = {name for name in names if re.fullmatch(r"[a-z]+\d+", name)} | set(_FUNCTIONS.split())
    signs = re.fullmatch(r"[\w\s+\-*/(),.<>=]*", rest) is not None
    return signs and names <= known and not re.search(r"\.\s*[A-Za-z_]", rest)


def _dicts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _dicts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _dicts(inner)


def _refused(path: Path, what: str) -> InputError:
    return InputError(
        f"{path} is refused: it holds {what}, and loading it could run code. Give the network as file.py:function, "
        "and its weights as safetensors."
    )
