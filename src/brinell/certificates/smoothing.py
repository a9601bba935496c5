"""Smoothing: a proof about the majority vote of a model under Gaussian noise."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from brinell.case import Case, is_count
from brinell.certificates.base import ABSTAINED, Method, Proof
from brinell.errors import InputError

_BLOCK = 100  # samples of a row that are drawn together: fixed, so that no batch size changes a draw
_VALUES = 1 << 21  # random numbers in memory at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoothing(Method):
    """Prove an L2 radius for the smoothed model: the class that wins most votes under Gaussian noise.

    sigma: the noise's standard deviation, in the input's unit. n0: samples that choose the class. n: samples that
    count its votes. alpha: how often, at most, a row's radius may be too large. It is the smoothed model that is
    certified, and whoever deploys it has to add the noise too; it is worth something where the model was trained with
    the same noise. It asks nothing of the network but its predictions.

    strength: the radius, ``sigma`` times the normal quantile of the exact (Clopper-Pearson) lower bound of the share
    of votes; 0 where that is not above one half and the smoothed model abstains. Noise leaves the bounds, as there.
    Source: Cohen et al. 2019, arXiv:1902.02918, CERTIFY in its section 3.2."""

    strength = "radius"
    certifies = "smoothed"
    source = "arXiv:1902.02918"
    sigma: float = 0.25
    n0: int = 100
    n: int = 10_000
    alpha: float = 0.001

    def __post_init__(self) -> None:
        if not 0 < self.sigma < float("inf"):
            raise InputError(f"sigma is {self.sigma}; it must be above 0, in the unit of the inputs.")
        if not (is_count(self.n0) and is_count(self.n)):
            raise InputError(f"n0 is {self.n0} and n {self.n}; both are numbers of samples, at least 1.")
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha is {self.alpha}; it is a probability of error: it must be within 0..1.")

    def prove(self, case: Case) -> Proof:
        """The class, its radius, and whether it is right with a radius of at least eps. Raises InputError."""
        if getattr(case.threat, "dual", None) != 2:
            raise InputError(f"smoothing with Gaussian noise proves L2 radii, not {case.threat}; pass L2(eps).")
        top, radius = [], []
        at_once = max(1, _VALUES // (_BLOCK * case.x[0].numel()))
        for start in range(0, len(case), at_once):
            part = case.take(slice(start, start + at_once))
            first = self._votes(part.at(restart=0), self.n0).argmax(1)
            votes = self._votes(part.at(restart=1), self.n).gather(1, first[:, None]).flatten()
            top.append(first)
            radius.append(self.radius_of(votes))
            case.tick(len(part))
        winner, reach = torch.cat(top), torch.cat(radius).to(case.x.device)
        prediction = torch.where(reach > 0, winner, ABSTAINED)
        return Proof((prediction == case.y) & (reach >= case.threat.eps), prediction, reach)

    def radius_of(self, votes: Tensor) -> Tensor:
        """The radius that so many of ``n`` votes prove, (N,) float64; 0 where they prove none."""
        from scipy.special import betaincinv

        votes = votes.cpu().double()
        share = torch.from_numpy(betaincinv(votes.numpy(), self.n - votes.numpy() + 1, self.alpha))
        share = torch.where(votes > 0, share, 0.0)
        radius: Tensor = (self.sigma * torch.special.ndtri(share)).clamp(min=0)
        return radius

    def _votes(self, case: Case, count: int) -> Tensor:
        """How many of ``count`` noisy copies of each row go to each class, (N, K)."""
        votes: Tensor | None = None
        with torch.no_grad():
            for noise in self._noise(case, count):
                copies = (case.x[:, None] + noise).flatten(0, 1)
                logits = torch.cat([case.model(part) for part in torch.split(copies, case.batch)])
                each = torch.zeros_like(logits).scatter_(1, logits.argmax(1, keepdim=True), 1.0)
                cast = each.reshape(len(case), -1, logits.shape[1]).sum(1).long()
                votes = cast if votes is None else votes + cast
        assert votes is not None
        return votes

    def _noise(self, case: Case, count: int) -> Iterator[Tensor]:
        """Blocks (N, B, ...) of noise, ``count`` samples of each row in all."""
        shape = tuple(case.x.shape[1:])
        for block, start in enumerate(range(0, count, _BLOCK)):
            normal = case.draws.normal((_BLOCK, *shape), draw=block, dtype=case.x.dtype)
            yield self.sigma * normal[:, : count - start]
