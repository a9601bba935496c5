"""PGD-40 as each toolkit offers it, with the same numbers: steps of 0.01, eps 0.3, a random start, float32."""

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.metadata import version
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

import brinell as br
from subjects import EPS

STEPS, STEP, BATCH = 40, 0.01, 250
PGD40 = br.PGD(steps=STEPS, rel_step=STEP / EPS)
_THREAT = br.Linf(EPS)
Attack = Callable[[Tensor, Tensor, int], Tensor]  # rows (N, ...) in [0, 1], labels (N,) and a seed to candidates


class Peer(NamedTuple):
    """A toolkit, its version, and its PGD-40 for a model."""

    name: str
    version: str
    attack: Attack


def peers(model: br.Classifier) -> list[Peer]:
    """brinell as a function of a batch, as its judged verb, and the other toolkits."""
    return [
        Peer("brinell, the attack alone", version("brinell"), by_batch(_brinell(model))),
        Peer("brinell, judged", version("brinell"), _judged(model)),
        Peer("torchattacks", version("torchattacks"), by_batch(_torchattacks(model))),
        Peer("foolbox", version("foolbox"), by_batch(_foolbox(model))),
        Peer("adv-lib", version("adv-lib"), by_batch(_adv_lib(model))),
        Peer("ART", version("adversarial-robustness-toolbox"), _art(model)),
    ]  # fmt: skip


def by_batch(attack: Attack) -> Attack:
    """The attack on one batch of 250 rows after the other, as its users write it."""

    def attack_all(x: Tensor, y: Tensor, seed: int) -> Tensor:
        batches = zip(torch.split(x, BATCH), torch.split(y, BATCH), strict=True)
        return torch.cat([attack(*batch, seed * 1000 + number) for number, batch in enumerate(batches)])

    return attack_all


def _brinell(model: br.Classifier) -> Attack:
    def attack(x: Tensor, y: Tensor, seed: int) -> Tensor:
        return PGD40(model, x, y, _THREAT, seed=seed)

    return attack


def _judged(model: br.Classifier) -> Attack:
    def attack(x: Tensor, y: Tensor, seed: int) -> Tensor:
        return br.attack(PGD40, model, x, y, _THREAT, seed=seed, batch_size=BATCH).x_adv

    return attack


def _torchattacks(model: br.Classifier) -> Attack:
    import torchattacks

    pgd: Any = torchattacks.PGD(model, eps=EPS, alpha=STEP, steps=STEPS, random_start=True)

    def attack(x: Tensor, y: Tensor, seed: int) -> Tensor:
        torch.manual_seed(seed)
        return pgd(x, y)  # type: ignore[no-any-return]

    return attack


def _foolbox(model: br.Classifier) -> Attack:
    from foolbox.attacks import LinfPGD
    from foolbox.models.pytorch import PyTorchModel

    target = PyTorchModel(model, bounds=(0, 1))
    pgd = LinfPGD(abs_stepsize=STEP, steps=STEPS, random_start=True)

    def attack(x: Tensor, y: Tensor, seed: int) -> Tensor:
        torch.manual_seed(seed)
        _, clipped, _ = pgd(target, x, y, epsilons=EPS)
        return clipped

    return attack


def _adv_lib(model: br.Classifier) -> Attack:
    _stand_in("torchvision", "models")
    _stand_in("visdom")
    from adv_lib.attacks import pgd_linf

    def attack(x: Tensor, y: Tensor, seed: int) -> Tensor:
        torch.manual_seed(seed)
        return pgd_linf(model, x, y, ε=EPS, steps=STEPS, absolute_step_size=STEP)  # type: ignore[no-any-return]

    return attack


def _art(model: br.Classifier) -> Attack:
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    target = PyTorchClassifier(
        model, loss=torch.nn.CrossEntropyLoss(), input_shape=(1, 28, 28), nb_classes=10, clip_values=(0, 1),
        device_type="cpu",
    )  # fmt: skip
    pgd = ProjectedGradientDescentPyTorch(
        target, eps=EPS, eps_step=STEP, max_iter=STEPS, num_random_init=1, batch_size=BATCH, verbose=False
    )

    def attack(x: Tensor, y: Tensor, seed: int) -> Tensor:
        torch.manual_seed(seed)
        np.random.seed(seed)
        return torch.from_numpy(pgd.generate(x.numpy(), y.numpy()))

    return attack


def _stand_in(name: str, *names: str) -> None:
    """An empty module for a package that a peer imports for other attacks than PGD, where it is not installed."""
    if name in sys.modules or find_spec(name) is not None:
        return
    module = ModuleType(name, "Stands in for a package that is not needed here.")
    module.__spec__ = ModuleSpec(name, loader=None)
    for each in names:
        setattr(module, each, None)
    sys.modules[name] = module
