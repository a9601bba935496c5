"""``brinell export``."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from workshop import Run

import brinell
from brinell.outputs import FORMS


@pytest.fixture
def audited(run: Run, workshop: Path) -> Path:
    words = ("audit", "nets.py:Linear", "toy.npz", "linf:0.02", "--attack", "FGSM", "--no-diagnose")
    assert run(*words, "--out", "runs/a").code == 0
    return workshop / "runs" / "a"


def test_every_form_goes_to_stdout_or_into_a_file(run: Run, audited: Path) -> None:
    audit = brinell.load_audit(audited)
    for form in FORMS:
        ended = run("export", audited, "--as", form)
        assert (ended.code, ended.out) == (0, brinell.render(audit, form))
        written = run("export", audited, "--as", form, "--out", f"deep/{form}")
        assert (written.code, written.out) == (0, f"Written: deep/{form}\n")
        assert Path("deep", form).read_text(encoding="utf-8") == ended.out
    assert json.loads(Path("deep/json").read_text()) == json.loads((audited / "run.json").read_text())


def test_a_missed_demand_is_exit_code_3_and_stands_in_the_file(run: Run, audited: Path) -> None:
    demands = ["--require", "clean_accuracy>=0.9", "--require", "worst_group:sex>=0.999"]
    ended = run("export", audited, "--as", "junit", "--out", "junit.xml", *demands)
    assert ended.code == 3
    assert "error: worst_group:sex>=0.999 is missed: the robust accuracy of sex " in ended.err
    cases = ET.parse("junit.xml").getroot().iter("testcase")
    assert [case.find("failure") is not None for case in cases] == [False, True]
    assert run("export", audited, "--as", "markdown", *demands[:2]).code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--as", "pdf"], "no form 'pdf' in text; choose one of json"),
        (["--as", "png"], "--as png writes a folder of pictures: add --out FOLDER"),
        (["--as", "png", "--out", "png"], "no pictures of 256 levels"),
        (["--as", "csv", "--data", "toy.npz"], "--data is for --as png; leave it out with --as csv"),
        (["--as", "csv", "--require", "sound"], "shows no demands"),
        (["--as", "junit", "--require", "speed>=1"], "'speed>=1', which is not understood"),
        (["--as", "junit", "--require", "gap:age<=0.1"], "there are: class, site, sex"),
        ([], "Missing option"),
    ],
)
def test_wrong_use_is_told(run: Run, audited: Path, words: list[str], says: str) -> None:
    ended = run("export", audited, *words)
    assert ended.code == 2
    assert says in ended.err


def test_a_folder_without_an_audit(run: Run, workshop: Path) -> None:
    ended = run("export", workshop, "--as", "json")
    assert ended.code == 2
    assert "there is no finished audit" in ended.err


def test_pictures(run: Run, workshop: Path) -> None:
    import torch
    from torch import nn

    x = (torch.rand(60, 1, 6, 6, generator=torch.Generator().manual_seed(0)) * 255).round() / 255
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    with torch.no_grad():
        y = net(x).argmax(1)
    brinell.audit(brinell.Classifier(net, (0, 1)), (x, y), brinell.Linf(0.3), cascade=(brinell.FGSM(),), out="run",
                  diagnose=False)  # fmt: skip
    ended = run("export", "run", "--as", "png", "--out", "png")
    assert ended.code == 0
    assert "pictures are adversarial still in 8 bits: png" in ended.out
    few = len(list(Path("png").glob("*.png")))
    np.savez("pictures.npz", x=x.numpy(), y=y.numpy())
    ended = run("export", "run", "--as", "png", "--out", "every", "--data", "pictures.npz")
    assert ended.code == 0
    broken = brinell.load_audit("run").table["eight_bits"]
    assert len(list(Path("every").glob("*.png"))) == 2 * (len(broken) - broken.null_count) >= few > 2
