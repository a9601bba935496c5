"""Models that fail while they are attacked: memory that runs out, outputs that are not numbers, exceptions."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

import torch
from torch import Tensor

from brinell.case import Case
from brinell.errors import InputError, ModelFailedError
from brinell.models.classifier import Classifier
from brinell.rows import flat

T = TypeVar("T")
_TORCH_OOM: type[BaseException] = getattr(torch, "OutOfMemoryError", torch.cuda.OutOfMemoryError)  # from torch 2.5 on
_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory", "alloc_failed")
_KEPT = 64  # inputs of strange outputs in a block: enough to name their rows


def out_of_memory(problem: BaseException) -> bool:
    """Whether an exception says that memory ran out: of a GPU, or of an allocator on the CPU."""
    if isinstance(problem, _TORCH_OOM | MemoryError):
        return True
    return isinstance(problem, RuntimeError) and any(words in str(problem).lower() for words in _WORDS)


@dataclass
class Room:
    """How many rows fit into memory at once, as far as is known; ``notes`` says when that changed."""

    batch: int
    notes: list[str] = field(default_factory=list)

    def work(self, task: Callable[[int], T]) -> T:
        """Do ``task(batch)``; when memory runs out, do it again with half the batch. Raises InputError at one row.

        Random draws depend on rows, so nothing but rounding depends on the batch."""
        while True:
            try:
                return task(self.batch)
            except (RuntimeError, MemoryError) as problem:
                if not out_of_memory(problem):
                    raise
                self._halve(problem)
            gc.collect()  # out of the except clause: the exception holds on to the tensors of its frames
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def told(self) -> list[str]:
        """What has been noted since the last time."""
        notes, self.notes = self.notes, []
        return notes

    def _halve(self, problem: BaseException) -> None:
        if self.batch == 1:
            raise InputError(
                "memory ran out with a single row at a time; use a smaller model or smaller inputs, or a machine with "
                "more memory."
            ) from problem
        before, self.batch = self.batch, self.batch // 2
        self.notes.append(
            f"memory ran out with {before} rows at once; went on with {self.batch}. A batch size of {self.batch} "
            "spares the attempt."
        )


class Watch:
    """Looks at every pass of a model while the rows of ``case`` are attacked, and can name the rows it was about."""

    def __init__(self, model: Classifier, case: Case) -> None:
        self._model, self._case = model, case
        self._inside: Tensor | None = None  # the input of a pass under way
        self._strange: list[Tensor] = []
        self._somewhere: Tensor | None = None  # on a GPU: whether any output was strange; looking would mean waiting

    def __enter__(self) -> "Watch":
        self._hooks = (
            self._model.register_forward_pre_hook(self._before), self._model.register_forward_hook(self._after),
        )  # fmt: skip
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        for hook in self._hooks:
            hook.remove()
        ours = isinstance(problem, InputError) or problem is None or out_of_memory(problem)
        if self._inside is not None and isinstance(problem, Exception) and not ours:
            raise ModelFailedError(self._words(problem)) from problem

    def _before(self, _module: Any, inputs: tuple[Tensor, ...]) -> None:
        self._inside = inputs[0]

    def _after(self, _module: Any, inputs: tuple[Tensor, ...], logits: Tensor) -> None:
        self._inside = None
        logits = logits.detach()
        if logits.is_cuda:
            any_here = ~logits.isfinite().all()
            self._somewhere = any_here if self._somewhere is None else self._somewhere | any_here
        elif len(self._strange) < _KEPT and not bool(logits.sum().isfinite()):  # one number tells of nearly all passes
            self._strange.append(inputs[0].detach()[~logits.isfinite().all(1)][:_KEPT])

    @property
    def strange_rows(self) -> list[int]:
        """Ids of rows for which the model returned NaN or infinity; on a GPU all rows where it did for any."""
        if self._somewhere is not None and bool(self._somewhere):
            return [int(row) for row in self._case.draws.ids.tolist()]
        return sorted({row for inputs in self._strange for row in self._whose(inputs)})

    def _whose(self, inputs: Tensor) -> list[int]:
        """Ids of the rows whose clean input is nearest."""
        if flat(inputs).shape[1:] != flat(self._case.x).shape[1:]:
            return []
        points = flat(inputs.detach().to(self._case.x)).nan_to_num()
        nearest = torch.cdist(points, flat(self._case.x)).argmin(1)
        return [int(row) for row in self._case.draws.ids[nearest].tolist()]

    def _words(self, problem: Exception) -> str:
        inputs = self._inside
        assert inputs is not None
        guilty = self._guilty(inputs)
        rows = self._whose(inputs[guilty] if len(guilty) else inputs)
        return f"the model raised {type(problem).__name__}: {problem} It was given {name_rows(sorted(set(rows)))}."

    def _guilty(self, inputs: Tensor) -> Tensor:
        """Positions of the inputs that raise when they are alone."""
        raised = []
        with torch.no_grad():
            for position in range(len(inputs)):
                try:
                    self._model(inputs[position : position + 1].detach())
                except Exception:  # the same as before, or another: it fails
                    raised.append(position)
        return torch.tensor(raised, dtype=torch.long, device=inputs.device)


def name_rows(rows: list[int]) -> str:
    """``row 3``, ``rows 3, 5 and 8``, or ``rows 0 to 255`` and how many."""
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) > 8:
        return f"{len(rows)} rows between {rows[0]} and {rows[-1]}"
    return f"rows {', '.join(map(str, rows[:-1]))} and {rows[-1]}" if rows else "rows that cannot be told"


def strange_words(rows: list[int]) -> str:
    """The warning about rows for which the model returned NaN or infinity under attack."""
    return (
        f"the model returned NaN or infinity while {name_rows(rows)} {'was' if len(rows) == 1 else 'were'} attacked; "
        "such inputs count as no success. Look for a division by 0, a logarithm of 0 or an overflow in the network."
    )
