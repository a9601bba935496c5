"""What each of several processes does in ``test_workers.py``: ``torchrun pair.py FOLDER``."""

import sys
from pathlib import Path

import school
import torch
import toys

import brinell as br
from brinell.defenses.workers import Workers

OPTIONS = br.Training(average=0.9, by="class", held_out=0.2, class_weights="balanced", accumulate=2)


def smooth(folder: Path | None = None) -> br.Classifier:
    """A network without BatchNorm: shared batches give the same gradients as whole ones. 440 rows, batches of 32."""
    model = toys.untrained()
    torch.nn.init.constant_(model.net[2].bias, 0.1 * Workers().rank)  # type: ignore[index, operator] - the first decides
    return br.harden(
        model.double(), toys.toy(440), toys.EPS, recipe=br.PGDTraining(steps=2), epochs=3, batch_size=32,
        options=OPTIONS, out=folder,
    )  # fmt: skip


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    for name, model in (("smooth", smooth(out / "run")), ("moody", school.run(None, epochs=2))):
        br.save_weights(model, out / f"{name}{Workers().rank}.safetensors")
