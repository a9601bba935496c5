"""Records in words."""

import math
from typing import Any

import pytest

from brinell.evaluation import Audit, AuditRecord
from brinell.report.words import attacker, each, exact, percent, plain, points, protocol, wilson
from brinell.shapes import image_like
from brinell.statistics import Rate


def changed(audit: Audit, shape: tuple[int, ...] | None = None, **settings: Any) -> AuditRecord:
    facts = audit.record.settings
    data = facts.data.model_copy(update={"shape": shape or facts.data.shape})
    return audit.record.model_copy(update={"settings": facts.model_copy(update={"data": data, **settings})})


@pytest.mark.parametrize(
    ("threat", "shape", "words"),
    [
        ("linf:0.3", (1, 28, 28), "may change every pixel by at most 0.3,"),
        ("linf:0.0313725", (3, 32, 32), "every channel of every pixel by at most 0.0313725 (8/255),"),
        ("linf:0.0313725", (12,), "may change every value by at most 0.0313725,"),
        ("linf:0.123456", (28, 28), "may change every pixel by at most 0.123456,"),
        ("l2:0.5", (28, 28), "by a Euclidean length of at most 0.5,"),
        ("l1:12", (40,), "may make changes that sum to at most 12 over the whole input,"),
        ("l0:5", (40,), "may change at most 5 values of the input, each as far as the bounds allow,"),
        ("rules:hours, age", (40,), "may move to any point of the set rules:hours, age,"),
    ],
)
def test_threat_sets_in_words(image: Audit, threat: str, shape: tuple[int, ...], words: str) -> None:
    assert words in attacker(changed(image, shape, threat=threat))


@pytest.mark.parametrize(
    ("goal", "words"),
    [
        ("away", "wants any wrong label."),
        ("toward 3", "wants the wrong label 3."),
        ("toward labels, sha256 ab", "wants a chosen wrong label for each row (labels, sha256 ab)."),
        ("silence", "wants: silence."),
    ],
)
def test_goals_in_words(image: Audit, goal: str, words: str) -> None:
    assert attacker(changed(image, goal=goal)).endswith(words)


@pytest.mark.parametrize(
    ("access", "words"),
    [
        (("gradients",), "sees the model's gradients, may"),
        (("labels", "scores"), "sees the model's scores, may"),
        (("labels",), "sees the model's labels, may"),
        (("nothing",), "sees nothing of the model, may"),
        (("nothing", "gradients", "labels"), "sees the model's gradients, may"),
    ],
)
def test_who_sees_most_says_what_the_attacker_sees(image: Audit, access: tuple[str, ...], words: str) -> None:
    one = image.record.settings.cascade[0]
    cascade = tuple(one.model_copy(update={"access": seen}) for seen in access)
    assert attacker(changed(image, cascade=cascade)).startswith(words)


def test_a_cascade_of_one_has_no_order(image: Audit) -> None:
    words = protocol(changed(image, cascade=image.record.settings.cascade[:1]))
    assert words.startswith("FGSM; on every row that the model gets right. Every success is judged again")


@pytest.mark.parametrize(
    ("shape", "looks"),
    [
        ((28, 28), True), ((1, 28, 28), True), ((3, 32, 40), True), ((784,), False), ((2, 28, 28), False),
        ((28, 28, 3), False), ((2, 16000), False), ((12, 5000), False), ((1, 3, 3), False), ((3, 8, 8, 8), False),
    ],
)  # fmt: skip
def test_what_looks_like_a_picture(shape: tuple[int, ...], looks: bool) -> None:
    assert image_like(shape) is looks


def test_undefined_numbers_are_called_so() -> None:
    nothing = Rate(0, 0)
    assert {percent(nothing.value), points(math.nan), exact(nothing), wilson(nothing)} == {"undefined"}
    assert each(0, 0) == "none"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "not set"), (True, "yes"), (False, "no"), (0, "0"), ([1, 28], "1, 28"), ([], "none"), (0.1, "0.1")],
)
def test_settings_as_text(value: Any, text: str) -> None:
    assert plain(value) == text
