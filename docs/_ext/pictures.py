"""The directive ``picture``: a drawing made during the build, for light and for dark pages.

Drawings are functions in ``drawings.py``. They are drawn anew when that file changes; what they show is measured on
the spot. With ``-D quick_pictures=1`` little is trained and measured: enough to see that the guide can be built."""

from functools import partial
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

FOLDER = "pictures"
STYLES = ("light", "dark")
HERE = Path(__file__).parent


class Picture(SphinxDirective):
    """``{picture} name`` with an ``alt`` text; its content is the caption."""

    required_arguments = 1
    has_content = True
    option_spec = {"alt": directives.unchanged_required}  # noqa: RUF012 - what docutils wants

    def run(self) -> list[nodes.Node]:
        """A figure with the drawing twice; the theme shows the one that suits the page."""
        figure = nodes.figure(align="default")
        for style in STYLES:
            image = nodes.image(uri=f"/{FOLDER}/{self.arguments[0]}-{style}.svg", alt=self.options["alt"])
            image["classes"].append(f"only-{style}")
            figure += image
        if self.content:
            caption = nodes.caption()
            inline, messages = self.state.inline_text(" ".join(self.content), self.lineno)
            caption.extend([*inline, *messages])
            figure += caption
        return [figure]


def _draw_if_new(app: Any) -> None:
    """Draw what is missing, or older than the code that draws it."""
    from drawings import DRAWINGS, Studio, published

    folder = Path(app.srcdir) / FOLDER
    paths = [folder / f"{name}-{style}.svg" for name in DRAWINGS for style in STYLES]
    newest = (HERE / "drawings.py").stat().st_mtime
    stamp = folder / ("quick" if app.config.quick_pictures else "full")
    if stamp.is_file() and all(path.is_file() and path.stat().st_mtime > newest for path in paths):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    studio = Studio(quick=bool(app.config.quick_pictures))
    for name, draw in DRAWINGS.items():
        for style in STYLES:
            published(partial(draw, studio), folder / f"{name}-{style}.svg", style)
    stamp.touch()


def setup(app: Any) -> dict[str, Any]:
    """Tell Sphinx."""
    app.add_config_value("quick_pictures", False, "")
    app.add_directive("picture", Picture)
    app.connect("builder-inited", _draw_if_new)
    return {"parallel_read_safe": True}
