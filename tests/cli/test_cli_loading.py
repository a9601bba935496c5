"""Models and data that a command line names: what is found, and what is said where it is not."""

import gzip
import os
import pickle
import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from workshop import Run, arrays

import brinell

REST = ("toy.npz", "linf:0.05", "--attack", "FGSM", "--no-diagnose")


@pytest.mark.parametrize("name", ["Linear", "classifier", "instance", "dropping"])
def test_functions_classes_and_instances_are_models(name: str, run: Run) -> None:
    assert run("audit", f"nets.py:{name}", *REST).code == 0


def test_files_and_packages_are_found_with_what_lies_beside_them(run: Run, workshop: Path) -> None:
    folder = workshop / "lab"
    folder.mkdir()
    (folder / "helper_of_lab.py").write_text("from torch.nn import Linear\n")
    (folder / "model.py").write_text("from helper_of_lab import Linear\n\ndef net():\n    return Linear(8, 2)\n")
    (folder / "__init__.py").touch()
    (folder / "inner.py").write_text("from torch import nn\n\ndef net():\n    return nn.Linear(8, 2)\n")
    assert run("audit", f"{folder}/model.py:net", *REST).code == 0
    sys.path[:] = [place for place in sys.path if place != str(workshop)]  # an installed command does not start there
    assert run("audit", "lab.inner:net", *REST).code == 0


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("nets.py", "the model is 'nets.py'; write file.py:function or package.module:function"),
        ("nets.py:", "the model is 'nets.py:'"),
        (":f", "the model is ':f'"),
        ("nots.py:Linear", "there is no file nots.py"),
        ("nets.py:Lineal", "there is no 'Lineal' in nets.py; it has: Linear, Slow, Stops"),
        ("nets.py:number", "nets.py:number is int; name a function or class"),
        ("nets.py:raises", "nets.py:raises raised RuntimeError: no such disk"),
        ("nets.py:leaves", "nets.py:leaves raised SystemExit: usage: nets.py"),
        ("nets.py:returns_a_number", "returned int; it must return an nn.Module or a Classifier"),
        ("nets.py:with_argument", "called without arguments, but missing a required argument: 'width'"),
        ("nets.py:dict", "there is no 'dict' in nets.py"),
        ("nets.py:wide", "nets.py:wide cannot take a row of toy.npz, shape (8,): it raised RuntimeError: mat1"),
        ("nets.py:Jumpy", "it raised OverflowError: too much"),
        ("nets.py:Choosy", "error: no such row"),
        ("nets.py:softmax", "the model returns probabilities"),
        ("brinell.models:Small", "there is no 'Small' in brinell.models; it has: BPDA, Classifier"),
        ("no_such_lab.nets:f", "there is no module 'no_such_lab.nets' (missing: no_such_lab)"),
        ("brinell.nets:f", "there is no module 'brinell.nets'"),
        ("builtins:dir", "builtins:dir returned list"),
    ],
)
def test_what_is_no_model_is_said(model: str, says: str, run: Run) -> None:
    ended = run("audit", model, *REST)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert says in ended.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import no_such_package", "cannot be imported: ModuleNotFoundError: No module named 'no_such_package'"),
        ("def f(:", "cannot be imported: SyntaxError"),
        ("import sys\nsys.exit('usage')", "cannot be imported: SystemExit: usage"),
        ("1 / 0", "cannot be imported: ZeroDivisionError: division by zero"),
        ("a = 3", "there is no 'f' in bad_{n}.py; it has: nothing to call"),
    ],
    ids=["package", "syntax", "exit", "error", "empty"],
)
@pytest.mark.parametrize("as_module", [False, True])
def test_files_that_cannot_be_imported(text: str, says: str, as_module: bool, run: Run, workshop: Path) -> None:
    n = len(sys.modules)  # a module of its own for each test: Python remembers
    (workshop / f"bad_{n}.py").write_text(text)
    ended = run("audit", f"bad_{n}:f" if as_module else f"bad_{n}.py:f", *REST)
    assert ended.code == 2
    assert says.format(n=n).replace(".py;" if as_module else "\0", ";") in ended.err


def test_a_classifier_has_its_own_bounds(run: Run) -> None:
    ended = run("audit", "nets.py:classifier", *REST, "--bounds", "0:1")
    assert ended.code == 2
    assert "gives a Classifier, which has bounds (0, 2) already; leave --bounds out" in ended.err


@pytest.mark.parametrize(
    ("threat", "says"),
    [
        ("linf", "the threat is 'linf'; write SET:EPS"),
        ("l3:1", "the threat is 'l3:1'"),
        ("linf:x", "eps is 'x'"),
        ("linf:-0.1", "eps is -0.1; it must be a finite number above 0"),
        ("linf:8", 'eps is 8; it must be above 0 and at most 1.*"8/255"'),
    ],
)
def test_threats_that_make_no_sense(threat: str, says: str, run: Run) -> None:
    ended = run("audit", "nets.py:Linear", "toy.npz", threat)
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert re.search(says, ended.err)


def test_eps_for_pixels_in_0_to_1_on_0_to_255_is_warned_of(run: Run, workshop: Path) -> None:
    np.savez("wide.npz", x=arrays("toy.npz")["x"] * 255, y=arrays("toy.npz")["y"])
    words = ("audit", "nets.py:Linear", "wide.npz", "linf:0.3", "--bounds", "0:255", "--attack", "FGSM")
    ended = run(*words)
    assert ended.code == 0
    assert "Warning: eps 0.3 is small for bounds (0, 255)" in ended.out


def refused(run: Run, weights: str) -> str:
    """What is said of a weights file that cannot be used."""
    ended = run("audit", "nets.py:Linear", *REST, "--weights", weights)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    return ended.err


def test_weights_of_another_architecture(run: Run, workshop: Path) -> None:
    brinell.save_weights(torch.nn.Linear(9, 1), workshop / "w.safetensors")
    assert "w.safetensors holds weights of another architecture: weight is (1, 9), not (1, 8)" in refused(
        run, "w.safetensors"
    )


def test_weights_that_are_not_there_or_damaged_or_nan(run: Run, workshop: Path) -> None:
    assert "there is no weights file none.safetensors" in refused(run, "none.safetensors")
    (workshop / "w.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{broken")
    assert "w.safetensors is not a readable safetensors file" in refused(run, "w.safetensors")
    net = torch.nn.Linear(8, 1)
    torch.nn.init.constant_(net.weight, float("nan"))
    brinell.save_weights(net, workshop / "nan.safetensors")
    assert "weight holds NaN or infinity" in refused(run, "nan.safetensors")


class Bomb:
    """A pickle that runs code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("exploded"),)  # type: ignore[return-value]


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_a_pickle_that_would_run_code_is_refused(write, run: Run, workshop: Path) -> None:  # type: ignore[no-untyped-def]
    write({"weight": Bomb()}, workshop / "w.pt")
    assert "w.pt is refused" in refused(run, "w.pt")
    assert not (workshop / "exploded").exists()


def test_torch_files_of_tensors_are_read(run: Run, workshop: Path) -> None:
    torch.save(torch.nn.Linear(8, 1).state_dict(), workshop / "w.pt")
    assert run("audit", "nets.py:Linear", *REST, "--weights", "w.pt").code == 0


def store(path: Path, **arrays: np.ndarray) -> None:
    """Write an .npz of any name."""
    with path.open("wb") as file:
        np.savez(file, **arrays)


def damaged_npz(path: Path) -> None:
    whole = Path("toy.npz").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def not_idx(path: Path) -> None:
    path.write_text("hello, I am no data")


def cut_off_idx(path: Path) -> None:
    path.write_bytes(struct.pack(">HBBI", 0, 8, 1, 10) + b"123")


def damaged_gzip(path: Path) -> None:
    path.write_bytes(gzip.compress(bytes(1000))[:-9])


def nothing(path: Path) -> None:
    """No file at all."""


def nan(path: Path) -> None:
    x = arrays("toy.npz")["x"].copy()
    x[3, 2] = np.nan
    store(path, x=x, y=arrays("toy.npz")["y"])


def normalised(path: Path) -> None:
    x = arrays("toy.npz")["x"]
    store(path, x=(x - x.mean()) / x.std(), y=arrays("toy.npz")["y"])


def no_rows(path: Path) -> None:
    store(path, x=np.zeros((0, 8), np.float32), y=np.zeros(0, np.int64))


def out_of_range(path: Path) -> None:
    store(path, x=arrays("toy.npz")["x"], y=arrays("toy.npz")["y"] + 5)


def float_labels(path: Path) -> None:
    store(path, x=arrays("toy.npz")["x"], y=arrays("toy.npz")["y"] + 0.5)


def pickled(path: Path) -> None:
    store(path, x=np.array([Bomb()] * 3, dtype=object), y=np.arange(3))


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (damaged_npz, "data.bin"),
        (not_idx, "data.bin begins with"),
        (cut_off_idx, "data.bin"),
        (damaged_gzip, "data.bin"),
        (nothing, "'data.bin' is neither a data set (digits"),
        (nan, "x holds nan in row 3"),
        (normalised, "outside the bounds (0, 1)"),
        (no_rows, "no rows"),
        (out_of_range, "is out of range; the model has classes 0..1"),
        (float_labels, "label"),
        (pickled, "x"),
    ],
)
def test_data_that_cannot_be_used(write, says: str, run: Run, workshop: Path) -> None:  # type: ignore[no-untyped-def]
    write(workshop / "data.bin")
    ended = run("audit", "nets.py:Linear", "data.bin", "linf:0.05", "--effort", "quick")
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert says in ended.err
    assert not (workshop / "exploded").exists()


def test_idx_files_are_read(run: Run, workshop: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    (workshop / "a.idx").write_bytes(struct.pack(">HBBIII", 0, 8, 3, *images.shape) + images.tobytes())
    (workshop / "b.idx").write_bytes(struct.pack(">HBBI", 0, 8, 1, 6) + bytes(range(6)))
    ended = run("audit", "brinell.models:SmallCNN", "a.idx,b.idx", "linf:8/255", "--attack", "FGSM")
    assert ended.code == 0
    assert "6 rows of a.idx" in ended.out


@pytest.mark.data
def test_the_published_weights_stand_on_mnist(run: Run) -> None:
    weights = Path(os.environ["BRINELL_DATA"]) / "models" / "locuslab-mnist-pgd.safetensors"
    words = ("attack", "PGD:steps=10", "brinell.models:SmallCNN", "mnist", "linf:0.3", "--n", 100)
    ended = run(*words, "--weights", weights)
    assert ended.code == 0
    rate = float(ended.out.split("Robust accuracy  ")[1].split("%")[0])
    assert rate > 80
