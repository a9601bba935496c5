"""The guide builds without a warning, and has a page for every public name and a line for every option."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import brinell as br

ROOT = Path(__file__).resolve().parent.parent
MADE = ("_build", "reference", "pictures")  # by an earlier build in the checkout


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages; of the pictures, a quick version."""
    folder = tmp_path_factory.mktemp("guide")
    source, out = folder / "docs", folder / "html"
    shutil.copytree(ROOT / "docs", source, ignore=lambda at, _: MADE if Path(at) == ROOT / "docs" else ())
    offline = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}  # nobody listens there
    path = os.pathsep.join(filter(None, [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]))
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "quick_pictures=1"]
    done = subprocess.run(
        [*build, "-b", "html", str(source), str(out)],
        env={**os.environ, **offline, "PYTHONPATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return out


def test_each_public_name_has_a_page_and_stands_in_the_index(site: Path) -> None:
    index = (site / "reference/api/index.html").read_text(encoding="utf-8")
    pages = {path.stem: path for path in (site / "reference/api").glob("*/*.html")}
    assert set(pages) == set(br.__all__)
    for name, page in pages.items():
        assert f'id="brinell.{name}"' in page.read_text(encoding="utf-8"), name
        assert f"{page.parent.name}/{name}.html" in index, name


def test_the_commands_page_has_every_command_and_option(site: Path) -> None:
    from typer.main import get_command

    from brinell.cli.app import app

    root: Any = get_command(app)
    page = (site / "reference/commands.html").read_text(encoding="utf-8")
    for name, command in root.commands.items():
        section = re.search(rf'<section id="brinell-{name}">.*?</section>', page, re.DOTALL)
        assert section, name
        shown = [param for param in command.params if not getattr(param, "hidden", False)]
        flags = [flag for param in shown if param.param_type_name == "option" for flag in param.opts]
        assert [flag for flag in flags if f">{flag}<" not in section[0]] == []


def test_the_site_stands_on_its_own(site: Path) -> None:
    """No page asks another server for anything, every picture is there, and none is large."""
    pages = list(site.rglob("*.html"))
    loaded = [
        address
        for page in pages
        for address in re.findall(r'<(?:script|img|link)[^>]*?(?:src|href)="([^"]+)"', page.read_text(encoding="utf-8"))
    ]
    assert len(pages) > 60
    assert [address for address in loaded if address.startswith(("http:", "https:", "//"))] == []
    pictures = list((site / "_images").glob("*.svg"))
    assert len(pictures) >= 12
    assert max(path.stat().st_size for path in pictures) < 200_000


def test_links_out_of_the_docs_lead_to_the_repository(site: Path) -> None:
    text = (site / "architecture.html").read_text(encoding="utf-8")
    assert 'href="https://github.com/brinell/brinell/blob/main/CONTRIBUTING.md"' in text


def test_docstrings_become_lists_and_links(site: Path) -> None:
    text = (site / "reference/api/classes/PGD.html").read_text(encoding="utf-8")
    assert re.search(r"<li><p><strong>schedule</strong>: ", text)
    assert 'href="https://arxiv.org/abs/1706.06083"' in text
    assert "annealed" in text


@pytest.mark.parametrize(
    ("page", "link", "leads_to"),
    [
        ("architecture", "../CONTRIBUTING.md", "https://github.com/brinell/brinell/blob/main/CONTRIBUTING.md"),
        ("use/extending", "../../SECURITY.md", "https://github.com/brinell/brinell/blob/main/SECURITY.md"),
        ("use/extending", "../learn/traps.md", "../learn/traps.md"),
        ("index", "learn/traps.md#anchor", "learn/traps.md#anchor"),
    ],
)
def test_only_links_out_of_the_docs_are_redirected(
    page: str, link: str, leads_to: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    from links import redirect  # type: ignore[import-not-found]

    assert redirect(page, f"see [this]({link}), and ../that") == f"see [this]({leads_to}), and ../that"


def test_docstrings_of_the_house_are_read_as_they_are_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs" / "_ext")
    from api_pages import as_rst  # type: ignore[import-not-found]

    written = [
        "Do a thing: well.", "", "data: what, as", "    in ``f(*x)``. seed: a number; group_* goes", "on here.",
        "Raises *nothing*. Source: somebody, arXiv:1706.06083.", "    not a quotation",
    ]  # fmt: skip
    assert [line for line in as_rst(written) if line] == [
        "Do a thing: well.",
        "- **data**: what, as",
        "  in ``f(*x)``.",
        "- **seed**: a number; group\\_\\* goes",
        "  on here.",
        "Raises \\*nothing\\*. Source: somebody, `arXiv:1706.06083 <https://arxiv.org/abs/1706.06083>`__.",
        "not a quotation",
    ]


def test_no_large_picture_is_committed() -> None:
    kinds = (".png", ".jpg", ".svg", ".gif", ".webp")
    kept = [path for path in (ROOT / "docs").rglob("*") if path.suffix in kinds]
    kept = [path for path in kept if path.relative_to(ROOT / "docs").parts[0] not in MADE]
    assert [str(path) for path in kept if path.stat().st_size > 200_000] == []
