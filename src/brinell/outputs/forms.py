"""The forms that an audit can be written in, in one table, and the two verbs that write them."""

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from brinell.errors import InputError
from brinell.evaluation.demands import Answer, Demand, read_demands
from brinell.outputs.card import card
from brinell.outputs.junit import junit
from brinell.outputs.markdown import markdown
from brinell.outputs.pictures import write_pictures
from brinell.outputs.schema import record_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from brinell.evaluation import Audit

Texts: TypeAlias = Iterable[str | Demand]


class Form(NamedTuple):
    """One form: what makes its text, what it is, and whether demands stand in it."""

    write: "Callable[[Audit, tuple[Answer, ...]], str]"
    about: str
    demands: bool = False


def _record(audit: "Audit", _: tuple[Answer, ...]) -> str:
    return f"{audit.record.model_dump_json(indent=2)}\n"


def _schema(_: "Audit", __: tuple[Answer, ...]) -> str:
    return f"{json.dumps(record_schema(), indent=2)}\n"


def _rows(audit: "Audit", _: tuple[Answer, ...]) -> str:
    return _csv(audit.table)


def _groups(audit: "Audit", _: tuple[Answer, ...]) -> str:
    import pyarrow as pa

    from brinell.evaluation.groups import as_table

    tables = []
    for name in audit.record.settings.data.groups:
        rows = audit.by_group(name)
        values = [str(row.group) for row in rows]
        table = as_table(rows, (name,))
        table = table.select(table.column_names[table.column_names.index("n") :])  # numbers: names may differ in kind
        table = table.add_column(0, "group", pa.array(values, pa.string()))
        tables.append(table.add_column(0, "attribute", pa.array([name] * len(values), pa.string())))
    return _csv(pa.concat_tables(tables))


def _csv(table: "pa.Table") -> str:
    from pyarrow.csv import write_csv

    buffer = io.BytesIO()
    write_csv(table, buffer)
    return buffer.getvalue().decode()


FORMS: dict[str, Form] = {
    "json": Form(_record, "the record, as in run.json"),
    "schema": Form(_schema, "the JSON Schema of the record"),
    "markdown": Form(markdown, "a summary for a pull request", demands=True),
    "junit": Form(junit, "JUnit XML for a build server", demands=True),
    "card": Form(card, "a model card section for the Hugging Face hub", demands=True),
    "csv": Form(_rows, "the table of examples, a row per example"),
    "groups": Form(_groups, "the rates of every group, a row per group"),
}
PICTURES = "png"  # the form that is a folder and no text


def render(audit: "Audit", form: str, *, require: Texts = ()) -> str:
    """The text of ``audit`` in one of the ``FORMS``: json, schema, markdown, junit, card, csv, groups.

    require: demands such as "robust_accuracy>=0.6", which markdown, junit and card answer (see ``Demand``).
    Raises InputError on another form, and on demands that cannot be read, answered or shown."""
    if form not in FORMS:
        raise InputError(f"there is no form {form!r} in text; choose one of {', '.join(FORMS)}.")
    chosen, wanted = FORMS[form], read_demands(require)
    if wanted and not chosen.demands:
        able = ", ".join(name for name, each in FORMS.items() if each.demands)
        raise InputError(f"the form {form} shows no demands; leave {wanted[0]} out, or choose one of {able}.")
    return chosen.write(audit, tuple(each.check(audit) for each in wanted))


def export(audit: "Audit", form: str, path: str | Path, *, require: Texts = ()) -> Path:
    """Write ``audit`` in one of the ``FORMS`` to the file ``path``: whole or not at all; with "png" to that folder.

    Folders on the way are made, an older file is replaced. Returns the path. Raises InputError as ``render`` does,
    and where ``path`` is a folder; with "png" as ``write_pictures`` does."""
    path = Path(path)
    if form == PICTURES:
        return write_pictures(audit, path).folder
    text = render(audit, form, require=require)
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it, such as {path / f'audit.{form}'}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(text, encoding="utf-8", newline="")
    return partial.replace(path)
