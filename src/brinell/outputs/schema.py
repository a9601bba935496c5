"""The JSON Schema of the record, which docs/record.schema.json publishes."""

from typing import Any

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def record_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of ``run.json`` and of ``export(audit, "json", ...)``, as plain values."""
    from brinell.evaluation import AuditRecord

    schema = AuditRecord.model_json_schema(mode="serialization")
    return {"$schema": _DIALECT, "title": "brinell audit record"} | schema
