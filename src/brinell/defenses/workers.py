"""The processes that train together, on Hugging Face Accelerate: one or many, on CPUs or GPUs."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from brinell.models.classifier import Classifier


class Workers:
    """This process among those that a launcher such as ``torchrun`` or ``accelerate launch`` started; else alone.

    Models stay bare modules, and gradients are summed over the processes once a step: a recipe may make as many passes
    as it likes, and an attack makes its own without anybody noticing."""

    def __init__(self) -> None:
        from accelerate import Accelerator  # not before it is needed: it takes a third of a second

        self._accelerator = Accelerator()

    @property
    def count(self) -> int:
        """How many processes there are."""
        return int(self._accelerator.num_processes)

    @property
    def rank(self) -> int:
        """The number of this one, from 0."""
        return int(self._accelerator.process_index)

    @property
    def leads(self) -> bool:
        """Whether this one writes files and speaks."""
        return bool(self._accelerator.is_main_process)

    @property
    def precision(self) -> str:
        """What the launcher was told: "bfloat16" after ``accelerate launch --mixed_precision bf16``."""
        return "bfloat16" if self._accelerator.mixed_precision == "bf16" else "float32"

    def device(self, model: Classifier) -> torch.device:
        """Where to train: on the GPU of this process; on the model's device if it is no CPU and nobody else trains."""
        here, free = model.anchor.device, torch.device(self._accelerator.device)
        return free if self.count > 1 or (here.type == "cpu" and free.type == "cuda") else here

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Put the sum over all processes in place of each tensor. They are of one dtype and device."""
        if self.count == 1 or not tensors:
            return
        whole = self._accelerator.reduce(torch.cat([tensor.reshape(-1) for tensor in tensors]), "sum")
        for tensor, part in zip(tensors, whole.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(part.view_as(tensor))

    def agree(self, model: Classifier) -> None:
        """Give every process the weights of the first."""
        if self.count > 1:
            from accelerate.utils import broadcast

            with torch.no_grad():
                for tensor in model.state_dict().values():
                    tensor.copy_(broadcast(tensor.clone()))

    def wait(self) -> None:
        """Go on when all are here."""
        self._accelerator.wait_for_everyone()


def passes(device: torch.device, precision: str | None) -> AbstractContextManager[object]:
    """Where the passes of a model are computed in ``precision``.

    Weights are converted at every pass: a cache would miss that a recipe moves them between two."""
    if precision != "bfloat16":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)
