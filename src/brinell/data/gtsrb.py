"""GTSRB, German traffic signs: from a folder, the cache or the network."""

import csv
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np

from brinell.data.frames import Frame, pillow
from brinell.data.images import Images
from brinell.data.npz import read_arrays
from brinell.data.shelf import Shelf
from brinell.data.sources import Arrays, Source
from brinell.errors import InputError
from brinell.progress import Progress, silent

if TYPE_CHECKING:
    from PIL.Image import Image

MIRRORS = ("https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/",)
TRAINING, TEST, TRUTH = "GTSRB-Training_fixed.zip", "GTSRB_Final_Test_Images.zip", "GTSRB_Final_Test_GT.zip"
COPY = "gtsrb-32.npz"
DIGESTS = {  # md5 as torchvision has them; sha256 of a copy of a part of the signs
    TRAINING: "md5:513f3c79a4c5141765e10e952eaa2478",
    TEST: "md5:c7e4e6327067d32654124b0fe9e82185",
    TRUTH: "md5:fe31e9c9270bbcd7b84b7f21a9d9d9e5",
    COPY: "a54073ea5696e2d7baf0e9d0cd62fc6c4b89e659af83f81fd3779030847e35f2",
}
CLASSES = (
    "Speed limit (20km/h)", "Speed limit (30km/h)", "Speed limit (50km/h)", "Speed limit (60km/h)",
    "Speed limit (70km/h)", "Speed limit (80km/h)", "End of speed limit (80km/h)", "Speed limit (100km/h)",
    "Speed limit (120km/h)", "No passing", "No passing for vehicles over 3.5 metric tons",
    "Right-of-way at the next intersection", "Priority road", "Yield", "Stop", "No vehicles",
    "Vehicles over 3.5 metric tons prohibited", "No entry", "General caution", "Dangerous curve to the left",
    "Dangerous curve to the right", "Double curve", "Bumpy road", "Slippery road", "Road narrows on the right",
    "Road work", "Traffic signals", "Pedestrians", "Children crossing", "Bicycles crossing", "Beware of ice/snow",
    "Wild animals crossing", "End of all speed and passing limits", "Turn right ahead", "Turn left ahead",
    "Ahead only", "Go straight or right", "Go straight or left", "Keep right", "Keep left", "Roundabout mandatory",
    "End of no passing", "End of no passing by vehicles over 3.5 metric tons",
)  # fmt: skip


def load(part: Literal["test", "train"], progress: Progress = silent) -> Source:
    """The 12,630 test or 26,640 training signs, whole frames brought to (N, 3, 32, 32) in [0, 1]; 43 classes.

    Looked for in ``gtsrb`` in the folder that BRINELL_DATA names, then in the cache; fetched (89 and 187 MB) otherwise.
    Where the named folder has the copy gtsrb-32.npz, that is taken: 3,690 and 9,030 signs, cut out of their frames; the
    source is then called gtsrb-32. Training signs have the group "track", "class/track": frames of one sign.
    Needs the package pillow, but for the copy. Raises InputError, InputMissingError.
    Source: Stallkamp et al. 2012, doi:10.1016/j.neunet.2012.02.016; whole frames as torchvision takes them.
    """
    shelf = Shelf(title="GTSRB", folder="gtsrb", mirrors=MIRRORS, digests=DIGESTS)
    copy = shelf.find(COPY)
    if copy is not None:
        return _copy(copy, part)
    frame, name = Frame((32, 32), mode="RGB"), "gtsrb" if part == "test" else "gtsrb:train"
    if part == "train":
        signs = _training(shelf.file(TRAINING, progress=progress))
    else:
        signs = _test(shelf.file(TEST, progress=progress), shelf.file(TRUTH, progress=progress))
    members, y, groups = signs
    return Images(members, y, frame=frame, groups=groups, name=name, classes=CLASSES, progress=progress)


@dataclass(frozen=True, slots=True)
class _Member:
    """A picture in a zip archive that stays open."""

    archive: zipfile.ZipFile
    entry: str

    @property
    def name(self) -> str:
        return f"{self.archive.filename}: {self.entry}"

    def read(self) -> "Image":
        return pillow().open(io.BytesIO(self.archive.read(self.entry)))  # type: ignore[no-any-return]


def _training(path: Path) -> tuple[list[_Member], list[int], Mapping[str, list[str]]]:
    archive = _opened(path)
    signs = sorted(name for name in archive.namelist() if "/Training/" in f"/{name}" and name.endswith(".ppm"))
    y = [int(PurePosixPath(name).parent.name) for name in signs]
    tracks = [f"{label}/{int(PurePosixPath(name).stem.split('_')[0])}" for label, name in zip(y, signs, strict=True)]
    return [_Member(archive, name) for name in signs], y, {"track": tracks}


def _test(images: Path, truth: Path) -> tuple[list[_Member], list[int], Mapping[str, list[str]]]:
    archive = _opened(images)
    entries = {PurePosixPath(name).name: name for name in archive.namelist() if name.endswith(".ppm")}
    with _opened(truth) as archive_of_labels, archive_of_labels.open("GT-final_test.csv") as stream:
        rows = list(csv.DictReader(io.TextIOWrapper(stream, "utf-8"), delimiter=";", skipinitialspace=True))
    members = [_Member(archive, entries[row["Filename"]]) for row in rows]
    return members, [int(row["ClassId"]) for row in rows], {}


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as problem:
        raise InputError(f"{path} is damaged: {problem}. Fetch it again.") from problem


def _copy(path: Path, part: Literal["test", "train"]) -> Arrays:
    arrays = read_arrays(path, (f"{part}_images", f"{part}_labels"), ("train_track",) if part == "train" else ())
    y = np.array(arrays[f"{part}_labels"])
    groups = {}
    if part == "train":
        groups["track"] = np.array([f"{label}/{track}" for label, track in zip(y, arrays["train_track"], strict=True)])
    return Arrays(
        arrays[f"{part}_images"].transpose(0, 3, 1, 2), y, groups=groups, scale=255.0, bounds=(0.0, 1.0),
        classes=CLASSES, name="gtsrb-32" if part == "test" else "gtsrb-32:train",
    )  # fmt: skip
