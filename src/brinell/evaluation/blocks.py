"""One block of rows through the cascade and the judge: the part of an audit that a resume can skip."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from brinell.attacks import Attack
from brinell.attacks.base import FORWARD, Found
from brinell.case import Case, check_logits
from brinell.evaluation.eightbits import are_pictures, toward
from brinell.goals import Away
from brinell.judge import confidences, judge, logits_of, predictions
from brinell.models.state import same_random_state
from brinell.objectives import margin

NOT_BROKEN, WRONG_CLEAN = -2, -1  # in ``broken_by``; else the position of the attack


@dataclass(slots=True)
class Block:
    """What became of each row, (N,) each: filled in stage by stage."""

    x_adv: Tensor
    clean_prediction: Tensor
    clean_confidence: Tensor  # the probability that the model gives its prediction
    broken_by: Tensor
    gradients: Tensor  # (N, S) by stage
    forwards: Tensor  # (N, S)
    alone: Tensor  # (N, S) bool: broken by this attack, where it was tried
    refused: Tensor  # (N, S) bool: its candidate is not finite, out of the bounds or outside the threat set
    adversarial_prediction: Tensor
    adversarial_confidence: Tensor
    distance: Tensor
    unstable: Tensor
    height: Tensor  # how near the best attempt so far is to the goal: its margin, below 0 until the goal is reached
    certified: Tensor | None = None  # bool: proved to stand; None where that was not asked for
    eight_bits: Tensor | None = None  # bool: broken also where values are rounded to 8 bits; None for no pictures
    redrawn: Tensor | None = None  # bool: broken also with other random draws; None where the model draws nothing

    @property
    def spent(self) -> float:
        """What all attacks cost so far, in gradients."""
        return float(self.gradients.sum() + FORWARD * self.forwards.sum())

    @property
    def standing(self) -> Tensor:
        """Rows that are right without an attack and that nothing broke, (N,) bool."""
        return self.broken_by == NOT_BROKEN


def clean_block(case: Case, stages: int) -> Block:
    """The block before any attack. Raises InputError on clean logits that cannot be worked with."""
    logits = logits_of(case.model, case.x, case.batch)
    check_logits(logits, case.y, case.model)
    wrong = Away().reached(logits, case.y)
    costs = torch.zeros(len(case), stages, dtype=torch.int64, device=case.x.device)
    prediction = predictions(logits, case.y)
    confidence = confidences(logits, prediction)
    return Block(
        x_adv=case.x.clone(), clean_prediction=prediction, clean_confidence=confidence,
        broken_by=torch.where(wrong, WRONG_CLEAN, NOT_BROKEN),
        gradients=costs, forwards=costs.clone(), alone=costs.bool(), refused=costs.bool(),
        adversarial_prediction=prediction.clone(), adversarial_confidence=confidence.clone(),
        distance=torch.zeros_like(case.x[:, 0].reshape(len(case), -1)[:, 0]), unstable=wrong & False,
        height=case.goal.gain(margin, logits, case.y),
    )  # fmt: skip


def run_stage(case: Case, block: Block, stage: int, attack: Attack, alone: bool) -> None:
    """Let one attack loose on the rows that stand, and judge what it brings; ``alone``: also on all that were right.

    Each row's best attempt so far is known to the attack. A row's outcome in the cascade is the same with ``alone`` or
    without: draws depend on row and stage only, and an attack that goes on from earlier ones is run twice."""
    apart = alone and attack.carries
    right = block.broken_by != WRONG_CLEAN
    rows = (right if alone and not apart else block.standing).nonzero().flatten()
    if len(rows) and not case.enough(len(rows)):
        _take_over(case, block, stage, rows, attack.run(case.take(rows).at(stage=stage).after(block.x_adv[rows])))
    if apart:
        rows = right.nonzero().flatten()
        part = case.take(rows)
        block.alone[rows, stage] = judge(part, attack.run(part.at(stage=stage)).x_adv).success


def _take_over(case: Case, block: Block, stage: int, rows: Tensor, found: Found) -> None:
    """Write down what was found for ``rows``: who the judge says is broken, and the best attempt of each other row.

    A point that is not finite, not in bounds or not in the threat set is no attempt; its row goes on standing."""
    verdict = judge(case.take(rows), found.x_adv)
    block.gradients[rows, stage] = found.gradients
    block.forwards[rows, stage] = found.forwards
    block.alone[rows, stage] = verdict.success
    block.refused[rows, stage] = found.nominated & ~verdict.valid
    standing = block.standing[rows]
    better = standing & verdict.valid & (verdict.success | (verdict.height > block.height[rows]))
    block.x_adv[rows[better]] = found.x_adv[better]
    block.height[rows[better]] = verdict.height[better]
    block.broken_by[rows[standing & verdict.success]] = stage


def confirm_again(case: Case, block: Block, read_back: Callable[[], Tensor]) -> None:
    """Judge every row a second time in another layout (reversed order, smaller batches), as read back from disk.

    Rows on which the two disagree are unstable: rounding alone decides them. Broken pictures are also judged rounded to
    8 bits, and broken rows with other draws where sanitisers draw. What the model itself draws meanwhile is a function
    of the seed, so that a verification sees the same."""
    with same_random_state(case.draws.seed):
        _look_again(case, block, read_back)
        if are_pictures(tuple(case.x.shape[1:]), case.bounds):
            block.eight_bits = _still_broken(case, block, lambda x_adv, part: toward(x_adv, part.x, case.bounds))
        if (other := case.model.afresh()) is not None:
            block.redrawn = _still_broken(replace(case, model=other), block, lambda x_adv, _: x_adv)


def _look_again(case: Case, block: Block, read_back: Callable[[], Tensor]) -> None:
    order = torch.arange(len(case) - 1, -1, -1, device=case.x.device)
    second = case.take(order)
    verdict = judge(replace(second, batch=max(1, case.batch * 3 // 4)), read_back().to(case.x)[order])
    back = order  # a reversal undoes itself
    block.adversarial_prediction = verdict.prediction[back]
    block.adversarial_confidence = verdict.confidence[back]
    block.distance = verdict.distance[back]
    block.unstable = verdict.success[back] != (block.broken_by >= 0)
    block.unstable &= block.broken_by != WRONG_CLEAN


def _still_broken(case: Case, block: Block, changed: Callable[[Tensor, Case], Tensor]) -> Tensor:
    """The judge's word on the broken rows, their examples changed, (N,) bool."""
    rows = (block.broken_by >= 0).nonzero().flatten()
    still = torch.zeros_like(block.unstable)
    if len(rows):
        broken = case.take(rows)
        still[rows] = judge(broken, changed(block.x_adv[rows], broken)).success
    return still
