"""How pictures become inputs."""

import numpy as np
import pytest
from pictures import pixels
from PIL import Image

from brinell.data import Frame
from brinell.errors import InputError, InputTypeError


def picture(mode="RGB", size=(6, 5)):
    return Image.fromarray(pixels(0, size, mode if mode in ("L", "LA", "RGB", "RGBA") else "RGB"))


def test_without_wishes_pixels_stay_as_they_are():
    np.testing.assert_array_equal(Frame()(picture()), pixels(0).transpose(2, 0, 1))
    np.testing.assert_array_equal(Frame()(picture("L")), pixels(0, mode="L")[None])
    assert Frame()(picture("L").convert("1")).shape == (1, 6, 5)


@pytest.mark.parametrize(
    ("frame", "shape"),
    [
        (Frame.of(8), (3, 8, 8)),
        (Frame.of((4, 7)), (3, 4, 7)),
        (Frame(resize=12), (3, 14, 12)),
        (Frame(resize=12, crop=(10, 11)), (3, 10, 11)),
        (Frame(crop=(4, 4)), (3, 4, 4)),
        (Frame(crop=(9, 9)), (3, 9, 9)),
        (Frame(mode="L"), (1, 6, 5)),
    ],
    ids=str,
)
def test_shapes(frame, shape):
    assert frame(picture()).shape == shape
    if frame.size is not None:
        assert frame.size == shape[1:]


def test_the_middle_is_cut_out_and_what_lies_beyond_is_black():
    np.testing.assert_array_equal(Frame(crop=(4, 3))(picture()), pixels(0).transpose(2, 0, 1)[:, 1:5, 1:4])
    wide = Frame(crop=(8, 7))(picture())
    np.testing.assert_array_equal(wide[:, 1:7, 1:6], pixels(0).transpose(2, 0, 1))
    assert wide[:, 0].max() == 0


@pytest.mark.parametrize("size", [(20, 30), (30, 20), (25, 25)])
def test_the_shorter_side_is_brought_to_its_length(size):
    shape = Frame(resize=10)(picture(size=size)).shape[1:]
    assert min(shape) == 10
    assert shape == (10 * size[0] // min(size), 10 * size[1] // min(size))


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("RGBA", 'the cat has an alpha channel; give mode "RGB" or "L"'),
        ("LA", "the cat is grey with an alpha channel"),
        ("CMYK", "the cat is in CMYK"),
        ("YCbCr", "the cat is in mode YCbCr"),
        ("I", r"the cat has more than 8 bits a channel \(mode I\)"),
        ("F", "more than 8 bits"),
    ],
)
def test_modes_that_are_not_plain_are_named(mode, says):
    with pytest.raises(InputError, match=says):
        Frame()(picture("RGB").convert("L").convert(mode) if mode in "IFLA" else picture().convert(mode), "the cat")


def test_a_palette_is_in_colour_unless_a_colour_of_it_is_transparent():
    coloured = picture().quantize(256)
    assert Frame()(coloured).shape == (3, 6, 5)
    coloured.info["transparency"] = 0
    with pytest.raises(InputError, match="transparent"):
        Frame()(coloured)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "1", "P", "CMYK"])
def test_a_mode_converts_all_of_them(mode):
    of_mode = picture("L").convert(mode) if mode == "LA" else picture().convert(mode)
    assert Frame(mode="RGB")(of_mode).shape == (3, 6, 5)
    assert Frame(mode="L")(of_mode).shape == (1, 6, 5)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Frame(resize=0), "give pixels"),
        (lambda: Frame(resize=(8, -1)), "give pixels"),
        (lambda: Frame(crop=8), "give pixels"),
        (lambda: Frame(mode="BGR"), "the mode is 'BGR'; choose"),
        (lambda: Frame(resample="best"), "resample is 'best'; choose one of nearest"),
        (lambda: Frame.of("8"), "pass pixels"),
        (lambda: Frame.of((8, 8, 3)), "pass pixels"),
    ],
)
def test_frames_that_make_no_sense(make, says):
    with pytest.raises(InputError, match=says):
        make()


def test_the_wrong_kind_is_a_type_error():
    with pytest.raises(InputTypeError):
        Frame(resize=True)
