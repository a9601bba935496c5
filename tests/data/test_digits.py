"""The 5,000 digits that need no download."""

import importlib.resources

import pytest
import torch

from brinell.data import digits, fingerprint, labels, read
from brinell.errors import InputMissingError


def test_both_parts_are_balanced_images_and_have_no_row_in_common():
    test, train = read("digits"), read("digits:train")
    assert (test.name, train.name) == ("digits", "digits:train")
    assert labels(test).bincount().tolist() == [100] * 10
    assert labels(train).bincount().tolist() == [400] * 10
    seen = [source.block(slice(None))[0] for source in (test, train)]
    assert [tuple(x.shape) for x in seen] == [(1000, 1, 28, 28), (4000, 1, 28, 28)]
    assert all((x.min(), x.max(), x.dtype) == (0, 1, torch.float32) for x in seen)
    assert len({image.numpy().tobytes() for x in seen for image in x}) == 5000


def test_the_parts_never_change():
    assert fingerprint(read("digits")) == "858f31fb8207441c73112b1f2b27ca8c973528bbb3521fb507d1d460ed9c42fe"


@pytest.mark.data
def test_they_are_all_from_the_training_set_of_mnist():
    mnist = read("mnist:train")
    truth = {image.tobytes(): label for image, label in zip(mnist.x, labels(mnist).tolist(), strict=True)}
    for source in (read("digits"), read("digits:train")):
        assert [truth[image.tobytes()] for image in source.x] == labels(source).tolist()


@pytest.mark.parametrize("problem", [ModuleNotFoundError, FileNotFoundError])
def test_without_the_package(monkeypatch, problem):
    def missing(package):
        raise problem(package)

    monkeypatch.setattr(digits, "files", missing)
    assert importlib.resources.files is not missing
    with pytest.raises(InputMissingError, match=r'pip install "brinell\[demo\]"'):
        read("digits")
