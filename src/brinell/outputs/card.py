"""A section for a model card in Hugging Face's format: results as metadata, and words."""

import re
from typing import TYPE_CHECKING, Any

from brinell.evaluation.demands import Answer
from brinell.outputs.escaping import for_yaml, visible
from brinell.outputs.markdown import model_name, section, threat_text
from brinell.shapes import image_like

if TYPE_CHECKING:
    from brinell.evaluation import Audit
    from brinell.statistics import Rate


def card(audit: "Audit", answers: tuple[Answer, ...] = ()) -> str:
    """The text of a model card: YAML metadata with a ``model-index`` of clean and robust accuracy, overall and of the
    worst group of each attribute; then a section in Markdown. For a card that is there already, take both over.

    Source: the model card specification of the Hugging Face hub, github.com/huggingface/hub-docs, modelcard.md."""
    metadata = {"tags": ["adversarial-robustness", "brinell"], "model-index": [_index(audit)]}
    return f"---\n{for_yaml(metadata)}---\n\n## Adversarial robustness\n\n{section(audit, answers)}"


def _index(audit: "Audit") -> dict[str, Any]:
    facts = audit.record.settings
    name = visible(facts.data.name)
    slug = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-") or "data"
    result = {
        "task": {"type": _task(facts.data.shape)},
        "dataset": {"name": name, "type": slug, "revision": facts.data.sha256},
        "metrics": _metrics(audit),
        "source": {"name": f"brinell {facts.versions.brinell}", "url": "https://github.com/brinell/brinell"},
    }
    return {"name": visible(model_name(audit.record)), "results": [result]}


def _task(shape: tuple[int, ...]) -> str:
    """The hub's word for it; what one row of numbers is, a table's or a waveform, the record does not say."""
    if image_like(shape):
        return "image-classification"
    return "tabular-classification" if len(shape) == 1 else "other"


def _metrics(audit: "Audit") -> list[dict[str, Any]]:
    facts = audit.record.settings
    bound = {"threat": facts.threat, "goal": visible(facts.goal), "effort": facts.effort, "bound": "upper"}
    metrics = [
        _metric("Clean accuracy", audit.clean_accuracy, {}),
        _metric(f"Robust accuracy against {threat_text(audit.record)} (upper bound)", audit.robust_accuracy, bound),
    ]
    for name in facts.data.groups:
        worst = audit.worst_group(name)
        about = {"attribute": visible(name), "group": visible(str(worst.group)), **bound}
        metrics.append(
            _metric(f"Robust accuracy of the worst {visible(name)} (upper bound)", worst.robust_accuracy, about)
        )
    return metrics


def _metric(name: str, rate: "Rate", more: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "accuracy", "name": name, "value": rate.value,
        "args": {"low": rate.low, "high": rate.high, "level": rate.level, "n": rate.n, **more},
    }  # fmt: skip
