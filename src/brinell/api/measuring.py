"""The verbs that measure: attack, audit, verify, certify, diagnose, and what varies an audit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from brinell.api.reading import read_for
from brinell.attacks import Attack, Found
from brinell.attacks.base import POOL
from brinell.case import Case, check_logits, check_parts, make_case
from brinell.certificates import IntervalBounds, Method
from brinell.errors import InputError, InputTypeError, ModelFailedError
from brinell.evaluation import (
    Audit,
    Cascade,
    Certificate,
    Diagnosis,
    Options,
    Origin,
    RobustnessCurve,
    RunFolder,
    Scratch,
    Spread,
    Verification,
    Walk,
    certify_rows,
    choose,
    examine,
    read_budget,
    read_given,
    right_rows,
    run_audit,
    run_curve,
    spread_of,
    through,
    verify_run,
    within,
    without_cascade,
)
from brinell.goals import Away, Goal
from brinell.judge import judge, logits_of
from brinell.models import Classifier, evaluating
from brinell.progress import Progress, silent
from brinell.statistics import Rate
from brinell.threats import Threat


@dataclass(frozen=True, slots=True, eq=False)
class AttackResult:
    """What one attack did, judged.

    x_adv: (N, ...) like ``x``; a row that was wrong without an attack is left as it is, unless the goal is a label.
    success: (N,) bool, the judge's word: goal reached, in the threat set, in bounds. distance: (N,), unit of eps.
    gradients, forwards: (N,) int64, passes spent on each row."""

    x_adv: Tensor
    success: Tensor
    distance: Tensor
    prediction: Tensor
    clean_accuracy: Rate
    robust_accuracy: Rate
    gradients: Tensor
    forwards: Tensor


def attack(
    attack: Attack, model: Classifier, x: Any, y: Any, threat: Threat, *, goal: Goal | None = None, seed: int = 0,
    ids: Any = None, batch_size: int | None = None, progress: Progress = silent,
) -> AttackResult:  # fmt: skip
    """Run one attack on rows in memory and judge it.

    x: (N, ...) numbers within the model's bounds; y: (N,) integers, the true labels; tensors or numpy arrays.
    goal: ``Away()`` (default) or ``Toward(labels)``. ids: integers that name the rows in random draws.
    Robust accuracy counts rows that are right and that the attack leaves so: an upper bound. For data that do not fit
    into memory, data sets and groups, see ``audit``. Raises InputError, InputTypeError."""
    if not isinstance(attack, Attack):
        raise InputTypeError(f"the attack is {attack!r}; pass an attack such as PGD(steps=40).")
    check_parts(model, threat, goal, seed)
    with evaluating(model, seed):
        case = make_case(model, x, y, threat, goal=goal, seed=seed, ids=ids, batch=batch_size)
        logits = logits_of(case.model, case.x, case.batch)
        check_logits(logits, case.y, case.model)
        wrong = Away().reached(logits, case.y)
        found = _attack_rows(attack, case, (~(wrong & case.goal.reached(logits, case.y))).nonzero().flatten(), progress)
        verdict = judge(case, found.x_adv)
    n = len(case)
    return AttackResult(
        found.x_adv, verdict.success, verdict.distance, verdict.prediction, Rate(n - int(wrong.sum()), n),
        Rate(int((~wrong & ~verdict.success).sum()), n), found.gradients, found.forwards,
    )  # fmt: skip


def _attack_rows(attack: Attack, case: Case, rows: Tensor, progress: Progress) -> Found:
    """Attack the chosen rows pool by pool; the others keep their input."""
    found = Found.nothing(case)
    for start in range(0, len(rows), POOL * case.batch):
        part = rows[start : start + POOL * case.batch]
        found.improve(part, attack.run(case.take(part)))
        progress("attacking", int(part[-1]) + 1, len(case))
    return found


def audit(
    model: Classifier, data: Any, threat: Threat, *, groups: Mapping[str, Any] | None = None,
    effort: str = "standard", cascade: str | Sequence[Any] | None = None, goal: Goal | None = None, seed: int = 0,
    alone: bool = False, batch_size: int | None = None, out: str | Path | None = None, resume: bool = False,
    examples: Literal["all", "none"] = "all", examples_from: Any = None, diagnose: bool = True,
    origin: str | Origin | None = None, budget: str | float | None = None, certificate: Method | None = None,
    progress: Progress = silent,
) -> Audit:  # fmt: skip
    """Measure how robust ``model`` is, and for whom it breaks first: the main job.

    data: ``(x, y)``, a DataLoader, a torch or Hugging Face data set, a name such as "mnist", or the path of an .npz or
        IDX file, a table or a folder of images (see ``read_table`` and ``read_images``).
    groups: attributes of the rows, each (N,); "class" is always there.
    effort: "quick", "standard" or "thorough"; cascade: attacks of your own instead, also ``f(model, x, y) -> x_adv``.
    budget: in place of an effort: a time for all attacks, such as "30s" or "5m", or gradients a row on average, such as
        100 (a forward pass counts as a third). What a time buys depends on the machine. Our attacks end where it is
        spent, between two passes; a function of your own only does not begin any more. It excludes ``alone``.
    alone: also run each attack on the rows that an earlier one broke, to tell what it leaves standing on its own; the
        cascade's result is the same either way.
    out: the run folder; without it the files live as long as the audit. resume: go on with an unfinished run there.
    examples: "none" keeps the adversarial inputs off the disk. diagnose: also tell whether the model hides its
        gradients (see ``diagnose``). origin: where the model comes from, for the record.
    examples_from: somebody else's examples, row for row with the data: an .npz file with ``x_adv``, or an array. They
        are judged before the attacks, or, with ``cascade=()``, instead of them.
    certificate: ``IntervalBounds()``: also prove which rows stand, a lower bound beside the attacks' upper bound. All
        rows are attacked all the same, and one that falls in spite of its proof raises CertificateBrokenError.
    progress: called as ``progress(label, done, total)``.
    A model behind sanitisers or a detector (see ``sanitised``) is attacked through them; before that, examples made for
    the bare model are tried (``audit.static_accuracy``), and a row that falls to either is broken.
    Where memory runs out, the batch halves itself and the record says so. Where the model raises, ModelFailedError
    names the rows, and what is done is kept. Memory does not grow with the number of rows.
    Raises InputError, InputTypeError, OutputExistsError."""
    if examples not in ("all", "none"):
        raise InputError(f'examples is {examples!r}; choose "all" or "none".')
    if resume and out is None:
        raise InputError("resume needs the run folder: pass out=...")
    if budget is not None and alone:
        raise InputError("budget and alone exclude each other: what an attack does alone would depend on the others.")
    check_parts(model, threat, goal, seed)
    alien = examples_from is not None
    purse = None if budget is None else read_budget(budget)
    if alien and cascade is not None and not len(cascade):
        chosen: Cascade = ()
    else:
        chosen = within(purse, threat) if purse and cascade is None else choose(cascade, effort, threat)
    source = read_for(model, data, groups, progress)
    chosen = through(model, chosen)
    if alien:
        chosen = (read_given(examples_from, source, model.bounds), *chosen)
    keep = Scratch() if out is None else None
    path = keep.path / "audit" if keep else Path(out or "")
    named = cascade if isinstance(cascade, str) else "own" if cascade is not None else "budget" if purse else effort
    options = Options(named, alone, seed, batch_size, examples, origin, progress, diagnose, purse, certificate)
    try:
        record = run_audit(model, source, threat, goal, chosen, RunFolder(path), options, resume)
    except ModelFailedError:
        if keep:
            keep.spare()  # the error says that what is done lies there
        raise
    return Audit(record, path, keep)


def verify(
    folder: str | Path, model: Classifier, data: Any, *, groups: Mapping[str, Any] | None = None,
    goal: Goal | None = None, progress: Progress = silent,
) -> Verification:  # fmt: skip
    """Check a run folder against the model and the data that it speaks of.

    Compares the sha256 of weights, data and files with the record, judges every saved example again, makes the table
    anew from that and every number of the record from the table; if all that agrees, the diagnosis from its checks.
    data, groups: as they were given to ``audit``. goal: needed where each row had a wanted label of its own.
    Returns findings: what differs, named; none if all is fine. A seal is no signature: it shows edits, not who made
    them. Raises InputMissingError where there is no finished run, InputError, InputTypeError."""
    return verify_run(Path(folder), model, read_for(model, data, groups, progress), goal, progress)


def robustness_curve(
    model: Classifier, data: Any, threat: Threat, *, shares: Sequence[float] = (0.25, 0.5, 0.75, 1.0),
    effort: str = "standard", cascade: str | Sequence[Any] | None = None, goal: Goal | None = None, seed: int = 0,
    batch_size: int | None = None, progress: Progress = silent,
) -> RobustnessCurve:  # fmt: skip
    """Robust accuracy over eps, at ``shares`` of the threat set's.

    From the smallest set to the largest, each on the rows that still stand: a row that is broken at one eps counts as
    broken at every larger one, since its example lies in those sets too. The rest is as for ``audit``.
    Raises InputError, InputTypeError."""
    check_parts(model, threat, goal, seed)
    walk = Walk(shares, through(model, choose(cascade, effort, threat)), seed, batch_size, progress)
    return run_curve(model, read_for(model, data, None, progress), threat, goal, walk)


def spread(model: Classifier, data: Any, threat: Threat, *, seeds: int | Sequence[int] = 3, **options: Any) -> Spread:
    """Robust accuracy under several seeds: its mean and range, and the rows that stand under all of them.

    seeds: how many (0, 1, ...), or which. options: those of ``audit`` but ``out``, ``resume`` and ``seed``.
    Raises InputError, InputTypeError."""
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if len(set(chosen)) < 2:
        raise InputError(f"seeds are {seeds}; a spread needs at least two different ones.")
    defaults: dict[str, Any] = {"examples": "none", "diagnose": False}
    options = defaults | options
    return spread_of(chosen, (audit(model, data, threat, seed=seed, **options) for seed in chosen))


def diagnose(
    model: Classifier, data: Any, threat: Threat, *, seed: int = 0, batch_size: int | None = None,
    progress: Progress = silent,
) -> Diagnosis:  # fmt: skip
    """Tell whether ``model`` lets itself be attacked by gradients, or hides them: a verdict, with causes and remedies.

    data: as for ``audit``; at most 128 rows that the model gets right are looked at, chosen by the seed.
    Returns a Diagnosis: ``.verdict`` is "sound", "doubtful" or "unsound"; ``.concerns`` are the findings behind it.
    Sound means that no check found anything, and no more; the diagnosis of an ``audit`` also counts what queries broke
    after the gradients of its cascade, which this one cannot see and says so. Raises InputError, InputTypeError.
    Source: Carlini et al. 2019, arXiv:1902.06705; Tramer et al. 2020, arXiv:2002.08347; Pintor et al. 2022,
    arXiv:2106.09947."""
    check_parts(model, threat, None, seed)
    source = read_for(model, data, None, progress)
    with evaluating(model, seed):
        found = examine(right_rows(model, source, threat, seed, batch_size), len(source), progress)
    return without_cascade(found)


def certify(
    model: Classifier, data: Any, threat: Threat, *, method: Method | None = None,
    groups: Mapping[str, Any] | None = None, seed: int = 0, batch_size: int | None = None,
    origin: Origin | None = None, progress: Progress = silent,
) -> Certificate:  # fmt: skip
    """Prove, row by row, that nothing in the threat set changes the prediction: a lower bound of robust accuracy.

    data, groups: as for ``audit``. method: ``IntervalBounds()`` (default; the model as it is, under Linf, L2 or L1), or
        ``Smoothing(sigma=0.25)`` (the smoothed model, under L2). origin: where the model comes from, for the record.
    A row that is not certified need not be broken: the proof did not succeed. See ``audit(certificate=...)`` for both
    bounds side by side. Raises InputError, InputTypeError, and UnsupportedLayerError, which names a layer."""
    method = IntervalBounds() if method is None else method
    return certify_rows(
        model, read_for(model, data, groups, progress), threat, method, seed, batch_size, origin, progress
    )
