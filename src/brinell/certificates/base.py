"""What every way to prove robustness is: a frozen value that turns rows into proofs."""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor

from brinell.case import Case

ABSTAINED = -1  # in place of a prediction


class Proof(NamedTuple):
    """What is proved of each row, (N,) each.

    certified: bool: the prediction is the true label, and no point of the threat set changes it. prediction: int64 of
    what is certified, -1 where it abstains. strength: how far from failing, in the unit that the method names."""

    certified: Tensor
    prediction: Tensor
    strength: Tensor


class Method(ABC):
    """A way to prove robustness. Subclasses are frozen dataclasses that hold parameters only.

    strength: what the strengths of its proofs are. certifies: what the proof speaks of: the model as it is ("model"),
    or what is made of it ("smoothed")."""

    __slots__ = ()
    strength: ClassVar[Literal["margin", "radius"]]
    certifies: ClassVar[Literal["model", "smoothed"]]
    source: ClassVar[str]

    @abstractmethod
    def prove(self, case: Case) -> Proof:
        """The proofs of the rows of a case; the model is in eval mode.

        Raises InputError where the threat set or the model is none that it can prove anything about."""
