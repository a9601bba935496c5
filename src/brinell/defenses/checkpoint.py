"""A training at one moment: tensors and facts in one safetensors file, from which it goes on as if nothing had been."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from brinell.defenses.log import TrainingLog
from brinell.defenses.step import Learner
from brinell.errors import InputError
from brinell.facts import whole

_KEY = "brinell.training"  # of the facts, as JSON, in the file's header


@dataclass(frozen=True, slots=True)
class Place:
    """Where a training stands: in which phase, the next epoch and step (from 0), and the sum of the epoch's losses.

    Nothing else is random: each order of rows and each draw is a function of the seed and of this place."""

    phase: str = "student"
    epoch: int = 0
    step: int = 0
    total: float = 0.0


@dataclass(slots=True)
class Checkpoint:
    """Everything that a training needs to go on. tensors: weights, those averaged, the best, the teacher's, and the
    optimiser's state, by ``part.name``."""

    place: Place
    log: TrainingLog
    averaged: int = 0  # steps that the averaged weights have taken in
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def part(self, name: str) -> dict[str, Tensor]:
        """The tensors whose names begin with ``name.``, without that."""
        start = f"{name}."
        return {key.removeprefix(start): value for key, value in self.tensors.items() if key.startswith(start)}

    def put(self, name: str, tensors: dict[str, Any]) -> None:
        """Take in a part."""
        self.tensors |= {f"{name}.{key}": value for key, value in tensors.items() if isinstance(value, Tensor)}

    def write(self, path: Path) -> None:
        """Write the file; a kill at any moment leaves the one before, or this one."""
        facts = {"place": asdict(self.place), "log": self.log.model_dump(mode="json"), "averaged": self.averaged}
        tensors = {key: value.detach().cpu().contiguous().clone() for key, value in self.tensors.items()}
        with whole(path) as partial:
            save_file(tensors, partial, metadata={_KEY: json.dumps(facts)})


def read(path: Path) -> Checkpoint:
    """The checkpoint in a file. Raises InputError where it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()[_KEY])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dict
        log = TrainingLog.model_validate(facts["log"])
        return Checkpoint(Place(**facts["place"]), log, facts["averaged"], tensors)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as problem:
        raise InputError(f"{path} is damaged: {problem}. Remove its folder and train anew.") from problem


def pack(learner: Learner, checkpoint: Checkpoint) -> None:
    """Put a learner's state into a checkpoint."""
    checkpoint.put("model", learner.model.state_dict())
    for number, state in learner.optimizer.state_dict()["state"].items():
        checkpoint.put(f"optimizer.{number}", state)
    if learner.average:
        checkpoint.put("average", learner.average.model.state_dict())
        checkpoint.averaged = learner.average.steps


def unpack(learner: Learner, checkpoint: Checkpoint) -> None:
    """Bring a learner into the state that it had."""
    _load(learner.model, checkpoint.part("model"))
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in checkpoint.part("optimizer").items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    fresh = learner.optimizer.state_dict()
    learner.optimizer.load_state_dict({"state": state, "param_groups": fresh["param_groups"]})
    if learner.average:
        _load(learner.average.model, checkpoint.part("average"))
        learner.average.steps = checkpoint.averaged


def _load(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    kept = {key: value for key, value in model.state_dict().items() if not isinstance(value, Tensor)}
    model.load_state_dict(kept | tensors)
