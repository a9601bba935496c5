"""fairlearn's MetricFrame of an audit."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from brinell.errors import InputError, needing

if TYPE_CHECKING:
    from fairlearn.metrics import MetricFrame

    from brinell.evaluation import Audit


def metric_frame(
    audit: "Audit", *names: str, metrics: Mapping[str, Callable[..., Any]] | None = None
) -> "MetricFrame":  # fmt: skip
    """fairlearn's ``MetricFrame`` over the groups ``names``: "class", or several for their intersections.

    It holds n, clean_accuracy and robust_accuracy, by group equal to ``audit.by_group(*names)``, and what fairlearn
    makes of them: ``.by_group``, ``.group_min()``, ``.difference()``. metrics: further ones by name, functions of the
    labels and the predictions under attack, such as ``fairlearn.metrics.selection_rate``. Their numbers carry no
    intervals: for claims see ``audit.worst_group`` and ``audit.gap``.
    Raises InputError on an unknown group, InputMissingError without fairlearn (brinell[fairlearn])."""
    more = dict(metrics or {})
    if taken := sorted(set(more) & set(_OWN)):
        raise InputError(f"the metric {taken[0]!r} is there already; give yours another name.")
    with needing("fairlearn"):
        import pandas as pd
        from fairlearn.metrics import MetricFrame
    audit.by_group(*names)  # refuses unknown names
    table = audit.table.to_pandas()
    features = table[[f"group_{name}" for name in names]].set_axis([*names], axis=1)
    from brinell.evaluation.groups import MISSING

    features = features.astype(object).where(pd.notna(features), MISSING)
    hits = {
        "clean_accuracy": table["clean_prediction"] == table["label"],
        "robust_accuracy": table["broken_by"].isna(),
    }
    return MetricFrame(
        metrics=_OWN | more, y_true=table["label"], y_pred=table["adversarial_prediction"], sensitive_features=features,
        sample_params={name: {"hits": values} for name, values in hits.items()},
    )  # fmt: skip


def _share(_: Any, __: Any, hits: Any) -> float:
    return float(hits.mean())


def _rows(labels: Any, _: Any) -> int:
    return len(labels)


_OWN: dict[str, Callable[..., Any]] = {"n": _rows, "clean_accuracy": _share, "robust_accuracy": _share}
