"""The one command that runs an audit again, from what its record says."""

import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from brinell.evaluation import AuditRecord
    from brinell.evaluation.record import AttackFacts, Settings

_PRESETS = ("quick", "standard", "thorough")
_BY_ITSELF = "Static"  # it comes with what stands before the model
_NOT_NAMED = ("Foreign", "ExamplesFrom")  # attacks that came from outside: no name leads back to them


class Replay(NamedTuple):
    """What to type, in which language ("sh" or "python"), and what has to be known besides."""

    language: str
    code: str
    note: str


def replay(record: "AuditRecord") -> Replay:
    """The command line where the record names model and data, else the call in Python."""
    facts = record.settings
    alien = [attack.label for attack in facts.cascade if attack.kind in _NOT_NAMED]
    note = f"From outside, to be brought again: {', '.join(alien)}." if alien else ""
    if facts.origin is None or alien or _target(facts.goal) == "many":
        return Replay("python", _call(facts), f"model and data are those with the sha256 below. {note}".strip())
    return Replay("sh", _command(facts), "Paths are as they were given. Same settings, same numbers.")


def check(record: "AuditRecord") -> str:
    """What verifies the run folder."""
    return "brinell verify RUN" if record.settings.origin is not None else 'br.verify("RUN", model, data)'


def over_eps(record: "AuditRecord") -> str:
    """What adds a curve over eps to the run folder."""
    facts = record.settings
    if (origin := facts.origin) is None:
        return f'br.robustness_curve(model, data, br.threat({facts.threat!r})).save("RUN")'
    return shlex.join(["brinell", "curve", origin.model, origin.data, facts.threat, *_loading(facts), "--into", "RUN"])


def _loading(facts: "Settings") -> list[str]:
    assert facts.origin is not None
    options = {"--weights": facts.origin.weights, "--bounds": facts.origin.bounds, "--n": facts.origin.n}
    words = [word for name, value in options.items() if value is not None for word in (name, str(value))]
    words += [word for text in facts.origin.sanitise for word in ("--sanitise", text)]
    if (detector := facts.origin.detector) is not None:
        words += [word for text in detector.squeezers for word in ("--detect", text)]
        words += ["--detect-threshold", str(detector.threshold)]
    target = _target(facts.goal)
    return [*words, *(["--target", target] if target else [])]


def _command(facts: "Settings") -> str:
    assert facts.origin is not None
    words = ["brinell", "audit", facts.origin.model, facts.origin.data, facts.threat, *_loading(facts)]
    words += _effort(facts)
    words += ["--alone"] if facts.alone else []
    words += [] if facts.diagnose else ["--no-diagnose"]
    words += ["--certify", "ibp"] if facts.certificate is not None else []
    words += ["--examples", facts.examples] if facts.examples != "all" else []
    words += ["--seed", str(facts.seed), "--batch-size", str(facts.batch), "--out", "runs/again"]
    return shlex.join(words).replace(" --", " \\\n  --")  # an option a line


def _effort(facts: "Settings") -> list[str]:
    if facts.effort in _PRESETS:
        return ["--effort", facts.effort]
    if facts.effort == "budget":
        return ["--budget", str(facts.budget).split()[0]]
    return [word for attack in facts.cascade if attack.kind != _BY_ITSELF for word in ("--attack", _spec(attack))]


def _spec(attack: "AttackFacts") -> str:
    """An attack with all its parameters, as ``--attack`` takes it."""
    values = {name: "none" if value is None else value for name, value in attack.parameters.items()}
    return f"{attack.kind}:{','.join(f'{name}={value}' for name, value in values.items())}"


def _call(facts: "Settings") -> str:
    options: dict[str, Any] = {"seed": facts.seed, "batch_size": facts.batch}
    options |= {"alone": True} if facts.alone else {}
    options |= {"diagnose": False} if not facts.diagnose else {}
    options |= {"examples": facts.examples} if facts.examples != "all" else {}
    if facts.effort in _PRESETS:
        how = f"effort={facts.effort!r}"
    elif facts.effort == "budget":
        how = f"budget={str(facts.budget).split()[0]!r}"
    else:
        own = (attack for attack in facts.cascade if attack.kind not in ("ExamplesFrom", _BY_ITSELF))
        how = f"cascade=({''.join(f'{_as_value(attack)}, ' for attack in own).strip()})"
    target = _target(facts.goal)
    goal = "" if not target else f"goal=br.Toward({'labels' if target == 'many' else target}), "
    proof = "certificate=br.IntervalBounds(), " if facts.certificate is not None else ""
    given = "examples_from=..., " if any(attack.kind == "ExamplesFrom" for attack in facts.cascade) else ""
    groups = f"groups={{{', '.join(f'{name!r}: ...' for name in facts.data.groups if name != 'class')}}}, "
    groups = "" if groups == "groups={}, " else groups
    more = ", ".join(f"{name}={value!r}" for name, value in options.items())
    who = f"{goal}{groups}{given}{proof}"
    return f'br.audit(model, data, br.threat({facts.threat!r}), {who}{how}, {more}, out="runs/again")'


def _as_value(attack: "AttackFacts") -> str:
    if attack.kind == "Foreign":
        return "..."
    return f"br.{attack.kind}({', '.join(f'{name}={value!r}' for name, value in attack.parameters.items())})"


def _target(goal: str) -> str:
    """The wanted label, "many" where each row had its own, nothing where any wrong one would do."""
    kind, _, label = goal.partition(" ")
    return "" if kind != "toward" else label if label.isdigit() else "many"
