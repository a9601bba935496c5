"""How a data set is certified: survey, proofs block by block, and the record at the end."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from brinell.attacks.base import POOL
from brinell.case import Case, batch_for, check_parts, make_case
from brinell.certificates import Method, Proof
from brinell.certificates.base import ABSTAINED
from brinell.data import Source
from brinell.errors import CertificateBrokenError, InputError, InputTypeError
from brinell.evaluation.blocks import Block
from brinell.evaluation.certificate import Certificate, CertificateRecord
from brinell.evaluation.harvest import group_column
from brinell.evaluation.record import Count, DataFacts, MethodFacts, Origin
from brinell.evaluation.survey import Survey, blocks, survey
from brinell.evaluation.versions import model_facts, versions_of
from brinell.models.classifier import Classifier
from brinell.models.state import evaluating
from brinell.progress import Progress
from brinell.threats import Threat


def certify_rows(
    model: Classifier, source: Source, threat: Threat, method: Method, seed: int, batch: int | None,
    origin: Origin | None, progress: Progress,
) -> Certificate:  # fmt: skip
    """Prove what can be proved of every row. Raises InputError on what cannot be worked with."""
    check_parts(model, threat, None, seed)
    check_method(method)
    with evaluating(model, seed):
        x, y = source.block(slice(0, 1))
        first = make_case(model, x, y, threat, goal=None, seed=seed, batch=batch)
        batch = batch or batch_for(first.x)
        classes = model(first.x).shape[1]
        groups = {name: np.asarray(values) for name, values in source.groups.items()}
        found = survey(source, model, POOL * batch, groups, progress, threat)
        groups = {"class": found.y.numpy()} | groups
        parts = []
        for rows in blocks(len(source), POOL * batch):
            x, y = source.block(rows)
            ids = torch.arange(rows.start, rows.stop)
            case = make_case(model, x, y, threat, goal=None, seed=seed, ids=ids, batch=batch)
            parts.append(_as_table(method, rows, groups, found, method.prove(case)))
            progress("certifying", rows.stop, len(source))
        table = pa.concat_tables(parts)
        facts = model_facts(model, classes, origin)
    record = CertificateRecord(
        model=facts, threat=str(threat), eps=threat.eps, method=describe_method(method), seed=seed, batch=batch,
        data=DataFacts(
            name=source.name, sha256=found.sha256, n=len(source), shape=found.shape, groups=tuple(groups)
        ),
        versions=versions_of(model.anchor.device), origin=origin,
        clean=Count(hits=_count(table["prediction"].to_numpy() == table["label"].to_numpy()), n=len(source)),
        certified=Count(hits=_count(table["certified"].to_numpy()), n=len(source)),
        abstained=_count(table["prediction"].to_numpy() == ABSTAINED),
    )  # fmt: skip
    return Certificate(record.sealed(), table)


def check_for_audit(method: Any) -> None:
    """Raise InputError where a certificate of this kind does not speak of the model that an audit attacks."""
    check_method(method)
    if method.certifies != "model":
        raise InputError(
            f"{type(method).__name__} certifies the smoothed model, not the one that is attacked here; pass "
            "IntervalBounds(), or call certify for it."
        )


def certify_block(method: Method, case: Case, block: Block) -> None:
    """Write down which rows are proved to stand."""
    block.certified = method.prove(case).certified


def check_unbroken(case: Case, block: Block, labels: Sequence[str]) -> None:
    """Raise CertificateBrokenError where a row that is proved to stand does not."""
    if block.certified is None:
        return
    fallen = (block.certified & ~block.standing).nonzero().flatten()
    if len(fallen):
        row = int(fallen[0])
        by = int(block.broken_by[row])
        what = f"{labels[by]} broke it" if by >= 0 else "the model gets it wrong without an attack"
        raise CertificateBrokenError(
            f"row {int(case.draws.ids[row])} is certified under {case.threat}, and yet {what} ({len(fallen)} such rows "
            "in this block). Either the certificate is wrong, or the model does not compute what its layers say: "
            "TF32, autocast, or a forward pass that is not a function of the row alone. Please report it."
        )


def check_method(method: Any) -> None:
    """Raise InputTypeError where ``method`` is no way to prove robustness."""
    if not isinstance(method, Method):
        raise InputTypeError(f"the method is {method!r}; pass IntervalBounds() or Smoothing(sigma=0.25).")


def describe_method(method: Method) -> MethodFacts:
    """The method with every parameter, for records."""
    parameters = {field.name: getattr(method, field.name) for field in fields(method)}  # type: ignore[arg-type]
    return MethodFacts(
        kind=type(method).__name__, certifies=method.certifies, strength=method.strength, parameters=parameters,
        source=method.source,
    )  # fmt: skip


def _as_table(
    method: Method, rows: slice, groups: dict[str, np.ndarray[Any, Any]], found: Survey, proof: Proof
) -> pa.Table:
    return pa.table({
        "id": np.arange(rows.start, rows.stop),
        "label": found.y[rows].numpy(),
        **{f"group_{name}": group_column(values[rows]) for name, values in groups.items()},
        "prediction": proof.prediction.cpu().numpy(),
        "certified": proof.certified.cpu().numpy(),
        method.strength: proof.strength.cpu().double().numpy(),
    })  # fmt: skip


def _count(yes: np.ndarray[Any, Any]) -> int:
    return int(yes.sum())
