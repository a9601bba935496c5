"""Outputs: a record in; text, tables, pictures and files for other tools out."""

from brinell.outputs.forms import FORMS, PICTURES, export, render
from brinell.outputs.frames import metric_frame
from brinell.outputs.pictures import Pictures, write_pictures
from brinell.outputs.schema import record_schema
from brinell.outputs.tracking import log_mlflow

__all__ = [
    "FORMS",
    "PICTURES",
    "Pictures",
    "export",
    "log_mlflow",
    "metric_frame",
    "record_schema",
    "render",
    "write_pictures",
]
