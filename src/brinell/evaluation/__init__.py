"""Evaluation: the cascade over a data set, preflight, groups, and the audit with its record and its folder."""

from brinell.evaluation.audit import Audit, load_audit, summary
from brinell.evaluation.cascades import choose
from brinell.evaluation.efforts import EFFORTS
from brinell.evaluation.folder import RunFolder, Scratch
from brinell.evaluation.groups import GroupGap, GroupRow
from brinell.evaluation.record import AuditRecord
from brinell.evaluation.run import Options, run_audit

__all__ = [
    "Audit",
    "AuditRecord",
    "EFFORTS",
    "GroupGap",
    "GroupRow",
    "Options",
    "RunFolder",
    "Scratch",
    "choose",
    "load_audit",
    "run_audit",
    "summary",
]
