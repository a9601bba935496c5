"""Folders of images: read block by block, and what is wrong with them said by name."""

import numpy as np
import pytest
import torch
from pictures import draw, pixels
from PIL import Image

from brinell.data import Frame, classes_of, fingerprint, images, labels, read, read_images, stratified
from brinell.errors import InputError, InputMissingError

NAMES = ["a/0.png", "a/1.png", "b/deep/2.png", "c/3.png"]


@pytest.fixture
def folder(tmp_path):
    """Four pictures in three class folders, and a class without any."""
    for number, name in enumerate(NAMES):
        draw(tmp_path / "signs" / name, number)
    (tmp_path / "signs" / "bb").mkdir()
    return tmp_path / "signs"


@pytest.fixture
def flat(tmp_path):
    """Four pictures beside each other, and a table in another order."""
    for number in range(4):
        draw(tmp_path / "flat" / f"{number}.png", number)
    (tmp_path / "flat" / "labels.csv").write_text("file,label,sex\n3.png,dog,m\n0.png,cat,f\n1.png,dog,\n2.png,cat,m\n")
    return tmp_path / "flat"


def expected(numbers):
    return torch.stack([torch.from_numpy(pixels(number)).permute(2, 0, 1).float() / 255 for number in numbers])


def test_class_folders_are_numbered_by_name_also_the_empty_ones(folder):
    source = read(str(folder))
    x, y = source.block(slice(None))
    assert torch.equal(x, expected(range(4)))
    assert y.tolist() == [0, 0, 1, 3]
    assert classes_of(source) == ("a", "b", "bb", "c")
    assert (source.name, source.bounds) == ("signs", (0.0, 1.0))


@pytest.mark.parametrize("rows", [slice(1, 3), np.array([3, 0, 3]), np.array([1], np.uint8), slice(3, 99)], ids=str)
def test_any_rows_in_any_order_as_the_callers_own(folder, rows):
    source = read_images(folder)
    source.block(rows)[0].fill_(9)
    x, y = source.block(rows)
    assert torch.equal(x, expected(np.arange(4)[rows]))
    assert torch.equal(y, labels(source)[np.arange(4)[rows]])
    assert x.is_contiguous()


def test_pictures_are_decoded_only_when_they_are_asked_for(folder, monkeypatch):
    decoded = []
    whole = Image.Image.convert
    monkeypatch.setattr(
        Image.Image, "convert", lambda image, mode: decoded.append(image.filename) or whole(image, mode)
    )
    source = read_images(folder)
    assert decoded == []
    source.block(slice(1, 3))
    assert [name.rsplit("/", 1)[1] for name in decoded] == ["1.png", "2.png"]


def test_the_fingerprint_follows_the_pixels_not_the_names(folder):
    before = fingerprint(read_images(folder))
    (folder / "c" / "3.png").rename(folder / "c" / "4.png")
    assert fingerprint(read_images(folder)) == before
    draw(folder / "c" / "4.png", 7)
    assert fingerprint(read_images(folder)) != before


def test_a_table_tells_labels_and_groups(flat):
    source = read(f"{flat}:groups=sex")
    assert labels(source).tolist() == [0, 1, 0, 1]
    assert classes_of(source) == ("cat", "dog")
    assert source.groups["sex"].tolist() == ["f", "missing", "m", "m"]
    assert torch.equal(source.block(slice(None))[0], expected(range(4)))


def test_class_folders_with_a_table_of_groups(folder):
    (folder / "people.csv").write_text("path,who\n" + "".join(f"{name},{name[0]}!\n" for name in reversed(NAMES)))
    source = read_images(folder, groups=["who"])
    assert labels(source).tolist() == [0, 0, 1, 3]
    assert source.groups["who"].tolist() == ["a!", "a!", "b!", "c!"]


def test_the_order_of_the_classes_can_be_the_models(folder, flat):
    assert labels(read_images(folder, classes=["c", "b", "a"])).tolist() == [2, 2, 1, 0]
    assert labels(read(f"{flat}:classes=dog+cat")).tolist() == [1, 0, 1, 0]
    with pytest.raises(InputError, match="holds 'b' in row 2, which is none of the classes a, c; name all of them"):
        read_images(folder, classes=["a", "c"])


def test_sizes_are_brought_to_one_on_request(folder):
    draw(folder / "a" / "big.png", 9, size=(9, 7))
    with pytest.raises(InputError, match=r"2 sizes, such as 5x6 \(.*0.png\) and 7x9 \(.*big.png\).*such as size 224"):
        read_images(folder)
    for source in (read_images(folder, frame=8), read(f"{folder}:size=8")):
        assert source.block(slice(None))[0].shape == (5, 3, 8, 8)
    cut = read(f"{folder}:size=4,shorter=5,resample=bicubic,mode=L")
    assert cut.frame == Frame(5, (4, 4), "L", "bicubic")
    assert cut.block(slice(None))[0].shape == (5, 1, 4, 4)


@pytest.mark.parametrize(
    ("mode", "says"),
    [("L", r"some pictures are grey \(.*odd.png\) and some in colour \(.*0.png\)"), ("RGBA", "odd.png has an alpha")],
)
def test_mixed_modes_are_refused_or_converted(folder, mode, says):
    draw(folder / "a" / "odd.png", 9, mode=mode)
    with pytest.raises(InputError, match=says):
        read_images(folder)
    assert read(f"{folder}:mode=RGB").block(slice(None))[0].shape == (5, 3, 6, 5)


def test_grey_pictures_have_one_channel(tmp_path):
    draw(tmp_path / "a" / "0.png", 0, mode="L")
    x, _ = read_images(tmp_path).block(slice(None))
    assert torch.equal(x[0, 0], torch.from_numpy(pixels(0, mode="L")).float() / 255)


def test_a_jpeg_is_what_pillow_makes_of_it(tmp_path):
    (tmp_path / "a").mkdir()
    Image.fromarray(pixels(0)).save(tmp_path / "a" / "0.JPG", "jpeg")
    x, _ = read_images(tmp_path).block(slice(None))
    with Image.open(tmp_path / "a" / "0.JPG") as image:
        assert torch.equal(x[0], torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255)


def test_hidden_folders_are_left_out(folder):
    draw(folder / ".cache" / "0.png", 0)
    draw(folder / "__MACOSX" / "0.png", 0)
    assert len(read_images(folder)) == 4
    assert classes_of(read_images(folder)) == ("a", "b", "bb", "c")


@pytest.mark.parametrize("make", [lambda path: None, lambda path: (path / "notes.txt").write_text("no image")])
def test_an_empty_folder(tmp_path, make):
    make(tmp_path)
    with pytest.raises(InputMissingError, match=r"holds no images \(.*\.png.*\); put a folder for each class into it"):
        read(str(tmp_path))


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputMissingError, match="there is no folder"):
        read_images(tmp_path / "none")


def test_a_file_that_is_no_image_is_named_at_once(folder):
    (folder / "a" / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"broken.png cannot be read as an image: .*\. Write it again"):
        read_images(folder)


def test_an_image_that_is_cut_off_is_named_when_it_is_read(folder):
    whole = draw(folder / "a" / "cut.png", 5, size=(6, 5)).read_bytes()
    (folder / "a" / "cut.png").write_bytes(whole[:-40])
    source = read_images(folder)
    with pytest.raises(InputError, match=r"cut.png cannot be read as an image"):
        source.block(slice(None))


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (
            "file,label\n0.png,1\n1.png,0\n2.png,1\n",
            r"labels.csv has no row for 3.png \(1 of 4 images are missing there",
        ),
        ("file,label\n0.png,1\n1.png,0\n2.png,1\n3.png,0\nnone.png,1\n", "lists none.png, and .* has no such image"),
        ("file,label\n0.png,1\n1.png,0\n2.png,1\n3.png,0\n0.png,1\n", "lists 0.png more than once"),
        ("name,label\n0.png,1\n", r"has no column of file names \(file_name, .*it has: name, label"),
        ("file,kind\n0.png,1\n1.png,0\n2.png,1\n3.png,0\n", "which column of .* holds the labels"),
        ("file,label\n0.png,1\n1.png,\n2.png,1\n3.png,0\n", "the column label has no value in row 1"),
        (
            "file,label\n0.png,1\n1.png,0.5\n2.png,1\n3.png,0\n",
            "the column label holds 0.5 in row 1; labels are classes",
        ),
        ("", "is empty"),
        ("file,label\n", "has no rows"),
    ],
)
def test_tables_that_do_not_fit_the_images(flat, table, says):
    (flat / "labels.csv").write_text(table)
    with pytest.raises(InputError, match=says):
        read_images(flat)


def test_loose_images_need_one_table(flat):
    (flat / "more.csv").write_text("file,label\n")
    with pytest.raises(InputMissingError, match=r"needs one table of labels .* it has labels.csv, more.csv; name it"):
        read_images(flat)
    assert len(read(f"{flat}:table={flat}/labels.csv")) == 4
    (flat / "more.csv").unlink()
    (flat / "labels.csv").unlink()
    with pytest.raises(InputMissingError, match="it has none; name it: table=FILE"):
        read_images(flat)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("size=big", "size is 'big'; give pixels"),
        ("size=0", "size is '0'"),
        ("shorter=8", "give size as well"),
        ("colour=RGB", "has no option 'colour'; it has: table, label, groups, classes, size"),
        ("size=8,size=9", "'size=9' in .* is no option; write key=value, each key once"),
        ("size=8,sex", "'sex' in .* is no option"),
        ("groups=age", "has no column 'age'; it has: file, label, sex"),
        ("label=age", "has no column 'age'"),
    ],
)
def test_options_that_make_no_sense(flat, options, says):
    with pytest.raises(InputError, match=says):
        read(f"{flat}:{options}")


def test_a_folder_whose_name_looks_like_options(tmp_path):
    draw(tmp_path / "runs:size=8" / "a" / "0.png", 0)
    assert read(str(tmp_path / "runs:size=8")).block(slice(None))[0].shape == (1, 3, 6, 5)


def test_headers_are_told_of(folder):
    told = []
    read_images(folder, progress=lambda *news: told.append(news))
    assert told[-1] == ("reading the headers of images", 4, 4)


def test_without_pillow_the_error_names_the_extra(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(InputMissingError, match=r'pip install "brinell\[images\]"'):
        images.pillow()


@pytest.mark.parametrize("name", ["a/twin.png", "c/twin.png"])
def test_files_that_are_there_twice_are_told_of(folder, name, caplog):
    read_images(folder)
    assert caplog.text == ""
    (folder / name).write_bytes((folder / "a" / "0.png").read_bytes())
    assert len(read_images(folder)) == 5
    assert "1 image is there more than once" in caplog.text
    assert ("1 of them with different labels" in caplog.text) == name.startswith("c")
    assert "a/0.png and" in caplog.text


def test_labels_are_told_without_decoding(folder, monkeypatch):
    source = read_images(folder)
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("a picture was decoded"))
    assert labels(source).tolist() == [0, 0, 1, 3]
    assert len(stratified(source, 2, 0)) == 2
