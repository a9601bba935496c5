"""The detector that ``--detect`` puts before a model, and the clean rows from which its threshold is chosen."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from brinell import models
from brinell.cli.places import about
from brinell.cli.values import named
from brinell.data import Selected, Source, stratified
from brinell.errors import InputError
from brinell.evaluation import DetectorWords
from brinell.models import Classifier

FALSE_ALARMS = 0.05
_ENOUGH = 1000  # clean rows, from which a threshold is chosen


class Detect(NamedTuple):
    """What the command line says of a detector. data: a name or a path; threshold: in place of it."""

    squeezers: Sequence[str]
    threshold: float | None = None
    data: str | None = None
    false_alarms: float | None = None


class Rows(NamedTuple):
    """All rows that DATA name, those of them that are audited, and what reads others. seed: of the choice."""

    whole: Source
    audited: Source
    read: Callable[[str], Source]
    name: str
    seed: int


def behind(model: Classifier, asked: Detect | None, rows: Rows) -> tuple[Classifier, DetectorWords | None]:
    """The model behind the detector, if there is to be one, and the words that make it again. Raises InputError."""
    asked = asked or Detect(())
    _check(asked)
    if not asked.squeezers:
        return model, None
    with about("detect"):
        squeezers = tuple(named(models.SANITISERS, "sanitiser", text) for text in asked.squeezers)
        detector = models.FeatureSqueezing(model, squeezers)
    words = partial(DetectorWords, squeezers=tuple(asked.squeezers))
    if asked.threshold is not None:
        with about("detect_threshold"):
            found = models.FeatureSqueezing(model, squeezers, asked.threshold)
        return found, words(threshold=asked.threshold)
    with about("detect_data"):
        held = stratified(source := _clean_rows(asked.data, rows), min(_ENOUGH, len(source)), rows.seed)
        x, _ = held.block(slice(0, len(held)))
        _check_shape(x.shape[1:], rows)
    promised = FALSE_ALARMS if asked.false_alarms is None else asked.false_alarms
    with about("false_alarms"):
        calibrated = detector.calibrated(x, promised)
    origin = asked.data or rows.name
    return calibrated, words(threshold=calibrated.threshold, data=origin, n=len(held), false_alarms=promised)


def _check(asked: Detect) -> None:
    """Raise InputError where options have nothing to speak of, or contradict each other."""
    options = {"--detect-threshold": asked.threshold, "--detect-data": asked.data, "--false-alarms": asked.false_alarms}
    given = [f"{name} {value}" for name, value in options.items() if value is not None]
    if given and not asked.squeezers:
        raise InputError(f"{given[0]} is for a detector; add --detect SQUEEZER, such as --detect median:size=3.")
    if asked.threshold is not None and len(given) > 1:
        raise InputError(f"{given[0]} and {given[1]} exclude each other: clean rows are there to choose a threshold.")


def _clean_rows(data: str | None, rows: Rows) -> Source:
    """Clean rows that no audit sees: those of ``data``, or what the audit leaves of its own."""
    if data == rows.name:
        raise InputError(
            f"--detect-data {data} are the rows to audit; name others that were not trained on, or leave it out and "
            "take a part with --n: the threshold is then chosen from the rest."
        )
    if data is not None:
        return rows.read(data)
    if not isinstance(rows.audited, Selected) or rows.audited is rows.whole:
        raise InputError(
            "a detector needs clean rows for its threshold, neither trained on nor audited: add --detect-data DATA; "
            "or --n ROWS, so that the other rows of DATA are there for it; or give --detect-threshold."
        )
    return Selected(rows.whole, np.setdiff1d(np.arange(len(rows.whole)), rows.audited.index))


def _check_shape(shape: Sequence[int], rows: Rows) -> None:
    there = rows.audited.block(slice(0, 1))[0].shape[1:]
    if tuple(shape) != tuple(there):
        raise InputError(f"the clean rows have shape {tuple(shape)}, those to audit {tuple(there)}; give rows alike.")
