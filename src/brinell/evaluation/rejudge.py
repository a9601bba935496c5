"""The table of examples against the judge, and against itself. What differs is said in words, one sentence a column."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from brinell.case import make_case
from brinell.certificates import METHODS
from brinell.data import Source
from brinell.errors import InputError
from brinell.evaluation.blocks import NOT_BROKEN, WRONG_CLEAN, clean_block, confirm_again
from brinell.evaluation.certifying import certify_block
from brinell.evaluation.harvest import as_table
from brinell.evaluation.record import AuditRecord
from brinell.evaluation.survey import blocks
from brinell.goals import Goal
from brinell.models.classifier import Classifier
from brinell.models.state import same_random_state
from brinell.progress import Progress
from brinell.threats import threat

_Numbers = np.ndarray[Any, Any]
_JUDGED = ("adversarial_prediction", "adversarial_confidence", "distance", "unstable", "eight_bits", "redrawn")
_TURN = 1e-3  # what rounding on another machine may do to a confidence: far below what a reader sees


def judge_again(
    record: AuditRecord, table: pa.Table, x_adv: Tensor | None, model: Classifier, source: Source, goal: Goal,
    progress: Progress,
) -> Iterator[str]:  # fmt: skip
    """Make the table anew from data, model and saved examples, block by block in the run's own layout, and compare.

    x_adv: (N, ...), or None where none were saved: then only what needs none. The model must be in eval mode."""
    facts = record.settings
    if x_adv is not None and tuple(x_adv.shape) != (facts.data.n, *facts.data.shape):
        raise InputError(f"the saved examples have shape {tuple(x_adv.shape)}, the data {facts.data.shape} a row.")
    differ: dict[str, list[tuple[int, Any, Any]]] = {}
    for rows in blocks(facts.data.n, facts.block):
        part = table.slice(rows.start, rows.stop - rows.start)
        with same_random_state(facts.seed * 1_000_003 + rows.start):
            again = _block_again(record, part, None if x_adv is None else x_adv[rows], model, source, goal, rows)
        for name in again.column_names:
            for row in _unlike(part[name], again[name], _TURN if name.endswith("confidence") else 1e-12):
                where = (rows.start + int(row), part[name][int(row)].as_py(), again[name][int(row)].as_py())
                differ.setdefault(name, []).append(where)
        progress("judging again", rows.stop, facts.data.n)
    for name, found in differ.items():
        yield _words(name, found, table)


def _block_again(
    record: AuditRecord, part: pa.Table, x_adv: Tensor | None, model: Classifier, source: Source, goal: Goal,
    rows: slice,
) -> pa.Table:  # fmt: skip
    """The columns of one block that can be made anew: who is broken is taken from the table, and judged."""
    facts = record.settings
    x, y = source.block(rows)
    case = make_case(
        model, x, y, threat(facts.threat), goal=goal.take(rows), seed=facts.seed,
        ids=torch.arange(rows.start, rows.stop), batch=facts.batch,
    )  # fmt: skip
    block = clean_block(case, len(facts.cascade))
    if facts.certificate is not None:
        kinds = {kind.__name__: kind for kind in METHODS.values()}
        certify_block(kinds[facts.certificate.kind](**facts.certificate.parameters), case, block)
    places = {None: NOT_BROKEN} | {attack.label: place for place, attack in enumerate(facts.cascade)}
    said = [places.get(name, WRONG_CLEAN) for name in part["broken_by"].to_pylist()]
    block.broken_by = torch.tensor(said, device=case.x.device)
    if x_adv is not None:
        block.x_adv = x_adv.to(case.x)
        confirm_again(case, block, lambda: x_adv)
    groups = {"class": y.numpy()} | {name: np.asarray(values)[rows] for name, values in source.groups.items()}
    again = as_table(facts, groups, case, block)
    judged = [name for name in _JUDGED if name in again.column_names] if x_adv is not None else []
    known = ["id", "label", *(f"group_{name}" for name in groups), "clean_prediction", "clean_confidence"]
    known += ["certified"] if block.certified is not None else []
    return again.select([*known, *(name for name in judged if name in part.column_names)])


def _unlike(there: pa.ChunkedArray, here: pa.ChunkedArray, slack: float) -> _Numbers:
    """The rows on which two columns differ; distances may by rounding, confidences by ``slack``."""
    left, right = (np.array(column.to_pylist(), dtype=object) for column in (there, here))
    if pa.types.is_floating(here.type) and pa.types.is_floating(there.type):
        close = np.isclose(left.astype(float), right.astype(float), rtol=1e-5, atol=slack, equal_nan=True)
        return np.flatnonzero(~close)
    return np.flatnonzero(left != right)


def _words(name: str, found: list[tuple[int, Any, Any]], table: pa.Table) -> str:
    (row, there, here), count = found[0], len(found)
    if name == "unstable":  # the judge's second word against broken_by
        by = table["broken_by"][row].as_py()
        says = "broken" if (by is not None) != bool(here) else "standing"
        return (
            f"{_rows(count)} judged otherwise than the table says, first row {row}: there broken_by is {by} and "
            f"unstable is {there}, the judge finds it {says}."
        )
    return f"{name} of {_rows(count)} not what judging again gives, first row {row}: {there} there, {here} now."


def account(record: AuditRecord, table: pa.Table) -> Iterator[str]:
    """What in the table contradicts itself."""
    labels = [attack.label for attack in record.settings.cascade]
    # where each row fell: the attack's place, -1 without an attack, len(labels) for standing
    places = {"clean": -1, None: len(labels)} | {label: place for place, label in enumerate(labels)}
    fell = np.array([places.get(name, -2) for name in table["broken_by"].to_pylist()])
    wrong = _column(table, "clean_prediction") != _column(table, "label")
    yield from _sentence("broken_by names no attack of the cascade", fell == -2)
    yield from _sentence("broken_by and clean_prediction disagree", (fell == -1) != wrong)
    if "certified" in table.column_names:
        fallen = _column(table, "certified").astype(bool) & (fell != len(labels))
        yield from _sentence("certified and broken_by contradict each other", fallen)
    for unit in ("gradients", "forwards"):
        spent = np.stack([_column(table, f"{unit}: {label}") for label in labels], 1)
        yield from _sentence(f"{unit} is not the sum over the attacks", spent.sum(1) != _column(table, unit))
        yield from _sentence(f"{unit} are below 0", np.any(spent < 0, axis=1))
        if not record.settings.alone:
            late = spent * (np.arange(len(labels)) > fell[:, None])
            yield from _sentence(f"{unit} were spent after the row fell", np.any(late > 0, axis=1))
    for place, attack in enumerate(record.settings.cascade) if record.settings.alone else ():
        alone = _column(table, f"alone: {attack.label}").astype(bool)
        missed = (fell == place) & ~alone & (not attack.carries)  # alone, it starts elsewhere than in the cascade
        yield from _sentence(f"alone: {attack.label} and broken_by disagree", missed | wrong & alone)


def _column(table: pa.Table, name: str) -> _Numbers:
    values: _Numbers = table[name].to_numpy()
    return values


def _sentence(text: str, bad: Any) -> Iterator[str]:
    if bad.any():
        yield f"{text} in {int(bad.sum())} rows, first row {int(bad.argmax())}."


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"
