"""Models and data that the command line names, found, built and tried on each other."""

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from brinell import models
from brinell.case import as_inputs, check_seed
from brinell.cli import devices
from brinell.cli.detecting import Detect, Rows, behind
from brinell.cli.output import say
from brinell.cli.places import about
from brinell.cli.progress import Display
from brinell.cli.values import named, read_bounds
from brinell.data import Source, bounds_of, classes_of, read, stratified
from brinell.errors import InputError, InputMissingError, InputTypeError
from brinell.evaluation import Origin
from brinell.models import Classifier, evaluating, is_known, is_program, load_program, load_weights, same_random_state
from brinell.threats import Ball, threat


class Wanted(NamedTuple):
    """What the command line names: see ``brinell.cli.options``."""

    model: str
    data: str
    threat: str
    weights: Path | None
    bounds: str | None
    n: int | None
    seed: int
    sanitise: Sequence[str] | None = None
    detect: Detect | None = None
    device: str = devices.AUTO

    @classmethod
    def by(cls, given: Mapping[str, Any]) -> "Wanted":
        """What the parameters of a command name."""
        names = ("detect_threshold", "detect_data", "false_alarms")
        detect = Detect(given.get("detect") or (), *(given.get(name) for name in names))
        return cls(**{name: given[name] for name in cls._fields if name in given} | {"detect": detect})


class Loaded(NamedTuple):
    """What is there, and the words that named it."""

    model: Classifier
    source: Source
    threat: Ball
    origin: Origin
    classes: int


def load(wanted: Wanted, display: Display) -> Loaded:
    """Find, build and read everything that a command names, and try the model on a row. Raises InputError."""
    display("loading model and data", 0, None)
    device = devices.find(wanted.device)
    with about("seed"):
        check_seed(wanted.seed)
    with about("threat"):
        ball = threat(wanted.threat)
    built = build_model(wanted.model, wanted.weights, wanted.seed)
    with about("data"):
        source = read_for(built, wanted.data, display)
    with about("bounds"):
        model = _bounded(built, wanted, source).eval().to(device)
    with about("sanitise"):
        model = _behind(model, wanted.sanitise or ())
    with about("n"):
        chosen = source if wanted.n is None else stratified(source, wanted.n, wanted.seed)
    rows = Rows(source, chosen, partial(_read, built, display=display), wanted.data, wanted.seed)
    model, detector = behind(model, wanted.detect, rows)
    classes = _try(model, chosen, ball, wanted.model)
    weights = None if wanted.weights is None else str(wanted.weights)
    origin = Origin(model=wanted.model, data=wanted.data, weights=weights, bounds=wanted.bounds, n=wanted.n,
                    sanitise=tuple(wanted.sanitise or ()), detector=detector)  # fmt: skip
    return Loaded(model, chosen, ball, origin, classes)


def build_model(spec: str, weights: Path | None, seed: int) -> nn.Module:
    """The model that ``file.py:function`` or ``package.module:function`` gives, or that ``br.load_model`` knows.

    seed: of the initial weights. Raises InputError, naming what is missing and what is there."""
    if is_program(spec) and weights is not None:
        with about("weights"):
            raise InputError(f"{spec} holds its weights itself; leave --weights out.")
    with about("model"), same_random_state(seed):
        if is_program(spec):
            return load_program(spec)
        if is_known(spec):
            return models.load_model(spec, weights=weights)
        found = _find(spec)
        built = found if isinstance(found, nn.Module) else _build(found, spec)
    with about("weights"):
        if weights is not None:
            load_weights(built, weights)
    return built


def read_for(built: nn.Module, data: str, display: Display) -> Source:
    """The data, as far as ``built`` knows them in its frame and with its classes; what they are called is said."""
    source = _read(built, data, display)
    if names := classes_of(source):
        more = f" and {len(names) - 10:,} more" if len(names) > 10 else ""
        say(f"Classes: {', '.join(f'{number} = {name}' for number, name in enumerate(names[:10]))}{more}.")
    return source


def _read(built: nn.Module, data: str, display: Display) -> Source:
    frame, classes = (built.frame, built.classes) if isinstance(built, Classifier) else (None, None)
    return read(data, progress=partial(display, unit="bytes"), frame=frame, classes=classes)


def _bounded(built: nn.Module, wanted: Wanted, source: Source) -> Classifier:
    """With the range of its inputs: as the model knows it, as it is given, as the data tell it, or that of pixels."""
    spec, bounds = wanted.model, wanted.bounds
    if isinstance(built, Classifier):
        if bounds is not None:
            raise InputError(f"{spec} gives a Classifier, which has bounds {built.bounds} already; leave --bounds out.")
        return built
    if bounds is not None:
        return Classifier(built, read_bounds(bounds))
    known = bounds_of(source)
    model = Classifier(built, known or (0.0, 1.0))
    told = ", as the data tell" if known else ""
    say(f"{spec} gives an nn.Module: its inputs are taken to lie in {_colon(model)}{told}; --bounds says otherwise.")
    return model


def _behind(model: Classifier, texts: Sequence[str]) -> Classifier:
    """The model behind the sanitisers that are named, if there are any."""
    if not texts:
        return model
    return models.sanitised(model, *(named(models.SANITISERS, "sanitiser", text) for text in texts))


def _colon(model: Classifier) -> str:
    low, high = model.bounds.low, model.bounds.high
    return f"the bounds {model.bounds}" if isinstance(low, Tensor) else f"{low:g}:{high:g}"


def _find(spec: str) -> Any:
    """What ``spec`` names."""
    place, _, name = spec.rpartition(":")
    if not (place and name):
        raise InputError(
            f"the model is {spec!r}; write file.py:function or package.module:function, such as "
            "brinell.models:SmallCNN, hf:NAME, timm:NAME, or a .pt2 or .pt file."
        )
    module = _import_file(Path(place)) if place.endswith(".py") else _import_module(place)
    if not hasattr(module, name):
        raise InputError(f"there is no {name!r} in {place}; it has: {', '.join(_offers(module)) or 'nothing to call'}.")
    return getattr(module, name)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise InputMissingError(f"there is no file {path}; check the spelling and the folder.")
    _look_in(path.resolve().parent)
    name = f"brinell_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None  # the name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and torch look their classes' modules up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:
        raise InputError(f"{path} cannot be imported: {_words(problem)}.") from problem
    return module


def _import_module(name: str) -> ModuleType:
    _look_in(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name and (name == problem.name or name.startswith(f"{problem.name}.")):
            raise InputMissingError(
                f"there is no module {name!r} (missing: {problem.name}); install it, run brinell in its folder, or "
                "write file.py:function."
            ) from problem
        raise InputError(f"{name} cannot be imported: {_words(problem)}.") from problem
    except (Exception, SystemExit) as problem:
        raise InputError(f"{name} cannot be imported: {_words(problem)}.") from problem


def _look_in(folder: Path) -> None:
    """Find modules beside the user's file, as Python itself does with a script."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _offers(module: ModuleType) -> list[str]:
    """Names that could be meant: modules, and what the module itself defines."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (isinstance(value, nn.Module) or callable(value))
        and str(getattr(value, "__module__", "")).startswith(module.__name__)
    ]


def _build(found: Any, spec: str) -> nn.Module:
    """Call what was found, without arguments."""
    if not callable(found):
        raise InputTypeError(
            f"{spec} is {type(found).__name__}; name a function or class that gives an nn.Module or a Classifier."
        )
    try:
        inspect.signature(found).bind()
    except TypeError as problem:
        raise InputError(
            f"{spec} is called without arguments, but {problem}; name a function that needs none."
        ) from problem
    except ValueError:
        pass  # it does not tell its signature
    try:
        built = found()
    except (Exception, SystemExit) as problem:
        raise InputError(f"{spec} raised {_words(problem)}.") from problem
    if not isinstance(built, nn.Module):
        raise InputTypeError(f"{spec} returned {type(built).__name__}; it must return an nn.Module or a Classifier.")
    return built


def _try(model: Classifier, source: Source, ball: Ball, spec: str) -> int:
    """One row through the model: what cannot go together is said before anything else is done. Returns the number of
    classes."""
    x = as_inputs(model, source.block(slice(0, 1))[0])
    with about("threat"):
        ball.check(x, model.bounds.to(x))
    try:
        with evaluating(model), torch.no_grad():
            return int(model(x).shape[1])
    except InputError:
        raise
    except Exception as problem:
        place = "" if x.device.type == "cpu" else f" on {x.device} (--device cpu keeps it off that)"
        shape = tuple(x.shape[1:])
        raise InputError(
            f"{spec} cannot take a row of {source.name}, shape {shape}{place}: it raised {_words(problem)}."
        ) from problem


def _words(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}".rstrip(".: ")
