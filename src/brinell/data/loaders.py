"""A ``DataLoader`` read as its data set, row by row: never iterated, so nothing is drawn or shuffled."""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
)

from brinell.data.sources import Mapped
from brinell.errors import InputError, InputTypeError


def from_loader(loader: DataLoader[Any], *, grouped: bool) -> Mapped:
    """All rows of the loader's data set, in the data set's own order, batched by the loader's ``collate_fn``.

    grouped: whether groups are given beside it; they follow the data set, so the loader must not shuffle.
    Raises InputError, InputTypeError for a sampler that chooses rows, and for a data set without row numbers.
    """
    refuse_stream(loader.dataset)
    sampler = _sampler(loader)
    n = len(loader.dataset)  # type: ignore[arg-type]
    shuffled = type(sampler) is RandomSampler and not sampler.replacement
    if not (shuffled or type(sampler) is SequentialSampler) or len(sampler) != n:
        raise InputError(
            f"the DataLoader draws its rows by {type(sampler).__name__}, not each row of the data set once; "
            "pass a DataLoader over torch.utils.data.Subset(dataset, rows) without a sampler, or the tuple "
            "(x, y)."
        )
    if shuffled and grouped:
        raise InputError(
            "the DataLoader shuffles and groups are given beside it, so it cannot be told which value "
            "belongs to which row; pass DataLoader(..., shuffle=False) and groups in the order of its data "
            "set."
        )
    return Mapped(loader.dataset, _collate(loader), name="loader")


def refuse_stream(dataset: object) -> None:
    """Raise InputTypeError for an ``IterableDataset``: its rows cannot be read again."""
    if isinstance(dataset, IterableDataset):
        raise InputTypeError(
            f"{type(dataset).__name__} is an IterableDataset, whose rows have no numbers; an audit reads "
            "rows again: pass a map-style data set, the tuple (x, y) or an .npz file."
        )


def _sampler(loader: DataLoader[Any]) -> Any:
    batches = loader.batch_sampler
    if batches is None:
        return loader.sampler
    return batches.sampler if type(batches) is BatchSampler else batches


def _collate(loader: DataLoader[Any]) -> Callable[[list[Any]], Any]:
    if loader.batch_sampler is not None:
        return loader.collate_fn
    return lambda items: default_collate([_single(loader.collate_fn(item)) for item in items])


def _single(item: Any) -> Any:
    # Without a batch size every item goes to the model as it is, so it may be a row or a whole batch.
    if isinstance(item, tuple | list) and len(item) > 1 and isinstance(item[1], Tensor) and item[1].dim() > 0:
        raise InputError(
            "with DataLoader(batch_size=None) an item of the data set has labels of shape "
            f"{tuple(item[1].shape)}: a batch, not a row; pass a data set of single rows, or the tuple (x, "
            "y)."
        )
    return item
