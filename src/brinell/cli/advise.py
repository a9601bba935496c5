"""``brinell advise``: which attacker to count with, how to audit, and which recipes to try."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeAlias

import typer

from brinell.cli import names, options
from brinell.cli.names import among

if TYPE_CHECKING:
    from brinell.choosing import Situation

KNOWS, WANTS, KINDS = (
    ("gradients", "scores", "labels", "nothing"), ("any", "class", "undetected"), ("image", "table", "waveform"),
)  # fmt: skip


class _Question(NamedTuple):
    """Something to ask. field: of the situation; choices: what can be answered, anything where there are none."""

    field: str
    text: str
    default: str
    choices: tuple[str, ...] = ()


_QUESTIONS = (
    _Question("knows", "What does the attacker see of the model (gradients: its weights)?", "gradients", KNOWS),
    _Question("wants", "What do they want (any: any wrong answer; undetected: past a detector)?", "any", WANTS),
    _Question("kind", "What are the inputs?", "image", KINDS),
    _Question("shape", "What shape has one input, such as 3x32x32, or 14 for 14 columns?", "1x28x28"),
    _Question("classes", "How many classes are there?", "10"),
    _Question("rows", "How many rows are there to train on?", "60000"),
    _Question("groups", "Which columns are groups, such as sex,age? Nothing if there are none.", ""),
    _Question("time", "How much time is there for the training?", "1h"),
)
_OF_THE_DATA = ("kind", "shape", "classes", "rows", "groups")

_Model: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[MODEL]", show_default=False, autocompletion=among(names.MODELS),
        help="The model, as for brinell harden: with it, the cost of every recipe is measured.",
    ),
]  # fmt: skip
_Data: TypeAlias = Annotated[
    str | None,
    typer.Argument(
        metavar="[DATA]", show_default=False, autocompletion=among(names.data),
        help="The rows to train on; of a data set with parts, such as digits, its training part in any case.",
    ),
]  # fmt: skip
_Threat: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="THREAT", show_default=False, autocompletion=among(names.THREATS),
        help="The threat set, such as linf:8/255, where it is decided.",
    ),
]  # fmt: skip


def _choice(words: tuple[str, ...], text: str) -> Any:
    return typer.Option(metavar="|".join(words), show_default=False, help=text, autocompletion=among(words))


def _value(metavar: str, text: str, *spellings: str) -> Any:
    return typer.Option(*spellings, metavar=metavar, show_default=False, help=text)


def advise(
    model: _Model = None,
    data: _Data = None,
    threat: _Threat = None,
    knows: Annotated[str | None, _choice(KNOWS, "What the attacker sees of the model: gradients.")] = None,
    wants: Annotated[str | None, _choice(WANTS, "What they want: any wrong answer.")] = None,
    kind: Annotated[str | None, _choice(KINDS, "What the inputs are: told by their shape.")] = None,
    shape: Annotated[str | None, _value("3x32x32", "The shape of one input: 1x28x28.")] = None,
    classes: Annotated[int | None, _value("NUMBER", "How many classes there are: 10.")] = None,
    rows: Annotated[int | None, _value("NUMBER", "How many rows there are to train on: 60000.")] = None,
    groups: Annotated[str | None, _value("NAME,...", "The columns that are groups.")] = None,
    proof: Annotated[
        bool, typer.Option("--proof", help="A certificate is wanted, and not measurements alone.")
    ] = False,
    cores: Annotated[int | None, _value("NUMBER", "CPU cores: those of this machine.")] = None,
    gpu: Annotated[
        bool | None, typer.Option("--gpu/--no-gpu", show_default=False, help="Whether there is a GPU: as here.")
    ] = None,
    time: Annotated[str | None, _value("30m|2h", "Time for the training: 1h.")] = None,
    epoch: Annotated[str | None, _value("20s|5m", "How long an epoch of your ordinary training takes.")] = None,
    weights: options.Weights = None,
    bounds: options.BoundsText = None,
    seed: options.Seed = 0,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take the default answers.")] = False,
    as_json: options.Json = False,
) -> None:
    """Advise on the attacker to count with, on audits and on recipes.

    Asks what is not given, on a terminal. Every answer stands with its reason and its source; the cost of a recipe is
    counted, or measured where MODEL and DATA are given.

    \b
    Example:
      brinell advise --shape 3x32x32 --rows 50000 --time 2h --epoch 40s
    """
    from brinell.cli import output
    from brinell.cli.progress import showing

    given = {
        "knows": knows, "wants": wants, "kind": kind, "shape": shape, "classes": classes, "rows": rows,
        "groups": groups, "time": time, "cores": cores, "gpu": gpu, "epoch": epoch, "proof": proof or None,
    }  # fmt: skip
    with output.for_machines(as_json):
        _check_pair(model, data)
        known = {name: value for name, value in given.items() if value is not None}
        known |= _answers(known, seen=data is not None, ask=not yes and not as_json and sys.stdin.isatty())
        with showing() as display:
            display("loading PyTorch", 0, None)
            from brinell.choosing import advise as advise_on

            situation = read_situation(known)
            more = _load(model, data, weights, bounds, seed, display)
            found = advise_on(situation, threat=_ball(threat), seed=seed, progress=display, **more)
        output.say(str(found))
    if as_json:
        output.print_json(found.facts())


def _check_pair(model: str | None, data: str | None) -> None:
    if model is not None and data is None:
        from brinell.errors import InputError

        raise InputError("MODEL is given without DATA; give both, to measure what recipes cost, or neither.")


def _answers(known: dict[str, Any], *, seen: bool, ask: bool) -> dict[str, Any]:
    """What the person at the terminal answers to the questions that are open."""
    if not ask:
        return {}
    open_ = [each for each in _QUESTIONS if each.field not in known and not (seen and each.field in _OF_THE_DATA)]
    return {each.field: answer for each in open_ if (answer := _asked(each))}


def _asked(question: _Question) -> str:
    typer.echo(question.text, err=True)
    return str(typer.prompt(
        f"  {question.field}", default=question.default, show_default=bool(question.default), err=True,
        value_proc=lambda text: read_answer(question.field, text),
    ))  # fmt: skip


def read_answer(field: str, text: str) -> str:
    """An answer that the situation takes. Raises BadParameter, upon which it is asked for again."""
    from brinell.errors import InputError

    answer = text.strip()
    try:
        read_situation({"gpu": False} | ({field: answer} if answer else {}))  # without it torch would be asked
    except InputError as problem:
        raise typer.BadParameter(str(problem)) from problem
    return answer


def read_situation(given: dict[str, Any]) -> "Situation":
    """A situation from texts. Raises InputError."""
    from brinell.choosing.situation import Situation, read_shape
    from brinell.errors import InputError

    read: dict[str, Any] = dict(given)
    if "shape" in read:
        read["shape"] = read_shape(read["shape"])
    if "groups" in read:
        read["groups"] = tuple(filter(None, (name.strip() for name in read["groups"].split(","))))
    for name in ("classes", "rows"):
        if name in read:
            try:
                read[name] = int(read[name])
            except ValueError as problem:
                raise InputError(f"{name} is {read[name]!r}; give a whole number.") from problem
    return Situation(**read)


def _ball(threat: str | None) -> Any:
    from brinell.threats import threat as ball

    return None if threat is None else ball(threat)


def _load(
    model: str | None, data: str | None, weights: Path | None, bounds: str | None, seed: int, display: Any
) -> dict[str, Any]:
    """The model and the data, and what they are called in commands."""
    if model is None or data is None:
        return {}
    from brinell.choosing import Names
    from brinell.cli import loading

    train, test = names.parts(data) or (data, Names().test)
    wanted = loading.Wanted(model, train, "linf:0.001", weights, bounds, None, seed)
    loaded = loading.load(wanted, display)
    more = [*(["--weights", str(weights)] if weights else []), *(["--bounds", bounds] if bounds else [])]
    return {"model": loaded.model, "data": loaded.source, "names": Names(model, train, test, tuple(more))}
