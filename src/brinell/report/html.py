"""One HTML file that holds all it shows, its script as well: no network, light and dark."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from brinell import __version__
from brinell.errors import InputError, InputTypeError
from brinell.report import words
from brinell.report.compiled import Compiled
from brinell.report.pairing import Pairing, pairing_of
from brinell.report.view import View, alone_columns, differences, view_of
from brinell.statistics import LEVEL, SMALL

if TYPE_CHECKING:
    from brinell.evaluation import Audit, Comparison

_TITLE = "Robustness report"
Audits: TypeAlias = "Audit | Mapping[str, Audit] | Iterable[tuple[str, Audit]]"


def write_html(
    audits: Audits, path: str | Path, *, title: str | None = None, story: str | Iterable[str] = (),
    comparison: "Comparison | None" = None,
) -> Path:  # fmt: skip
    """Write a report of one audit, or of several by name, to the file ``path``: whole or not at all.

    title: heading of the page. story: sentences that stand at its top. comparison: of two of the audits, as ``compare``
    returned it; it comes first. Folders on the way are made, an older report is replaced. Returns the path.
    Raises InputTypeError, InputError on what cannot be shown."""
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it, such as {path / 'report.html'}.")
    named = _named(audits)
    views = tuple(view_of(name, audit, share=len(named)) for name, audit in named)
    sentences = (story,) if isinstance(story, str) else tuple(story)
    paired = None if comparison is None else pairing_of(comparison)
    page = _render(views, title, sentences, paired)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    partial.write_text(page, encoding="utf-8")
    return partial.replace(path)


def _named(audits: Any) -> list[tuple[str, "Audit"]]:
    if _is_audit(audits):
        facts = audits.record.settings
        return [(f"{facts.model.network} on {facts.data.name}", audits)]
    try:
        pairs = [(str(name), audit) for name, audit in (audits.items() if isinstance(audits, Mapping) else audits)]
    except (TypeError, ValueError) as problem:
        raise InputTypeError(
            f"cannot report on {audits!r:.80}; give an audit, or several as {{name: audit}}."
        ) from problem
    for name, audit in pairs:
        if not _is_audit(audit):
            raise InputTypeError(f"{name!r} is {audit!r:.80}; give what audit or load_audit returned.")
    if not pairs:
        raise InputError("there is no audit to report on; give at least one.")
    return pairs


def _is_audit(value: Any) -> bool:
    """By what it holds: asking for its type would import torch."""
    return all(hasattr(value, name) for name in ("record", "folder", "by_group"))


def _render(views: tuple[View, ...], title: str | None, story: tuple[str, ...], paired: Pairing | None) -> str:
    script = _script()
    data: dict[str, Any] = {str(position): view.data for position, view in enumerate(views)}
    data |= {"paired": paired.data} if paired else {}
    return environment().get_template("report.html.jinja").render(
        views=views, title=title or _TITLE, tab=title or f"{_TITLE}: {views[0].name}", story=story,
        differences=differences(views), alone=alone_columns(views), level=f"{LEVEL:.0%}", small=SMALL,
        version=__version__, script=Markup(script), paired=paired, data=data,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
    )  # fmt: skip


@cache
def _script() -> str:
    """What the page runs. The policy of the page names its hash, so that nothing else can run there."""
    here = Path(__file__).parent
    files = ("vendor/d3.min.js", "vendor/plot.min.js", "templates/report.js")
    return "\n".join((here / file).read_text(encoding="utf-8") for file in files)


@cache
def environment() -> Environment:
    """What lays out the page; it keeps the compiled template."""
    environment = Environment(
        loader=PackageLoader("brinell.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, bytecode_cache=Compiled(Path(__file__).parent / "templates"),
    )  # fmt: skip
    shown = (words.percent, words.points, words.exact, words.wilson, words.count, words.each)
    environment.filters |= {filter_.__name__: filter_ for filter_ in shown}
    return environment
