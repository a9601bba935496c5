"""The pictures of README, from what ``brinell demo --out FOLDER`` measured.

``python docs/_ext/readme_pictures.py FOLDER`` draws them. They are small and committed: README is read where nothing
can be built."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from drawings import BLUE, INK, ORANGE, published

import brinell as br
from brinell.data import read

OUT = Path(__file__).parent.parent / "images"
SHOWN = 8  # digits in the strip


def strip(audit: br.Audit, _ink: str) -> Any:
    """Digits of the standard network before and after: what is read, and what is read then."""
    x, y = read("digits").block(slice(0, 1000))
    rows = {row["label"]: row for row in audit.table.to_pylist() if row["broken_by"] not in (None, "clean")}
    figure, axes = plt.subplots(2, SHOWN, figsize=(8, 2.4))
    for column, (label, row) in zip(axes.T, sorted(rows.items())[:SHOWN], strict=True):
        place = row["id"]
        assert int(y[place]) == label
        pictures = ((x[place, 0], str(label)), (audit.x_adv[place, 0], f"read as {row['adversarial_prediction']}"))
        for axis, (picture, title) in zip(column, pictures, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=1)
            axis.set_title(title, fontsize=9)
            axis.axis("off")
    return figure


def digits(audits: dict[str, br.Audit], ink: str) -> Any:
    """What holds of each digit after PGD training, the most vulnerable first."""
    audit = audits["PGD-training"]
    rows = sorted(audit.by_group("class"), key=lambda row: row.robust_accuracy.value)
    figure, axis = plt.subplots(figsize=(8, 3.4))
    for place, row in enumerate(rows):
        robust, clean = row.robust_accuracy, row.clean_accuracy
        axis.plot([robust.low, robust.high], [place, place], color=BLUE, linewidth=2, alpha=0.6)
        (held,) = axis.plot(robust.value, place, "o", color=BLUE)
        (right,) = axis.plot(clean.value, place, "|", color=ORANGE, markersize=11)
    whole = audit.robust_accuracy
    axis.axvline(whole.value, color=ink, linewidth=0.6, linestyle=":")
    title = f"PGD training, Linf 0.3: at most {whole.value:.1%} of {whole.n:,} digits hold (dotted), and not all alike"
    axis.set_title(title, loc="left")
    axis.set(yticks=range(len(rows)), yticklabels=[str(row.group) for row in rows], ylabel="digit", xlim=(0, 1.02))
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(plt.matplotlib.ticker.PercentFormatter(1.0))
    axis.legend([held, right], ["under attack, 95 % interval", "without an attack"], loc="lower left")
    return figure


def main(folder: Path) -> None:
    """Draw both, in light and in dark."""
    audits = {name: br.load_audit(folder / name) for name in ("standard", "PGD-training")}
    OUT.mkdir(exist_ok=True)
    for style in INK:
        published(partial(strip, audits["standard"]), OUT / f"broken-{style}.svg", style)
        published(partial(digits, audits), OUT / f"digits-{style}.svg", style)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
