"""MNIST, the handwritten digits of LeCun, Cortes and Burges: from a folder, the cache or the network."""

from typing import Literal

from brinell.data import idx
from brinell.data.shelf import Shelf
from brinell.data.sources import Arrays
from brinell.progress import Progress, silent

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
DIGESTS = {  # sha256 of the unpacked bytes
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_PARTS = {"test": ("mnist", "t10k"), "train": ("mnist:train", "train")}


def load(part: Literal["test", "train"], progress: Progress = silent) -> Arrays:
    """The 10,000 test or 60,000 training images, (N, 1, 28, 28) in [0, 1], and their labels 0 to 9.

    Looked for, gzip or not, in the folder that BRINELL_DATA names and ``mnist`` within it (when it is not
    set: ``../shared/data``), then in the cache folder; fetched into the cache otherwise.
    Raises InputError when a file that was found is not the original, InputMissingError when there is none to
    be had.
    """
    name, stem = _PARTS[part]
    hint = " Each will do as it is or with .gz. Without a network, the data set digits needs no files."
    shelf = Shelf(title="MNIST", folder="mnist", mirrors=MIRRORS, digests=DIGESTS, loose=True, hint=hint)
    kinds = (f"{stem}-{kind}-ubyte" for kind in ("images-idx3", "labels-idx1"))
    images, labels = (shelf.file(kind, f"{kind}.gz", progress=progress) for kind in kinds)
    return idx.load(images, labels, name=name)
