"""Who knows nothing of the field finds five answers in the page: who, how strong, how many, for whom, how sure."""

from collections.abc import Callable

import pytest
from pages import Page

from brinell.evaluation import Audit, Diagnosis, Finding
from brinell.report.answers import answers, headline

Write = Callable[..., Page]


def after(text: str, question: str) -> str:
    """What stands after a question, up to the next one or the next heading."""
    rest = text.partition(question)[2]
    ends = [rest.index(mark) for mark in ("What attacker?", "How strong?", "How many break?", "Who breaks first?",
                                          "How sure is it?", "What was done") if mark in rest]  # fmt: skip
    return rest[: min(ends)]


@pytest.mark.parametrize("name", ["image", "other", "table", "wave", "named"])
def test_the_five_answers_are_in_the_text_of_the_page(page: Write, name: str, request: pytest.FixtureRequest) -> None:
    audit: Audit = request.getfixturevalue(name)
    record, text = audit.record, page(audit).text
    eps = record.settings.threat.partition(":")[2]

    who = after(text, "What attacker?")
    assert "sees the model's gradients" in who
    assert "wants any wrong label" in who

    strong = after(text, "How strong?")
    assert "may change" in strong
    assert f"{float(eps):.6g}" in strong
    assert f"{len(record.stages)} attacks" in strong

    many = after(text, "How many break?")
    broken = record.clean.hits - record.robust.hits
    assert f"{broken} of the {record.clean.hits} inputs that are right without an attack" in many
    assert f"{broken / record.clean.hits:.1%}" in many

    first = after(text, "Who breaks first?")
    for attribute in record.settings.data.groups:
        worst = audit.worst_group(attribute)
        name = " ".join(str(worst.group).split())
        assert f"By {attribute}: {name} breaks first, {worst.robust_accuracy.value:.1%} robust" in " ".join(
            first.split()
        )

    sure = after(text, "How sure is it?")
    robust = audit.robust_accuracy
    assert "upper bound" in sure
    assert f"between {robust.low:.1%} and {robust.high:.1%} (95% sure)" in sure
    assert "hiding its gradients" in sure


def test_the_headline_says_at_most(image: Audit) -> None:
    assert "".join(headline(image.record)) == (
        f"Under attack, at most {image.robust_accuracy.value:.1%} of the inputs keep their right answer."
    )
    gone = image.record.model_copy(update={"robust": image.record.robust.model_copy(update={"hits": 0})})
    assert "".join(headline(gone)) == "Under attack, none of the inputs keep their right answer."


@pytest.mark.parametrize(
    ("outcome", "words"),
    [("failed", "is not to be believed"), ("warning", "may be too high"), ("ok", "can be taken at their word")],
)
def test_how_sure_follows_the_verdict(image: Audit, outcome: str, words: str) -> None:
    finding = Finding(name="slopes agree", outcome=outcome, figures="", cause="", remedy="")  # type: ignore[arg-type]
    record = image.record.model_copy(update={"diagnosis": Diagnosis(rows=9, findings=(finding,))})
    assert words in " ".join(answers(Audit(record, image.folder))[-1].more)
    unchecked = image.record.model_copy(update={"diagnosis": None})
    assert "was not checked" in " ".join(answers(Audit(unchecked, image.folder))[-1].more)


def test_the_clearest_attribute_answers_first(image: Audit) -> None:
    found = answers(image)[3]
    gaps = {name: image.gap(name) for name in image.record.settings.data.groups}
    clearest = max(gaps, key=lambda name: gaps[name].low + 1e-3 * gaps[name].value)
    assert found.short.startswith(f"By {clearest}:")
    assert len(found.more) == len(gaps) - 1
