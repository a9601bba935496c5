"""What this process runs on, and what model it looks at, for the record."""

import platform
from importlib import metadata

import numpy as np
import torch

from brinell.evaluation.record import GuardFacts, ModelFacts, Origin, Versions
from brinell.models.classifier import Classifier
from brinell.models.weights import weights_sha256


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
