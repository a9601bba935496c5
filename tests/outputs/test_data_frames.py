"""Data frames and fairlearn's MetricFrame hold our own numbers."""

import sys
from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import selection_rate

import brinell
from brinell.errors import InputError, InputMissingError
from brinell.evaluation import Audit


def test_a_row_per_example(evil: Audit) -> None:
    frame = evil.to_pandas()
    assert list(frame.columns) == evil.table.column_names
    assert len(frame) == 150
    assert int(frame["broken_by"].isna().sum()) == evil.robust_accuracy.hits
    assert frame["eight_bits"].isna().sum() == 150 - (
        evil.table["eight_bits"].length() - evil.table["eight_bits"].null_count
    )


@pytest.mark.parametrize("names", [("class",), ("hand",), ("<b>evil</b>|`name`",), ("class", "hand")])
def test_a_row_per_group(evil: Audit, names: tuple[str, ...]) -> None:
    frame, rows = evil.to_pandas(*names), evil.by_group(*names)
    assert list(frame.columns[: len(names)]) == list(names)
    for (_, line), row in zip(frame.iterrows(), rows, strict=True):
        assert tuple(line[name] for name in names) == (row.group if isinstance(row.group, tuple) else (row.group,))
        assert (line["n"], line["small"]) == (row.n, row.small)
        for rate in ("clean_accuracy", "robust_accuracy"):
            ours = getattr(row, rate)
            assert (line[rate], line[f"{rate}_low"], line[f"{rate}_high"]) == (ours.value, ours.low, ours.high)


@pytest.mark.parametrize("names", [("class",), ("hand",), ("<b>evil</b>|`name`",)])
def test_fairlearn_has_our_numbers(evil: Audit, names: tuple[str, ...]) -> None:
    frame = brinell.metric_frame(evil, *names)
    by_group = frame.by_group
    rows = evil.by_group(*names)
    assert len(by_group) == len(rows)
    for row in rows:
        line = by_group.loc[row.group]
        assert (line["n"], line["clean_accuracy"], line["robust_accuracy"]) == (
            row.n, row.clean_accuracy.value, row.robust_accuracy.value
        )  # fmt: skip
    assert frame.overall["robust_accuracy"] == evil.robust_accuracy.value
    speaking = [row.robust_accuracy.value for row in rows]
    assert frame.difference()["robust_accuracy"] == pytest.approx(max(speaking) - min(speaking))


def test_intersections_and_further_metrics(evil: Audit) -> None:
    frame = brinell.metric_frame(
        evil, "class", "hand", metrics={"chosen": lambda y, p: selection_rate(y, p, pos_label=2)}
    )
    for row in evil.by_group("class", "hand"):
        assert frame.by_group.loc[row.group]["robust_accuracy"] == row.robust_accuracy.value
    under_attack = evil.table["adversarial_prediction"].to_numpy()
    assert frame.overall["chosen"] == np.mean(under_attack == 2)


def test_wrong_use_is_told(evil: Audit) -> None:
    with pytest.raises(InputError, match="there is no group 'sex'"):
        brinell.metric_frame(evil, "sex")
    with pytest.raises(InputError, match="name at least one"):
        brinell.metric_frame(evil)
    with pytest.raises(InputError, match="'n' is there already; give yours another name"):
        brinell.metric_frame(evil, "hand", metrics={"n": len})


@pytest.mark.parametrize(
    ("package", "call", "extra"),
    [
        ("pandas", lambda audit: audit.to_pandas(), "pandas"),
        ("fairlearn", lambda audit: brinell.metric_frame(audit, "hand"), "fairlearn"),
        ("mlflow", lambda audit: brinell.log_mlflow(audit), "mlflow"),
    ],
)
def test_a_missing_package_names_its_extra(
    evil: Audit, monkeypatch: pytest.MonkeyPatch, package: str, call: Any, extra: str
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(package), *sys.meta_path])
    with pytest.raises(InputMissingError, match=rf'package {package}, .*pip install "brinell\[{extra}\]"'):
        call(evil)


class Absent:
    """Lets a package look as if nobody had installed it."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name: str, *_: Any) -> None:
        if name.partition(".")[0] == self.package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
