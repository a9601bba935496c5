"""Folders of images, tables, and models in files and on hubs, as the command line names them."""

import json
import warnings
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn
from workshop import Run, arrays

import brinell as br

FAST = ("--attack", "FGSM", "--no-diagnose")


@pytest.fixture
def table(workshop: Path) -> Path:
    """The rows of toy.npz as a table whose first column runs from 0 to 100."""
    toy = arrays("toy.npz")
    rows = [
        [*row, "high" if label else "low", sex]
        for row, label, sex in zip(*(toy[k] for k in ("x", "y", "group_sex")), strict=True)
    ]
    names = [*(f"c{number}" for number in range(8)), "income", "sex"]
    Path("people.csv").write_text("\n".join(",".join(map(str, row)) for row in [names, *rows]))
    return Path("people.csv")


@pytest.fixture
def photos(workshop: Path) -> Path:
    """Six pictures in the folders dark and light, named by number, of two sizes."""
    for number in range(6):
        folder = Path("photos", "light" if number % 2 else "dark")
        folder.mkdir(parents=True, exist_ok=True)
        value = 40 + 170 * (number % 2)
        Image.new("RGB", (8 + number % 3, 8), (value, value, value)).save(folder / f"{number}.png")
    return Path("photos")


def test_a_table_is_audited_by_group_in_its_own_bounds(run: Run, table: Path) -> None:
    words = ("audit", "nets.py:Linear", "people.csv:label=income,groups=sex,classes=low+high", "linf:0.05", *FAST)
    ended = run(*words, "--group", "sex", "--out", "runs/a")
    assert ended.code == 0, ended.err
    assert "Classes: 0 = low, 1 = high." in ended.err + ended.out
    assert "taken to lie in the bounds (" in ended.err + ended.out
    assert "as the data tell" in ended.err + ended.out
    settings = json.loads(Path("runs/a/run.json").read_text())["settings"]
    assert settings["origin"]["data"] == words[2]
    assert run("verify", "runs/a").code == 0


def test_given_bounds_win_over_those_of_the_data(run: Run, table: Path) -> None:
    words = ("audit", "nets.py:Linear", "people.csv:label=income,groups=sex", "linf:0.05", *FAST)
    ended = run(*words, "--bounds", "0:1")
    assert ended.code == 0
    assert "taken to lie" not in ended.err + ended.out


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("people.csv", "which column of people.csv holds the labels? Name it: label=..., one of c0, c1"),
        ("people.csv:label=income", "the column sex is no number"),
        ("people.csv:label=wage", "people.csv has no column 'wage'"),
        ("people.csv:label=income,groups=race", "people.csv has no column 'race'"),
        (
            "people.csv:label=income,group=sex",
            "people.csv has no option 'group'; it has: label, groups, columns, classes",
        ),
        ("photos", "the pictures are of 3 sizes, such as 8x8"),
        ("photos:size=x", "size is 'x'; give pixels"),
        ("nowhere", "'nowhere' is neither a data set (digits"),
    ],
)
def test_data_that_cannot_be_used(data: str, says: str, run: Run, table: Path, photos: Path) -> None:
    ended = run("audit", "nets.py:Linear", data, "linf:0.05", *FAST)
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert says in ended.err


class Mean(nn.Module):
    """Light or dark, by the mean."""

    def forward(self, x):  # type: ignore[no-untyped-def]
        return (x.flatten(1).mean(1) - 0.5) * 8


def test_a_folder_of_images_and_a_program_of_torchscript(run: Run, photos: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        torch.jit.script(Mean()).save("mean.pt")
    ended = run("audit", "mean.pt", "photos:size=8", "linf:0.1", *FAST)
    assert ended.code == 0, ended.err
    assert "Classes: 0 = dark, 1 = light." in ended.err + ended.out
    assert "6 rows of photos" in ended.out
    assert "taken to lie in 0:1, as the data tell" in ended.err + ended.out
    ended = run("audit", "mean.pt", "photos:size=8", "linf:0.1", "--weights", "w.safetensors")
    assert ended.code == 2
    assert "mean.pt holds its weights itself; leave --weights out" in ended.err


def test_a_model_of_transformers_sees_the_folder_in_its_frame_and_order(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    transformers = pytest.importorskip("transformers")
    names = {0: "light", 1: "dark", 2: "red"}
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=8, patch_size=4,
        id2label=names, label2id={name: number for number, name in names.items()},
    )  # fmt: skip
    transformers.ViTForImageClassification(config).save_pretrained("vit")
    facts = {"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}}
    Path("vit", "preprocessor_config.json").write_text(json.dumps(facts))
    ended = run("audit", "hf:vit", "photos", "linf:1/255", *FAST)
    assert ended.code == 0, ended.err
    assert "Classes: 0 = light, 1 = dark, 2 = red." in ended.err + ended.out
    assert run("audit", "hf:vit", "photos", "linf:1/255", "--bounds", "0:1").code == 2
    ended = run("audit", "hf:vit", "photos:size=16", "linf:1/255", *FAST)
    assert ended.code == 2
    assert "hf:vit cannot take a row of photos, shape (3, 16, 16)" in ended.err


def test_inputs_of_another_size_than_the_models_are_warned_of(photos: Path) -> None:
    model = br.Classifier(Mean(), (0, 1))
    model.frame = br.Frame((8, 8))
    fits = br.audit(
        model, br.read_images("photos", frame=model.frame), br.Linf(0.1), cascade=(br.FGSM(),), diagnose=False
    )
    other = br.audit(model, br.read_images("photos", frame=16), br.Linf(0.1), cascade=(br.FGSM(),), diagnose=False)
    said = "the inputs are 16x16 and the model was made for 8x8"
    assert not [warning for warning in fits.record.warnings if "was made for" in warning]
    assert [warning for warning in other.record.warnings if said in warning]
    by_itself = br.audit(model, "photos", br.Linf(0.1), cascade=(br.FGSM(),), diagnose=False)
    assert by_itself.record.settings.data == fits.record.settings.data
