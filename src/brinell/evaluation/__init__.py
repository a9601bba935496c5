"""Evaluation: the cascade over a data set, preflight, groups, and the audit with its record and its folder."""

from brinell.evaluation.audit import Audit, load_audit, summary
from brinell.evaluation.budget import read_budget
from brinell.evaluation.cascades import choose
from brinell.evaluation.comparison import Comparison, Contrast, compare
from brinell.evaluation.curve import CurvePoint, RobustnessCurve, Walk, run_curve
from brinell.evaluation.demands import Answer, Demand, read_demand
from brinell.evaluation.diagnosis import examine, right_rows
from brinell.evaluation.efforts import EFFORTS, Cascade, within
from brinell.evaluation.findings import VERDICTS, Diagnosis, Finding
from brinell.evaluation.folder import RunFolder, Scratch
from brinell.evaluation.given import read_given
from brinell.evaluation.groups import GroupGap, GroupRow
from brinell.evaluation.record import AuditRecord, Origin, read_record
from brinell.evaluation.run import Options, run_audit
from brinell.evaluation.spread import Spread, spread_of
from brinell.evaluation.verify import Discrepancy, Verification, verify_run

__all__ = [
    "Answer",
    "Audit",
    "AuditRecord",
    "Cascade",
    "Comparison",
    "Contrast",
    "CurvePoint",
    "Demand",
    "Diagnosis",
    "Discrepancy",
    "EFFORTS",
    "Finding",
    "GroupGap",
    "GroupRow",
    "Options",
    "Origin",
    "RobustnessCurve",
    "RunFolder",
    "Scratch",
    "Spread",
    "VERDICTS",
    "Verification",
    "Walk",
    "choose",
    "compare",
    "examine",
    "load_audit",
    "read_budget",
    "read_demand",
    "read_given",
    "within",
    "read_record",
    "right_rows",
    "run_audit",
    "run_curve",
    "spread_of",
    "summary",
    "verify_run",
]
