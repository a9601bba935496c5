"""Models of transformers and timm, built here from small configurations: nothing is downloaded."""

import json
import logging
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import brinell as br
from brinell.data import Frame, classes_of, labels, read_images
from brinell.errors import InputError, InputMissingError
from brinell.models.processors import Preparation

PLAIN = {
    "image_processor_type": "ViTImageProcessor", "do_resize": True, "size": {"height": 8, "width": 8},
    "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True, "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.2, 0.3, 0.4],
}  # fmt: skip
CLASSES = ("cat", "dog", "eel")


@pytest.fixture(scope="module")
def transformers():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        import transformers

        yield transformers


@pytest.fixture(scope="module")
def saved(transformers, tmp_path_factory):
    """A small ViT as its trainer would leave it."""
    folder = tmp_path_factory.mktemp("vit")
    torch.manual_seed(0)
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8, patch_size=4,
        id2label=dict(enumerate(CLASSES)), label2id={name: number for number, name in enumerate(CLASSES)},
    )  # fmt: skip
    net = transformers.ViTForImageClassification(config).eval()
    net.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PLAIN))
    return folder, net


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of the folder, to be changed."""
    for path in saved[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def picture(size=(20, 12)):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8))


def test_a_folder_of_transformers_is_a_classifier(saved):
    folder, net = saved
    model = br.load_model(f"hf:{folder}")
    assert (str(model.bounds), model.classes, model.frame) == ("(0, 1)", CLASSES, Frame((8, 8), mode="RGB"))
    assert not model.training
    before = torch.get_rng_state()
    br.load_model(f"hf:{folder}")
    assert torch.equal(torch.get_rng_state(), before)
    x = torch.rand(3, 3, 8, 8, requires_grad=True)
    mean, std = (torch.tensor(PLAIN[f"image_{name}"])[:, None, None] for name in ("mean", "std"))
    torch.testing.assert_close(model(x), net((x - mean) / std).logits)
    assert torch.autograd.grad(model(x).sum(), x)[0].abs().sum() > 0


def test_what_it_says_of_a_picture_is_what_transformers_says(saved, transformers):
    folder, net = saved
    model = br.load_model(f"hf:{folder}")
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    x = torch.from_numpy(model.frame(picture())).float()[None] / 255
    torch.testing.assert_close(model(x), net(torch.as_tensor(processor(picture())["pixel_values"][0])[None]).logits)


def test_pictures_come_in_its_frame_and_its_order(saved, tmp_path):
    for name in ("eel", "cat"):
        (tmp_path / name).mkdir()
        picture().save(tmp_path / name / "0.png")
    model = br.load_model(f"hf:{saved[0]}")
    source = read_images(tmp_path, frame=model.frame, classes=model.classes)
    assert (labels(source).tolist(), classes_of(source)) == ([0, 2], CLASSES)
    assert br.audit(model, source, br.Linf("1/255"), effort="quick", diagnose=False).clean_accuracy.n == 2


PROCESSORS = {
    "stretched": {},
    "not normalised": {"do_normalize": False},
    "bytes": {"do_rescale": False, "image_mean": [120.0] * 3, "image_std": [60.0] * 3},
    "neither": {"do_rescale": False, "do_normalize": False},
    "rescaled otherwise": {"rescale_factor": 1 / 127.5},
    "cut": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 10},
            "crop_size": {"height": 8, "width": 8}, "do_center_crop": True, "resample": 3},
    "not resized": {"do_resize": False},
    "by share": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 8}, "crop_pct": 0.5},
    "offset, divided twice": {"image_processor_type": "EfficientNetImageProcessor", "rescale_offset": True},
}  # fmt: skip


@pytest.mark.parametrize("facts", PROCESSORS.values(), ids=PROCESSORS)
@pytest.mark.parametrize("size", [(20, 12), (9, 31), (8, 8)], ids=str)
def test_image_processors_are_taken_over_exactly(facts, size, transformers, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PLAIN | facts))
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path)
    ours = Preparation.of_processor(processor.to_dict(), "hf:it")
    ours.check(lambda image: torch.as_tensor(processor(image)["pixel_values"][0]), "hf:it")
    mean, std = (np.array(side)[:, None, None] for side in ours.normalize or ((0.0,), (1.0,)))
    expected = np.asarray(processor(picture(size))["pixel_values"][0])
    np.testing.assert_allclose((ours.frame(picture(size)) / 255 - mean) / std, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"image_processor_type": "MobileViTImageProcessor", "do_flip_channel_order": True, "crop_size": 8},
         "prepares its pictures with the step do_flip_channel_order"),
        ({"image_processor_type": "LevitImageProcessor", "size": {"shortest_edge": 8}, "do_center_crop": True,
          "crop_size": {"height": 8, "width": 8}}, "something that its configuration does not tell"),
        ({"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 8, "longest_edge": 9},
          "do_center_crop": False}, "the size {"),
    ],
)  # fmt: skip
def test_steps_that_cannot_be_taken_over_are_named(folder, facts, says):
    (folder / "preprocessor_config.json").write_text(json.dumps(PLAIN | facts))
    with pytest.raises(InputError) as problem:
        br.load_model(f"hf:{folder}")
    assert says in str(problem.value)
    assert "wrap the network yourself" in str(problem.value)


def test_without_safetensors_it_is_refused(folder, saved):
    torch.save(saved[1].state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"has no weights in safetensors, and others would be unpickled"):
        br.load_model(f"hf:{folder}")


def test_code_of_its_own_is_not_run(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "mine",
        "auto_map": {"AutoConfig": "mine.Config", "AutoModelForImageClassification": "mine.Net"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "mine.py").write_text("raise SystemExit")
    with pytest.raises(InputError, match=r"comes with code of its own, which is not run|cannot be loaded"):
        br.load_model(f"hf:{folder}")


def test_a_backbone_without_a_trained_head_is_refused(folder, transformers):
    transformers.ViTModel.from_pretrained(folder).save_pretrained(folder)
    with pytest.raises(
        InputError, match=r"has no weights for classifier.bias, classifier.weight: they would be random"
    ):
        br.load_model(f"hf:{folder}")


def test_weights_of_ones_own(saved, tmp_path):
    folder, net = saved
    weights = {name: value + 0.01 for name, value in net.state_dict().items()}
    from safetensors.torch import save_file

    save_file(weights, tmp_path / "mine.safetensors")
    model = br.load_model(f"hf:{folder}", weights=tmp_path / "mine.safetensors")
    assert torch.equal(model.net.classifier.bias, weights["classifier.bias"])


def test_what_is_not_there_is_said_after_the_cache_was_looked_at(transformers, caplog, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # tests ask no server
    with (
        caplog.at_level(logging.WARNING, "brinell"),
        pytest.raises(InputError, match="hf:no/such@main cannot be loaded as"),
    ):
        br.load_model("hf:no/such@main")
    assert "hf:no/such@main is not in the cache; downloading it" in caplog.text


def test_a_folder_of_something_else(tmp_path, transformers):
    with pytest.raises(InputError, match="cannot be loaded as an image classifier"):
        br.load_model(f"hf:{tmp_path}")


def test_damaged_weights(folder):
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="cannot be loaded as an image classifier"):
        br.load_model(f"hf:{folder}")


def test_a_folder_whose_name_looks_like_a_revision(folder):
    other = folder / "vit@2"
    other.mkdir()
    for path in [path for path in folder.iterdir() if path.is_file()]:
        (other / path.name).write_bytes(path.read_bytes())
    assert br.load_model(f"hf:{other}").classes == CLASSES


def test_an_image_processor_that_fails(folder):
    facts = {"image_processor_type": "ConvNextImageProcessor", "crop_pct": None, "size": {"shortest_edge": 8}}
    (folder / "preprocessor_config.json").write_text(json.dumps(PLAIN | facts))
    with pytest.raises(InputError, match="its image processor cannot prepare a picture"):
        br.load_model(f"hf:{folder}")


def test_bounds_are_its_own(saved):
    with pytest.raises(InputError, match=r"brings its bounds .* leave bounds and normalize out"):
        br.load_model(f"hf:{saved[0]}", bounds=(0, 1))


@pytest.mark.parametrize("name", ["transformers", "timm"])
def test_without_the_package_the_error_names_the_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    spec = {"transformers": "hf:x", "timm": "timm:x"}[name]
    with pytest.raises(InputMissingError, match=rf'needs the package {name}: pip install "brinell\[{name}\]"'):
        br.load_model(spec)


CONFIG = {
    "input_size": (3, 8, 8), "interpolation": "bicubic", "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4),
    "crop_pct": 0.8, "crop_mode": "center",
}  # fmt: skip


def stand_in(**config):
    """As much of timm as is asked for: its documented functions, on a network of ours."""
    facts = CONFIG | config
    asked = []

    def create_model(name, pretrained=False, num_classes=3, in_chans=3):
        asked.append((name, pretrained, num_classes))
        if name == "none":
            raise RuntimeError("Unknown model (none)")
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(in_chans * 64, num_classes))

    def create_transform(input_size, interpolation, mean, std, crop_pct, crop_mode, is_training):
        edge = int(input_size[1] / crop_pct)
        frame = Frame(edge if crop_mode == "center" else (edge, edge), input_size[1:], "RGB", interpolation)
        sides = [torch.tensor(side)[:, None, None] for side in (mean, std)]
        return lambda image: (torch.from_numpy(frame(image)) / 255 - sides[0]) / sides[1]

    data = SimpleNamespace(resolve_model_data_config=lambda net: facts, create_transform=create_transform)
    return SimpleNamespace(create_model=create_model, data=data, asked=asked)


def test_a_timm_model_comes_with_its_data_configuration(monkeypatch):
    timm = stand_in()
    monkeypatch.setitem(sys.modules, "timm", timm)
    model = br.load_model("timm:resnet18.a1_in1k")
    assert timm.asked == [("resnet18.a1_in1k", True, 3)]
    assert model.frame == Frame(10, (8, 8), "RGB", "bicubic")
    x = torch.rand(2, 3, 8, 8)
    mean, std = (torch.tensor(CONFIG[side])[:, None, None] for side in ("mean", "std"))
    torch.testing.assert_close(model(x), model.net((x - mean) / std))
    monkeypatch.setitem(sys.modules, "timm", stand_in(crop_mode="squash"))
    assert br.load_model("timm:resnet18").frame.resize == (10, 10)


def test_a_timm_model_with_weights_of_ones_own(monkeypatch, tmp_path):
    timm = stand_in()
    monkeypatch.setitem(sys.modules, "timm", timm)
    net = timm.create_model("resnet18", num_classes=7)
    br.save_weights(net, tmp_path / "mine.safetensors")
    model = br.load_model("timm:resnet18:num_classes=7", weights=tmp_path / "mine.safetensors")
    assert timm.asked[-1] == ("resnet18", False, 7)
    assert model(torch.rand(2, 3, 8, 8)).shape == (2, 7)


@pytest.mark.parametrize(
    ("name", "config", "says"),
    [
        ("none", {}, "timm:none cannot be loaded: Unknown model"),
        ("a", {"crop_mode": "border"}, "the crop mode border"),
        ("a", {"input_size": (3, 8, 9)}, "the crop mode center for 8x9"),
        ("a:num_classes=7", {}, "timm:a with num_classes is not trained; give its weights"),
        ("a:drop=7", {}, "timm:a is given drop=7; it takes num_classes"),
        ("a:num_classes=x", {}, "is given num_classes=x"),
    ],
)
def test_timm_models_that_are_refused(monkeypatch, name, config, says):
    monkeypatch.setitem(sys.modules, "timm", stand_in(**config))
    with pytest.raises(InputError, match=says):
        br.load_model(f"timm:{name}")


def test_a_transform_that_does_more_is_refused(monkeypatch):
    timm = stand_in()
    monkeypatch.setitem(sys.modules, "timm", timm)
    whole = timm.data.create_transform
    timm.data.create_transform = lambda **facts: lambda image: whole(**facts)(image).flip(1)
    with pytest.raises(InputError, match="something that its configuration does not tell"):
        br.load_model("timm:resnet18")


@pytest.mark.timm
def test_a_real_timm_model(tmp_path):
    import timm

    net = timm.create_model("resnet18", num_classes=5)
    br.save_weights(net, tmp_path / "mine.safetensors")
    model = br.load_model("timm:resnet18:num_classes=5", weights=tmp_path / "mine.safetensors")
    assert model(torch.rand(1, 3, *model.frame.size)).shape == (1, 5)
