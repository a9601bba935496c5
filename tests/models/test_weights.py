"""Weights in and out of files: nothing is unpickled, and a file that does not fit is refused with what is wrong."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from brinell.errors import InputError, InputMissingError
from brinell.models import Classifier, SmallCNN, load_weights, save_weights, weights_sha256
from helpers import IMAGE, drawn_parameters, last, linear, points


def net(seed: int = 0) -> nn.Module:
    layers = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3)]
    return drawn_parameters(nn.Sequential(*layers), seed)


def norm(model: nn.Module) -> nn.BatchNorm2d:
    return next(module for module in model.modules() if isinstance(module, nn.BatchNorm2d))


def equal(one: nn.Module, two: nn.Module) -> bool:
    a, b = one.state_dict(), two.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_written_and_read_back_they_are_the_same(tmp_path: Path) -> None:
    save_weights(net(0), tmp_path / "a.safetensors")
    other = net(1)
    load_weights(other, tmp_path / "a.safetensors")
    assert equal(net(0), other)


@pytest.mark.parametrize("kind", ["plain", "wrapped"])
def test_the_file_of_a_classifier_is_that_of_its_network(kind: str, tmp_path: Path) -> None:
    wrapped = Classifier(net(0), (0, 1), normalize=(0.5, 0.5))
    save_weights(wrapped if kind == "wrapped" else wrapped.net, tmp_path / "a.safetensors")
    other = Classifier(net(1), (0, 1))
    load_weights(other.net if kind == "wrapped" else other, tmp_path / "a.safetensors")
    assert equal(wrapped.net, other.net)


def test_shared_and_transposed_tensors_can_be_written(tmp_path: Path) -> None:
    tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    tied[1].weight = tied[0].weight
    tied[0].bias = nn.Parameter(torch.rand(4, 2).T[0])
    save_weights(tied, tmp_path / "a.safetensors")
    other = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    load_weights(other, str(tmp_path / "a.safetensors"))
    assert equal(tied, other)


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"epoch": 3, "state_dict": state}])
@pytest.mark.parametrize("zipped", [True, False])
def test_torch_files_that_hold_tensors_only_are_read(wrap: Any, zipped: bool, tmp_path: Path) -> None:
    torch.save(wrap(net(0).state_dict()), tmp_path / "a.pt", _use_new_zipfile_serialization=zipped)
    other = net(1)
    load_weights(other, tmp_path / "a.pt")
    assert equal(net(0), other)


# --- files that are refused -------------------------------------------------------------------------------------


def refused(model: nn.Module, path: Path) -> str:
    """The message, after making sure that nothing was loaded."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError) as caught:
        load_weights(model, path)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert str(path) in str(caught.value)
    return str(caught.value)


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, crater: Path) -> None:
        self.crater = crater

    def __reduce__(self) -> Any:
        return Path.touch, (self.crater,)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".safetensors", ""])
@pytest.mark.parametrize("way", ["torch", "old torch", "pickle"])
def test_a_file_that_would_run_code_is_refused_and_does_not_run_it(suffix: str, way: str, tmp_path: Path) -> None:
    crater, path = tmp_path / "crater", tmp_path / f"weights{suffix}"
    content = {"state_dict": net().state_dict(), "note": Bomb(crater)}
    if way == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=way == "torch")
    said = refused(net(), path)
    assert not crater.exists()
    assert "not a readable safetensors file" in said if suffix == ".safetensors" else "could run code" in said


def test_a_pickled_network_is_refused(tmp_path: Path) -> None:
    torch.save(net(), tmp_path / "a.pt")
    assert "safetensors.torch.save_file(net.state_dict(), ...)" in refused(net(), tmp_path / "a.pt")


def test_weights_of_another_architecture_are_refused_with_what_differs(tmp_path: Path) -> None:
    save_weights(SmallCNN(), tmp_path / "a.safetensors")
    said = refused(net(), tmp_path / "a.safetensors")
    assert "another architecture" in said
    assert "0.weight is (16, 1, 4, 4), not (4, 3, 3, 3)" in said
    assert "more" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("3.bias"), "3.bias is missing, not (3,)"),
        (lambda state: state.update({"9.bias": torch.zeros(1)}), "9.bias is not part of the network"),
        (lambda state: state["3.weight"].fill_(float("nan")), "3.weight holds NaN or infinity"),
        (lambda state: state["1.running_var"].fill_(float("inf")), "1.running_var holds NaN or infinity"),
    ],
)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_that_do_not_fit_are_refused(change: Any, said: str, suffix: str, tmp_path: Path) -> None:
    state = net().state_dict()
    change(state)
    path = tmp_path / f"a{suffix}"
    if suffix == ".pt":
        torch.save(state, path)
    else:
        save_file(state, path)
    assert said in refused(net(1), path)


def test_a_folder_is_no_weights_file(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match=r"it is a folder; name the file in it, such as .*weights"):
        load_weights(net(), tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(InputMissingError, match="there is no weights file") as caught:
            load_weights(net(), path)
        assert str(path) in str(caught.value)
        assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("keep", [0, 7, 100, -20])
def test_a_damaged_file_is_refused(suffix: str, keep: int, tmp_path: Path) -> None:
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"part{suffix}"
    if suffix == ".pt":
        torch.save(net().state_dict(), whole)
    else:
        save_weights(net(), whole)
    path.write_bytes(whole.read_bytes()[:keep])
    refused(net(), path)


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"a": 1}, {"state_dict": {"a": [1]}}, 3])
def test_a_file_that_holds_no_table_of_tensors_is_refused(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pt")
    assert "net.state_dict()" in refused(net(), tmp_path / "a.pt")


def test_text_is_no_weights_file(tmp_path: Path) -> None:
    for suffix in (".pt", ".safetensors", ".txt"):
        (tmp_path / f"a{suffix}").write_text("these are the weights of my network\n" * 40)
        refused(net(), tmp_path / f"a{suffix}")


# --- fingerprints -----------------------------------------------------------------------------------------------


def test_the_fingerprint_is_that_of_every_value() -> None:
    one = Classifier(linear(IMAGE), (0, 1), normalize=(0.5, 0.5))
    assert weights_sha256(one) == weights_sha256(Classifier(linear(IMAGE), (0, 1), normalize=(0.5, 0.5)))
    others = [
        Classifier(linear(IMAGE, seed=1), (0, 1), normalize=(0.5, 0.5)),
        Classifier(linear(IMAGE), (0, 1), normalize=(0.5, 0.51)),
        Classifier(linear(IMAGE), (0, 1)),
        Classifier(linear(IMAGE).double(), (0, 1), normalize=(0.5, 0.5)),
    ]
    assert len({weights_sha256(model) for model in (one, *others)}) == 5
    with torch.no_grad():
        last(one.net).bias[0] += 1e-6
    assert weights_sha256(one) != weights_sha256(Classifier(linear(IMAGE), (0, 1), normalize=(0.5, 0.5)))


def test_buffers_count_and_use_does_not() -> None:
    one, two = net().eval(), net().eval()
    one(points(IMAGE, 2))
    assert weights_sha256(one) == weights_sha256(two)
    norm(two).reset_running_stats()
    norm(two).running_var = torch.full((4,), 2.0)
    assert weights_sha256(one) != weights_sha256(two)
