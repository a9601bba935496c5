"""What a diagnosis says: findings, and the verdict that follows from them."""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

Outcome: TypeAlias = Literal["ok", "warning", "failed", "skipped"]
Soundness: TypeAlias = Literal["sound", "doubtful", "unsound"]
VERDICTS: tuple[Soundness, ...] = ("sound", "doubtful", "unsound")  # the best first
_MEANING: dict[Soundness, str] = {
    "sound": "nothing found that hides the model's gradients",
    "doubtful": "the robust accuracy may be too high",
    "unsound": "the robust accuracy is not to be believed",
}


class Finding(BaseModel):
    """What one check saw. ``name`` is what should hold of a model whose robust accuracy can be believed.

    figures: what was measured, in words. cause and remedy: what it may come from and what to do, empty where all is
    well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    outcome: Outcome
    figures: str
    cause: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        more = "".join(f" {text}" for text in (self.cause, self.remedy) if text)
        return f"{self.outcome}: {self.name}: {self.figures}{more}"


class Diagnosis(BaseModel):
    """Whether attacks that follow gradients can be believed on this model, from checks on ``rows`` rows.

    A sound verdict says that no check found the model hiding its gradients; it is no proof that none are hidden."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Soundness:
        """``unsound`` if a check failed, ``doubtful`` if one warns, else ``sound``."""
        outcomes = {finding.outcome for finding in self.findings}
        if "failed" in outcomes:
            return "unsound"
        return "doubtful" if "warning" in outcomes else "sound"

    @property
    def concerns(self) -> tuple[Finding, ...]:
        """The findings that speak against the model, failures first."""
        found = [finding for finding in self.findings if finding.outcome in ("failed", "warning")]
        return tuple(sorted(found, key=lambda finding: finding.outcome))

    @property
    def summary(self) -> str:
        """The verdict in a sentence."""
        made = sum(finding.outcome != "skipped" for finding in self.findings)
        return f"{self.verdict}: by {made} checks on {self.rows} rows, {_MEANING[self.verdict]}."

    def __str__(self) -> str:
        reasons: dict[str, list[str]] = {}
        for finding in self.findings:
            if finding.outcome == "skipped":
                reasons.setdefault(finding.figures, []).append(finding.name)
        skipped = (f"skipped: {'; '.join(names)}: {reason}" for reason, names in reasons.items())
        return "\n".join([self.summary, *map(str, self.concerns), *skipped])
