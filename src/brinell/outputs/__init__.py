"""Outputs: a record in; text, tables, pictures and files for other tools out."""

from brinell.outputs.forms import FORMS, PICTURES, export, render
from brinell.outputs.frames import metric_frame
from brinell.outputs.pictures import Pictures, write_pictures
from brinell.outputs.requirements import Answer, Requirement, read_requirements
from brinell.outputs.schema import record_schema
from brinell.outputs.tracking import log_mlflow

__all__ = [
    "FORMS",
    "PICTURES",
    "Answer",
    "Pictures",
    "Requirement",
    "export",
    "log_mlflow",
    "metric_frame",
    "read_requirements",
    "record_schema",
    "render",
    "write_pictures",
]
