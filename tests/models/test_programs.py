"""Models in files of torch.export and TorchScript: used like any other, and never a way to run code."""

import copy
import io
import json
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

import brinell as br
from brinell.errors import InputError, InputMissingError
from brinell.models import evaluating
from brinell.models.weights import weights_sha256


class Net(nn.Module):
    """Layers that know modes."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.5))
        self.head = nn.Linear(3 * 16, 3)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = Net()
    net(torch.rand(64, 1, 6, 6))  # so that the statistics are not those of a new layer
    return net.eval()


@pytest.fixture(scope="module")
def x():
    return torch.rand(7, 1, 6, 6, generator=torch.Generator().manual_seed(1))


def export(net, path, **options):
    with warnings.catch_warnings(action="ignore"):
        program = torch.export.export(net, (torch.rand(2, 1, 6, 6),), **options)
        torch.export.save(program, path)
    return path


def script(net, path):
    with warnings.catch_warnings(action="ignore"):  # TorchScript is deprecated
        torch.jit.script(net).save(str(path))
    return path


ANY = {"dynamic_shapes": ({0: torch.export.Dim("n")},)}


@pytest.fixture(scope="module")
def files(net, tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    return {
        "export": export(net, folder / "net.pt2", **ANY),
        "script": script(copy.deepcopy(net).train(), folder / "net.pt"),  # saved in train mode, used in eval mode
    }


@pytest.fixture(params=["export", "script"])
def model(request, files):
    return br.load_model(files[request.param], bounds=(0, 1))


def test_gives_the_logits_and_gradients_of_the_network(model, net, x):
    points = [x.clone().requires_grad_() for _ in range(2)]
    with evaluating(model):
        ours, theirs = model(points[0]), net(points[1])
    torch.testing.assert_close(ours, theirs)
    slopes = [torch.autograd.grad(out[:, 1].sum(), point)[0] for out, point in zip((ours, theirs), points, strict=True)]
    torch.testing.assert_close(*slopes)
    assert slopes[0].abs().sum() > 0


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_takes_any_number_of_rows_and_is_in_eval_mode(model, net, x, rows):
    torch.testing.assert_close(model(x[:rows]), net(x[:rows]))


def test_is_left_as_it_was(model, x):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    with evaluating(model, 0):
        model(x)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_is_attacked_like_any_other(model, net, x):
    y = net(x).argmax(1)
    plain = br.attack(br.PGD(steps=5), br.Classifier(net, (0, 1)), x, y, br.Linf(0.2))
    found = br.attack(br.PGD(steps=5), model, x, y, br.Linf(0.2))
    torch.testing.assert_close(found.x_adv, plain.x_adv)


def test_the_hash_of_the_weights_follows_the_file(model, files, tmp_path):
    other = Net().eval()
    changed = br.load_model(script(other, tmp_path / "other.pt"), bounds=(0, 1))
    frozen = []
    for seed in range(2):
        torch.manual_seed(seed)
        with warnings.catch_warnings(action="ignore"):
            torch.jit.freeze(torch.jit.script(Net().eval())).save(str(tmp_path / f"{seed}.ts"))
        frozen.append(br.load_model(tmp_path / f"{seed}.ts", bounds=(0, 1)))  # its weights are part of its code
    hashes = {weights_sha256(each) for each in (model, changed, *frozen)}
    assert len(hashes) == 4
    assert not list(frozen[0].parameters())
    assert frozen[0](torch.rand(2, 1, 6, 6)).shape == (2, 3)


def test_a_normalisation_goes_in_front(files, net, x):
    model = br.load_model(str(files["export"]), bounds=(0, 1), normalize=(0.5, 0.25))
    torch.testing.assert_close(model(x), net((x - 0.5) / 0.25))


class Bomb:
    """A pickle that runs code."""

    def __reduce__(self):
        return Path.touch, (Path("exploded"),)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in which an explosion would be seen."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
@pytest.mark.parametrize("name", ["net.pt", "net.pth", "net.pt2", "net.ts"])
def test_pickles_are_refused(here, write, name):
    write({"weight": Bomb()}, here / name)
    with pytest.raises(InputError, match=r"is refused: |is damaged"):
        br.load_model(here / name, bounds=(0, 1))


def test_weights_alone_name_the_remedy(here, net):
    torch.save(net.state_dict(), here / "net.pt")
    with pytest.raises(InputError, match=r"a pickle can run code\. Give the network as file.py:function"):
        br.load_model(here / "net.pt", bounds=(0, 1))


def rewritten(path, target, change):
    """A copy of a .pt2 file whose parts went through ``change(name, content)``; None leaves a part out."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            part = name.partition("/")[2]
            if (content := change(part, old.read(name))) is not None:
                new.writestr(f"{target.stem}/{part}", content)
    return target


def test_a_pickle_among_the_sample_inputs_is_not_read(here, files, net, x):
    buffer = io.BytesIO()
    torch.save(Bomb(), buffer)
    armed = rewritten(
        files["export"], here / "a.pt2", lambda part, old: buffer.getvalue() if "sample_inputs" in part else old
    )
    torch.testing.assert_close(br.load_model(armed, bounds=(0, 1))(x), net(x))


def program(change):
    """A change of the program in a .pt2 file, which is JSON."""

    def changed(part, content):
        if part != "models/model.json":
            return content
        whole = json.loads(content)
        change(whole)
        return json.dumps(whole)

    return changed


def weights(change):
    def changed(part, content):
        if part != "data/weights/model_weights_config.json":
            return content
        whole = json.loads(content)
        change(whole["config"]["head.bias"])
        return json.dumps(whole)

    return changed


def name_an_operator(whole, name):
    whole["graph_module"]["graph"]["nodes"][0]["target"] = name


def name_an_expression(whole, text):
    whole["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][0]["as_expr"]["expr_str"] = text


def name_a_tree(whole, kind):
    signature = whole["graph_module"]["module_call_graph"][0]["signature"]
    signature["out_spec"] = json.dumps([1, {"type": kind, "context": "null", "children_spec": []}])


TOUCH = "__import__('pathlib').Path('exploded').touch()"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (program(lambda it: name_an_operator(it, "torch.load")), "the operator torch.load"),
        (program(lambda it: name_an_operator(it, "torch.ops.aten.from_file.default")), "operator torch.ops.aten.from"),
        (program(lambda it: name_an_operator(it, "torch.ops.mine.op.default")), "the operator torch.ops.mine"),
        (program(lambda it: name_an_operator(it, "_operator.attrgetter")), "the operator _operator.attrgetter"),
        (program(lambda it: name_an_operator(it, "#brinell")), "the operator #brinell"),
        (program(lambda it: name_an_expression(it, TOUCH)), "the expression"),
        (program(lambda it: name_an_expression(it, "Symbol('s77').__class__")), "the expression"),
        (program(lambda it: name_an_expression(it, "exec('1')")), "the expression"),
        (program(lambda it: name_a_tree(it, "collections.defaultdict")), "a class of their own"),
        (program(lambda it: it["schema_version"].update(major=9)), "is in version 9 of the format; brinell knows 8"),
        (program(lambda it: it.pop("schema_version")), "is damaged or was not written by torch.export.save"),
        (weights(lambda it: it.update(use_pickle=True)), "the tensor head.bias as a pickle"),
        (weights(lambda it: it.update(path_name="custom_obj_0")), "the tensor head.bias as a pickle"),
        (lambda part, old: None if part == "models/model.json" else old, "cannot be loaded"),
    ],
)  # fmt: skip
def test_programs_that_could_run_code_are_refused(here, files, change, says):
    with pytest.raises(InputError) as problem:
        br.load_model(rewritten(files["export"], here / "a.pt2", change), bounds=(0, 1))
    assert says in str(problem.value)


def test_guards_are_not_executed(here, files, net, x):
    armed = rewritten(files["export"], here / "a.pt2", program(lambda it: it.update(guards_code=[TOUCH])))
    torch.testing.assert_close(br.load_model(armed, bounds=(0, 1))(x), net(x))


def test_parts_of_another_kind_are_refused(here, files):
    armed = rewritten(files["export"], here / "a.pt2", lambda part, old: old)
    with zipfile.ZipFile(armed, "a") as archive:
        archive.writestr("a/data/aotinductor/model/model.so", b"code")
    with pytest.raises(InputError, match=r"the part data/aotinductor/model/model.so, of a kind"):
        br.load_model(armed, bounds=(0, 1))


@pytest.mark.parametrize("name", ["net.pt2", "net.pt"])
@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_damaged_files(here, name, content):
    (here / name).write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged"):
        br.load_model(here / name, bounds=(0, 1))


def test_programs_of_a_fixed_number_of_rows_or_in_train_mode(here, net):
    with pytest.raises(InputError, match=r"takes 2 rows, no more and no less; export it .*dynamic_shapes"):
        br.load_model(export(net, here / "a.pt2"), bounds=(0, 1))
    with pytest.raises(InputError, match=r"was exported in train mode \(batch_norm\).*export it again after net.eval"):
        br.load_model(export(copy.deepcopy(net).train(), here / "b.pt2", **ANY), bounds=(0, 1))


class Two(nn.Module):
    def forward(self, x, z):
        return x + z


def test_programs_of_two_inputs(here):
    names = ({0: torch.export.Dim("n")}, {0: torch.export.Dim("n")})
    program = torch.export.export(Two(), (torch.rand(2, 3), torch.rand(2, 3)), dynamic_shapes=names)
    torch.export.save(program, here / "a.pt2")
    with pytest.raises(InputError, match="takes 2 inputs; export a module of one tensor"):
        br.load_model(here / "a.pt2", bounds=(0, 1))


class Reads(nn.Module):
    def forward(self, x):
        return x + torch.from_file("exploded", shared=True, size=1)


def test_torchscript_that_reaches_outside_is_refused(here):
    with pytest.raises(InputError, match="is refused: its code names from_file, which reaches outside"):
        br.load_model(script(Reads(), here / "a.pt"), bounds=(0, 1))


def test_torchscript_with_operators_of_others_is_refused(here, files):
    def alien(part, content):
        return content.replace(b"torch.flatten(", b"ops.mine.flatten(") if part.endswith(".py") else content

    with pytest.raises(InputError, match=r"its code names ops.mine.flatten"):
        br.load_model(rewritten(files["script"], here / "a.pt", alien), bounds=(0, 1))


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({}, InputError, "does not tell the range of its inputs; give bounds"),
        ({"bounds": (0, 1), "weights": "w.safetensors"}, InputError, "holds its weights itself; leave w.safet"),
    ],
)
def test_wrong_use(files, options, kind, says):
    with pytest.raises(kind, match=says):
        br.load_model(files["export"], **options)


def test_files_that_are_not_there_and_names_that_mean_nothing():
    with pytest.raises(InputMissingError, match=r"there is no file none.pt2"):
        br.load_model("none.pt2", bounds=(0, 1))
    with pytest.raises(InputError, match=r"the model is 'resnet18'; give hf:NAME, timm:NAME, or a .pt2, .pt, "):
        br.load_model("resnet18")
    with pytest.raises(InputError, match=r"Weights alone are no network: build it and call load_weights"):
        br.load_model("net.safetensors")
