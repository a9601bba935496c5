"""Fashion-MNIST, Zalando's pictures of clothes: from a folder, the cache or the network."""

from typing import Literal

from brinell.data import idx
from brinell.data.shelf import Shelf
from brinell.data.sources import Arrays
from brinell.progress import Progress, silent

MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
DIGESTS = {  # as its authors publish them, of the packed files
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_PARTS = {"test": ("fashion-mnist", "t10k"), "train": ("fashion-mnist:train", "train")}


def load(part: Literal["test", "train"], progress: Progress = silent) -> Arrays:
    """The 10,000 test or 60,000 training images, (N, 1, 28, 28) in [0, 1], and their labels 0 to 9.

    Looked for in ``fashion-mnist`` in the folder that BRINELL_DATA names, then in the cache; fetched otherwise.
    Raises InputError, InputMissingError. Source: Xiao et al. 2017, arXiv:1708.07747.
    """
    name, stem = _PARTS[part]
    shelf = Shelf(title="Fashion-MNIST", folder="fashion-mnist", mirrors=MIRRORS, digests=DIGESTS)
    kinds = (f"{stem}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
    images, labels = (shelf.file(kind, progress=progress) for kind in kinds)
    return idx.load(images, labels, name=name, classes=CLASSES)
