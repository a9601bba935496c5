"""IntervalBounds: a proof by the ends between which every value of the network must lie."""

from dataclasses import dataclass

import torch

from brinell.case import Case
from brinell.certificates.base import Method, Proof
from brinell.certificates.interval import Arithmetic
from brinell.certificates.margins import margins
from brinell.errors import InputError
from brinell.judge import logits_of, predictions


@dataclass(frozen=True, slots=True)
class IntervalBounds(Method):
    """Prove by interval bound propagation (IBP) that no logit can pass that of the true label.

    Certain, quick, and loose: on a network that was not trained for it (see ``IBP``) it proves next to nothing, which
    says nothing against the network. Under Linf, L2 and L1, the first layer of the last two by the dual norm.

    The ends are computed in float64 and moved outward at every layer by the most that rounding can do to sums of that
    length in the network's own precision, whatever their order: so they also hold for what the network computes, not
    only for what it means. They do not hold where a device computes in less than that (TF32, bfloat16 under autocast)
    or convolves by transforms (Winograd, FFT).

    strength: the least margin of the true label's logit over any other, at worst.
    Source: Gowal et al. 2018, arXiv:1810.12715."""

    strength = "margin"
    certifies = "model"
    source = "arXiv:1810.12715"

    def prove(self, case: Case) -> Proof:
        """The least margins and whether they are above 0. Raises UnsupportedLayerError, InputError."""
        if case.model.precision not in ("float32", "float64"):
            raise InputError(
                f"the network works in {case.model.precision}, whose rounding leaves nothing to prove; certify a copy "
                "in float32 (net.float())."
            )
        how = Arithmetic(unit=torch.finfo(case.model.anchor.dtype).eps / 2)
        parts = []
        with torch.no_grad():
            for x, y in zip(torch.split(case.x, case.batch), torch.split(case.y, case.batch), strict=True):
                below = margins(case.model, x.double(), y, case.threat, bounds=case.model.bounds, how=how)
                parts.append(below.scatter(1, y[:, None], float("inf")).amin(1))
        least = torch.cat(parts)
        prediction = predictions(logits_of(case.model, case.x, case.batch), case.y)
        return Proof(least > 0, prediction, least)
