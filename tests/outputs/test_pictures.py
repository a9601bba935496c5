"""PNG files: what they hold, what they are called, and what is adversarial still."""

import csv
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from samples import CASCADE, rows, small_audit

import brinell
from brinell.api import audit as run_audit
from brinell.bounds import Bounds
from brinell.errors import InputError, InputMissingError, OutputExistsError
from brinell.evaluation import Audit
from brinell.evaluation.eightbits import toward
from brinell.models import Classifier
from brinell.outputs.pictures import _toward
from brinell.threats import Linf

NAME = re.compile(r"row-(\d+)_class-(\d+)_(clean|predicted-(\d+)(_lost)?)\.png")


@pytest.fixture(scope="module")
def data() -> tuple[torch.Tensor, torch.Tensor]:
    return rows((1, 8, 8), levels=True)[1:]


def index(folder: Path) -> list[dict[str, str]]:
    with (folder / "pictures.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def levels(path: Path) -> Any:
    """The pixels of a PNG file as somebody else's reader sees them."""
    return (imread(path) * 255).round().astype(int)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.0, 255.0)])
@pytest.mark.parametrize("on_levels", [True, False])
def test_values_are_rounded_as_the_judge_rounds_them(bounds: tuple[float, float], on_levels: bool) -> None:
    source = torch.Generator().manual_seed(0)
    x = torch.rand(50, 1, 5, 5, generator=source)
    x = (x * 255).round() / 255 if on_levels else x
    x_adv = (x + (torch.rand(x.shape, generator=source) - 0.5) * 0.05).clamp(0, 1)
    x_adv[:10] = (x_adv[:10] * 255).round() / 255
    width = bounds[1] / 255
    ours = _toward((x_adv * bounds[1]).double().numpy() / width, (x * bounds[1]).double().numpy() / width)
    theirs = toward(x_adv * bounds[1], x * bounds[1], Bounds.of(bounds)).double().numpy() / width
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_every_broken_row_becomes_a_picture(evil: Audit, data: Any, tmp_path: Path) -> None:
    found = brinell.write_pictures(evil, tmp_path / "png", data=data)
    count = evil.record.eight_bits
    assert count is not None
    assert (found.rows, found.known, found.still) == (count.n, count.n, count.hits)
    assert str(found).startswith(f"{count.hits} of {count.n} pictures are adversarial still in 8 bits: ")
    table = evil.table.to_pylist()
    lines = index(found.folder)
    assert [int(line["row"]) for line in lines] == [
        row["id"] for row in table if row["broken_by"] not in (None, "clean")
    ]
    x, y = data
    for line in lines[:10]:
        row = int(line["row"])
        named = NAME.fullmatch(line["file"])
        assert named
        assert (int(named[1]), int(named[2]), int(named[4])) == (row, int(y[row]), table[row]["adversarial_prediction"])
        clean, changed = levels(found.folder / line["clean_file"]), levels(found.folder / line["file"])
        np.testing.assert_array_equal(clean, (x[row, 0] * 255).round())
        rounded = toward(evil.x_adv[row : row + 1], x[row : row + 1], Bounds.of((0, 1)))
        np.testing.assert_array_equal(changed, (rounded[0, 0] * 255).round())
        assert np.abs(changed - clean).max() <= 8


def test_the_files_are_adversarial_as_counted(data: Any, tmp_path: Path) -> None:
    """Steps of less than a level do not survive: the model is asked about the very files."""
    y = data[1]
    net = rows((1, 8, 8))[0]
    audit = run_audit(Classifier(net, (0, 1)), data, Linf(1.7 / 255), cascade=CASCADE, diagnose=False)
    found = brinell.write_pictures(audit, tmp_path, data=data)
    assert 0 < found.still < found.known == found.rows
    wrong = {}
    for line in index(tmp_path):
        pixels = torch.from_numpy(levels(tmp_path / line["file"])).float()[None, None] / 255
        wrong[line["file"]] = int(net(pixels).argmax()) != int(y[int(line["row"])])
        assert (line["still_adversarial"] == "true") == wrong[line["file"]] == ("_lost" not in line["file"])
    assert sum(wrong.values()) == found.still
    assert {path.name for path in tmp_path.glob("*predicted*")} == set(wrong)


def test_the_gallery_alone_is_enough(evil: Audit, tmp_path: Path) -> None:
    found = brinell.write_pictures(evil, tmp_path / "png")
    assert 0 < found.rows <= evil.record.clean.hits - evil.record.robust.hits
    assert len(list(found.folder.glob("*.png"))) == 2 * found.rows
    assert all(NAME.fullmatch(path.name) for path in found.folder.glob("*.png"))


def test_of_pictures_between_the_levels_nothing_is_claimed(tmp_path: Path) -> None:
    """Changes of less than a level leave the clean values, which no file of 8 bits holds."""
    found = brinell.write_pictures(small_audit((3, 6, 5), Linf(0.9 / 255)), tmp_path)
    assert found.rows > 0
    assert (found.known, found.still) == (0, 0)
    assert f"of {found.rows} it is not known" in str(found)
    assert {line["still_adversarial"] for line in index(tmp_path)} == {""}
    assert levels(next(tmp_path.glob("*.png"))).shape == (6, 5, 3)


def test_other_inputs_are_refused_with_a_remedy(table: Audit, evil: Audit, data: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"shape \(5,\) .* are no pictures of 256 levels: .*export\(audit, 'csv'"):
        brinell.write_pictures(table, tmp_path)
    x, y = data
    with pytest.raises(InputError, match="the data have 149 rows, the audit 150"):
        brinell.write_pictures(evil, tmp_path, data=(x[1:], y[1:]))
    with pytest.raises(InputError, match="other shapes or labels"):
        brinell.write_pictures(evil, tmp_path, data=(x, y.roll(1)))
    (tmp_path / "mine").write_text("")
    with pytest.raises(OutputExistsError, match="is not empty"):
        brinell.write_pictures(evil, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_runs_without_inputs_say_so(evil: Audit, tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match='examples="none"'):
        brinell.write_pictures(small_audit((1, 8, 8), Linf(0.1), examples="none"), tmp_path / "a")
    shutil.copytree(evil.folder, tmp_path / "run")
    damaged = brinell.load_audit(tmp_path / "run")
    (tmp_path / "run" / "gallery.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="is damaged"):
        brinell.write_pictures(damaged, tmp_path / "b")
    (tmp_path / "run" / "gallery.safetensors").unlink()
    with pytest.raises(InputMissingError, match="not there any more; pass data="):
        brinell.write_pictures(damaged, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_where_nothing_broke_there_is_nothing_to_write(tmp_path: Path) -> None:
    found = brinell.write_pictures(small_audit((1, 8, 8), Linf(1e-6), levels=True), tmp_path / "png")
    assert (found.rows, found.known, found.still) == (0, 0, 0)
    assert brinell.export(small_audit((1, 8, 8), Linf(0.1)), "png", tmp_path / "more") == tmp_path / "more"
