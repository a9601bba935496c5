"""The run folder of a training: the best weights, the log, and a checkpoint while it is not finished."""

import copy
from pathlib import Path

from pydantic import ValidationError

from brinell.defenses.checkpoint import Checkpoint, read
from brinell.defenses.log import TrainingLog
from brinell.errors import InputError
from brinell.facts import differences, holds_something, whole, write_json
from brinell.models.classifier import Classifier
from brinell.models.weights import load_weights, save_weights


class TrainingFolder:
    """The files of one training, each whole at any moment. All processes must see the same folder; one writes."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.weights, self.log = self.path / "weights.safetensors", self.path / "training.json"
        self.checkpoint = self.path / "checkpoint.safetensors"

    @property
    def started(self) -> bool:
        """Whether something lies here that a training can go on from."""
        return self.checkpoint.is_file() or self.log.is_file()

    def read_log(self) -> TrainingLog:
        """The log of the training so far. Raises InputError where it is damaged."""
        if not self.log.is_file():
            return read(self.checkpoint).log
        try:
            return TrainingLog.model_validate_json(self.log.read_text(encoding="utf-8"))
        except (OSError, ValidationError) as problem:
            raise InputError(f"{self.log} is damaged: {problem}. Name another folder.") from problem

    def open(self, wanted: TrainingLog, resume: bool) -> Checkpoint | TrainingLog | None:
        """What is there of the same training: a checkpoint, the log of one that is finished, or nothing.

        Raises OutputExistsError where something is there and ``resume`` is off, InputError where it is another's."""
        if not holds_something(self.path, resume):
            return None
        if not self.started and any(file.suffix != ".part" for file in self.path.iterdir()):
            raise InputError(f"{self.path} holds no training that could be resumed; name another folder.")
        if self.log.is_file() and (log := self.read_log()).finished:
            self._compare(log, wanted)
            return log
        if not self.checkpoint.is_file():
            return None
        checkpoint = read(self.checkpoint)
        self._compare(checkpoint.log, wanted)
        return checkpoint

    def _compare(self, log: TrainingLog, wanted: TrainingLog) -> None:
        if told := "; ".join(differences(log.settings, wanted.settings)):
            raise InputError(f"{self.path} holds another training: {told}. Name another folder.")

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep the state, so that the training can go on from here."""
        self.path.mkdir(parents=True, exist_ok=True)
        checkpoint.write(self.checkpoint)

    def keep(self, model: Classifier, log: TrainingLog) -> None:
        """Keep the best model so far, and the log."""
        self.path.mkdir(parents=True, exist_ok=True)
        with whole(self.weights) as partial:
            save_weights(model, partial)
        write_json(log, self.log)

    def close(self) -> None:
        """Drop what only a resume needs."""
        self.checkpoint.unlink(missing_ok=True)

    def graduate(self, model: Classifier, log: TrainingLog) -> Classifier:
        """A copy of ``model`` with the weights that lie here."""
        graduate = copy.deepcopy(model).eval()
        load_weights(graduate, self.weights)
        graduate.training_log = log
        return graduate
