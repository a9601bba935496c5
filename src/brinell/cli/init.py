"""``brinell init``: a settings file for ``brinell audit``, written from a few answers."""

import importlib.util
import sys
from pathlib import Path
from typing import Annotated, NamedTuple, TypeAlias

import typer

from brinell.cli import names

_File: TypeAlias = Annotated[Path, typer.Argument(metavar="[FILE]", help="The file to write.", show_default=True)]
_Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take the default answers.")]
_Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")]


class _Question(NamedTuple):
    """Something to ask. field: whose value the answer is."""

    field: str
    text: str
    default: str
    hint: str


_QUESTIONS = (
    _Question("model", "Model", names.MODELS[0], "file.py:function or package.module:function"),
    _Question("weights", "Weights", "", "a safetensors or torch file, or nothing for those that the function gives"),
    _Question("data", "Data", "digits", "digits, mnist, data.npz, or images.idx,labels.idx"),
    _Question("threat", "What the attacker may change", "linf:0.3", f"a set and its size, {', '.join(names.THREATS)}"),
    _Question("effort", "How hard to try", "standard", "quick, standard or thorough"),
)


def init(file: _File = Path("audit.yaml"), yes: _Yes = False, force: _Force = False) -> None:
    """Write a settings file for brinell audit.

    Asks for model, data and attacker. Every setting stands in the file with a comment; those that were not asked for
    are commented out.

    \b
    Example:
      brinell init audit.yaml --yes
    """
    from brinell.cli import output
    from brinell.cli.settings_file import checked, filled
    from brinell.errors import OutputExistsError
    from brinell.facts import whole

    if file.exists() and not force:
        raise OutputExistsError(f"{file} exists; name another file, or overwrite it with --force.")
    if file.is_dir() or not file.parent.is_dir():
        raise OutputExistsError(f"{file} cannot be written: name a file in a folder that is there.")
    ask = not yes and sys.stdin.isatty()
    if not ask:
        output.say(f"{'Asking nothing' if yes else 'Nobody is there to ask'}: taking the default answers.")
    answers = {each.field: _asked(each) if ask else each.default for each in _QUESTIONS}
    text = filled({field: answer for field, answer in answers.items() if answer})
    with whole(file) as partial:
        partial.write_text(text, encoding="utf-8")
    output.say(f"Written: {file}")
    for note in checked(answers):
        output.say(f"Note: {note}", "yellow")
    if importlib.util.find_spec("yaml") is None:
        output.say('Note: reading it needs PyYAML: pip install "brinell[config]"', "yellow")
    output.say(f"Now run: brinell audit --config {file}")


def _asked(question: _Question) -> str:
    """The answer of the person at the terminal."""
    from brinell.cli.settings_file import read_answer

    typer.echo(f"{question.text}: {question.hint}.", err=True)
    answer = typer.prompt(
        f"  {question.field}", default=question.default, show_default=bool(question.default), err=True,
        value_proc=lambda text: read_answer(question.field, text),
    )  # fmt: skip
    return str(answer)
