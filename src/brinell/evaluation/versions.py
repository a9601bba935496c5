"""What this process runs on, what model it looks at, and what is wanted of it, for the record."""

import hashlib
import platform
from importlib import metadata

import numpy as np
import torch

from brinell.evaluation.record import GuardFacts, ModelFacts, Origin, Versions
from brinell.goals import Goal
from brinell.models.classifier import Classifier
from brinell.models.weights import weights_sha256

MACHINE = ("platform", "threads")  # what decides rounding at most, so that a run may go on under another


def differences(there: Versions, here: Versions) -> str:
    """What differs, in words; empty where nothing does."""
    pairs = {name: (getattr(there, name), getattr(here, name)) for name in type(here).model_fields}
    return ", ".join(f"{name} {one} there, {other} here" for name, (one, other) in pairs.items() if one != other)


def versions_of(device: torch.device) -> Versions:
    """What this process runs on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return Versions(
        brinell=metadata.version("brinell"), torch=torch.__version__, numpy=np.__version__,
        python=platform.python_version(), platform=platform.platform(), device=name, threads=torch.get_num_threads(),
    )  # fmt: skip


def model_facts(model: Classifier, classes: int, origin: str | Origin | None) -> ModelFacts:
    """What the model is."""
    return ModelFacts(
        network=type(model.bare.net).__name__, sha256=weights_sha256(model), classes=classes, bounds=str(model.bounds),
        parameters=sum(p.numel() for p in model.parameters()), normalize=model.normalizes,
        origin=None if origin is None else str(origin),
        guards=tuple(GuardFacts(**guard._asdict()) for guard in model.guards), rejects=model.rejects,
    )  # fmt: skip


def goal_text(goal: Goal) -> str:
    """What a record says of a goal whose labels are tensors: of many labels, their sha256."""
    labels = getattr(goal, "labels", None)
    if labels is None:
        return "away"
    wanted = labels.unique().tolist()
    if len(wanted) == 1:
        return f"toward {wanted[0]}"
    return f"toward labels, sha256 {hashlib.sha256(labels.cpu().numpy().tobytes()).hexdigest()}"
