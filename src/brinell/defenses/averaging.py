"""Weights averaged over the steps of a training."""

import copy

import torch

from brinell.models.classifier import Classifier


class Average:
    """A copy of a model whose weights follow those of the model, as their exponential moving average.

    decay: share that stays at a step, within 0..1. The first steps count more, so that the average soon forgets where
    it began. Buffers with fractions (running statistics) are averaged too, others are copied."""

    def __init__(self, model: Classifier, decay: float) -> None:
        self.model = copy.deepcopy(model).eval()
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self, model: Classifier) -> None:
        """Take in the weights after a step."""
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        self.steps += 1
        for kept, new in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)
