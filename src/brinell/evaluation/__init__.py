"""Evaluation: the cascade over a data set, preflight, groups, and the audit with its record and its folder."""

from brinell.evaluation.audit import Audit, load_audit, summary
from brinell.evaluation.cascades import EFFORTS, choose
from brinell.evaluation.diagnosis import examine, right_rows
from brinell.evaluation.findings import VERDICTS, Diagnosis, Finding
from brinell.evaluation.folder import RunFolder, Scratch
from brinell.evaluation.groups import GroupGap, GroupRow
from brinell.evaluation.record import AuditRecord
from brinell.evaluation.run import Options, run_audit

__all__ = [
    "Audit",
    "AuditRecord",
    "Diagnosis",
    "EFFORTS",
    "Finding",
    "GroupGap",
    "GroupRow",
    "Options",
    "RunFolder",
    "Scratch",
    "VERDICTS",
    "choose",
    "examine",
    "load_audit",
    "right_rows",
    "run_audit",
    "summary",
]
