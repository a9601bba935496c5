"""Models and data that the command line names, found, built and tried on each other."""

import importlib
import importlib.util
import inspect
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
from torch import nn

from brinell.case import as_inputs, check_seed
from brinell.cli.output import say
from brinell.cli.places import about
from brinell.cli.progress import Display
from brinell.cli.values import read_bounds
from brinell.data import Source, read, stratified
from brinell.errors import InputError, InputMissingError, InputTypeError
from brinell.evaluation import Origin
from brinell.models import Classifier, evaluating, load_weights, same_random_state
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
    with about("seed"):
        check_seed(wanted.seed)
    with about("threat"):
        ball = threat(wanted.threat)
    model = load_model(wanted.model, wanted.weights, wanted.bounds, wanted.seed)
    with about("data"):
        source = read(wanted.data, progress=partial(display, unit="bytes"))
    with about("n"):
        if wanted.n is not None:
            source = stratified(source, wanted.n, wanted.seed)
    classes = _try(model, source, ball, wanted.model)
    weights = None if wanted.weights is None else str(wanted.weights)
    origin = Origin(model=wanted.model, data=wanted.data, weights=weights, bounds=wanted.bounds, n=wanted.n)
    return Loaded(model, source, ball, origin, classes)


def load_model(spec: str, weights: Path | None, bounds: str | None, seed: int) -> Classifier:
    """The model that ``file.py:function`` or ``package.module:function`` gives, in eval mode.

    seed: of the initial weights. Raises InputError, naming what is missing and what is there."""
    with about("model"), same_random_state(seed):
        found = _find(spec)
        built = found if isinstance(found, nn.Module) else _build(found, spec)
    with about("bounds"):
        model = _bounded(built, spec, bounds)
    with about("weights"):
        if weights is not None:
            load_weights(model, weights)
    return model.eval()


def _bounded(built: nn.Module, spec: str, bounds: str | None) -> Classifier:
    """With the range of its inputs."""
    if isinstance(built, Classifier):
        if bounds is not None:
            raise InputError(f"{spec} gives a Classifier, which has bounds {built.bounds} already; leave --bounds out.")
        return built
    if bounds is None:
        say(f"{spec} gives an nn.Module: its inputs are taken to lie in 0:1; --bounds says otherwise.")
    return Classifier(built, read_bounds(bounds or "0:1"))


def _find(spec: str) -> Any:
    """What ``spec`` names."""
    place, _, name = spec.rpartition(":")
    if not (place and name):
        raise InputError(
            f"the model is {spec!r}; write file.py:function or package.module:function, such as "
            "brinell.models:SmallCNN."
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
        raise InputError(
            f"{spec} cannot take a row of {source.name}, shape {tuple(x.shape[1:])}: it raised {_words(problem)}."
        ) from problem


def _words(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}".rstrip(".: ")
