"""Feature squeezing: scores, the class for what is turned away, the threshold, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.stats import binom

import brinell as br
from brinell.errors import InputError, InputTypeError
from brinell.goals import Unnoticed
from brinell.models import evaluating
from brinell.objectives import cross_entropy, margin
from helpers import IMAGE, classifier, convolutional, generator


def squeezing(**options: Any) -> br.FeatureSqueezing:
    return br.FeatureSqueezing(classifier(IMAGE, convolutional(IMAGE)), (br.BitDepth(2), br.Median(3)), **options)


def rows(n: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, *IMAGE.shape, generator=generator(seed))


def test_the_score_is_the_largest_distance_of_the_probabilities() -> None:
    detector, x = squeezing(), rows(20)
    model = detector.inner
    with evaluating(model), torch.no_grad():
        own = model(x).softmax(1)
        wanted = [(model(each(x)).softmax(1) - own).abs().sum(1) for each in detector.squeezers]
    torch.testing.assert_close(detector.scores(x), torch.maximum(*wanted))


def test_the_last_class_is_on_top_exactly_where_the_score_is_above_the_threshold() -> None:
    x = rows(200)
    detector = squeezing(threshold=float(squeezing().scores(x).median()))
    with evaluating(detector), torch.no_grad():
        logits, bare = detector(x), detector.inner(x)
    assert torch.equal(logits[:, :-1], bare)
    turned_away = detector.scores(x) > detector.threshold
    assert torch.equal(logits.argmax(1) == 3, turned_away)
    assert 90 <= int(turned_away.sum()) <= 100


@pytest.mark.parametrize("wanted", [0.05, 0.2])
def test_false_alarms_are_as_rare_as_promised(wanted: float) -> None:
    """On average over the choice of the rows that the threshold comes from: 12 choices, 400 further rows each."""
    alarms = 0
    for seed in range(12):
        detector = squeezing().calibrated(rows(200, seed), false_alarms=wanted)
        alarms += int((detector.scores(rows(400, 100 + seed)) > detector.threshold).sum())
    n = 12 * 400
    assert binom.cdf(alarms, n, wanted * 0.7) > 1e-4  # not much rarer than it has to be
    assert binom.sf(alarms - 1, n, wanted * 1.3) > 1e-4


def test_the_goal_is_reached_where_a_row_is_wrong_and_not_turned_away() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.0], [1.0, 3.0, 0.0], [1.0, 3.0, 5.0], [3.0, 1.0, 5.0], [1.0, 3.0, 3.0]])
    y = torch.zeros(5, dtype=torch.int64)
    goal = Unnoticed(br.Away()).bind(y, 3)
    assert goal.reached(logits, y).tolist() == [False, True, False, False, True]
    height = goal.gain(margin, logits, y)
    assert height.tolist() == [-2.0, 2.0, -2.0, -2.0, 0.0]
    toward = Unnoticed(br.Toward(1)).bind(y, 3)
    assert torch.equal(toward.reached(logits, y), goal.reached(logits, y))
    assert torch.equal(toward.take(slice(1, 3)).reached(logits[1:3], y[1:3]), torch.tensor([True, False]))
    assert len(goal.aims(logits, y, 9)) == 1
    with pytest.raises(InputError, match=r"wanted label is 2; the model's classes are 0..1"):
        Unnoticed(br.Toward(2)).bind(y, 3)


@pytest.mark.parametrize("objective", [margin, cross_entropy])
def test_what_is_missing_of_the_goal_pulls(objective: Any) -> None:
    """Right and seen, right and unseen: away from the label. Wrong and seen: out of sight."""
    logits = torch.tensor([[3.0, 1.0, 5.0], [3.0, 1.0, 0.0], [1.0, 3.0, 5.0]], requires_grad=True)
    gain = Unnoticed(br.Away()).gain(objective, logits, torch.zeros(3, dtype=torch.int64))
    (slope,) = torch.autograd.grad(gain.sum(), logits)
    assert bool((slope[:2, 0] < 0).all() and (slope[:2, 1] > 0).all() and (slope[:2, 2] == 0).all())
    assert slope[2].tolist() == [0, 1, -1]


def test_classes_have_a_name_more() -> None:
    model = classifier(IMAGE, convolutional(IMAGE))
    model.classes = ("a", "b", "c")
    detector = br.FeatureSqueezing(model)
    assert detector.classes == ("a", "b", "c", "turned away")
    assert detector.bare is model
    assert detector.guards[0].label == "FeatureSqueezing(BitDepth(bits=1), Median(size=3), threshold=1)"
    behind = br.FeatureSqueezing(br.sanitised(model, br.JPEG()))
    assert [guard.label for guard in behind.guards][1:] == ["JPEG(quality=75)"]
    assert behind.bare is model
    assert behind.afresh() is None
    drawing = br.FeatureSqueezing(br.sanitised(model, br.RandomResizePad(), seed=1))
    fresh = drawing.afresh()
    assert fresh is not None
    assert fresh.guards[0] == drawing.guards[0]
    assert fresh.guards[1] != drawing.guards[1]


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: squeezing(threshold=3), r"threshold is 3; scores lie in 0..2"),
    (lambda: br.FeatureSqueezing(squeezing()), "turns nothing away yet"),
    (lambda: br.FeatureSqueezing(convolutional(IMAGE)), "the model is Sequential"),  # type: ignore[arg-type]
    (lambda: br.FeatureSqueezing(squeezing().inner, ()), r"squeezers are \(\)"),
    (lambda: br.FeatureSqueezing(squeezing().inner, (br.RandomResizePad(),)), "sanitisers that draw nothing"),
    (lambda: squeezing().calibrated(rows(18)), "18 rows cannot promise 0.05 false alarms; pass at least 19"),
    (lambda: squeezing().calibrated(rows(50), false_alarms=0), "false_alarms is 0"),
    (lambda: squeezing().scores(rows(3) * 255), r"outside the bounds"),
    (lambda: br.attack(br.PGD(), squeezing(), rows(3), [0, 1, 3], br.Linf(0.1)), r"label 3 .* classes 0\.\.2"),
]


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_use_is_told(number: int) -> None:
    call, words = WRONG[number]
    with pytest.raises((InputError, InputTypeError), match=words):
        call()
