"""Published models by name: ``hf:`` (transformers) and ``timm:``."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from brinell.errors import InputError, InputMissingError
from brinell.models.classifier import Classifier
from brinell.models.processors import Preparation
from brinell.models.state import same_random_state
from brinell.models.weights import load_weights

_LOG = logging.getLogger("brinell")
_FAULTS = (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError)  # what packages raise of a model


def load_huggingface(place: str, weights: Path | None = None) -> Classifier:
    """An image classifier of transformers: a folder that ``save_pretrained`` wrote, or a name on the Hugging Face Hub.

    place: also ``NAME@REVISION``. What is not in the cache is downloaded, and that is announced.
    Weights are read from safetensors alone, and no code of the model's own is run. The image processor becomes bounds
    (0, 1), a normalisation and ``frame``; it is tried on a picture, and refused where it does more than that.
    ``classes`` are the names of ``id2label``. Raises InputError, InputMissingError."""
    transformers = _package("transformers", f"hf:{place}")
    name, _, revision = (place, "", "") if Path(place).is_dir() else place.partition("@")
    more = {"trust_remote_code": False} | ({"revision": revision} if revision else {})

    def load(where: dict[str, Any]) -> Any:
        processor = transformers.AutoImageProcessor.from_pretrained(name, **more, **where)
        return processor, *transformers.AutoModelForImageClassification.from_pretrained(
            name, use_safetensors=True, output_loading_info=True, **more, **where
        )

    with same_random_state(0):  # the network is drawn before its weights are read
        processor, net, info = _cached_first(load, transformers, f"hf:{place}")
    if weights is None:
        _refuse_untrained(info, f"hf:{place}")
    prepared = Preparation.of_processor(processor.to_dict(), f"hf:{place}")
    prepared.check(lambda picture: torch.as_tensor(processor(picture)["pixel_values"][0]), f"hf:{place}")
    names = {int(number): str(label) for number, label in net.config.id2label.items()}
    return _classifier(net, prepared, tuple(names[number] for number in sorted(names)), weights)


def load_timm(name: str, options: Mapping[str, str], weights: Path | None = None) -> Classifier:
    """A model of timm, with its published weights, or with ``weights``.

    options: num_classes and in_chans, for weights of your own. Its data configuration becomes bounds (0, 1), a
    normalisation and ``frame``; timm's own transform is tried on a picture, and refused where it does more than that.
    Raises InputError, InputMissingError."""
    timm = _package("timm", f"timm:{name}")
    unknown = [key for key in options if key not in ("num_classes", "in_chans") or not options[key].isdecimal()]
    if unknown:
        raise InputError(
            f"timm:{name} is given {unknown[0]}={options[unknown[0]]}; it takes num_classes=10, in_chans=3."
        )
    if options and weights is None:
        raise InputError(f"timm:{name} with {', '.join(options)} is not trained; give its weights as well.")
    if weights is None:
        _LOG.warning("loading timm:%s; what is not in the cache is downloaded", name)
    try:
        sizes = {key: int(value) for key, value in options.items()}
        with same_random_state(0):  # the network is drawn before its weights are read
            net = timm.create_model(name, pretrained=weights is None, **sizes)
    except (RuntimeError, OSError, ValueError, TypeError) as problem:
        raise InputError(f"timm:{name} cannot be loaded: {problem}") from problem
    facts = timm.data.resolve_model_data_config(net)
    prepared = Preparation.of_timm(facts, f"timm:{name}")
    prepared.check(timm.data.create_transform(**facts, is_training=False), f"timm:{name}")
    return _classifier(net, prepared, None, weights)


def _classifier(
    net: nn.Module, prepared: Preparation, classes: tuple[str, ...] | None, weights: Path | None
) -> Classifier:
    model = Classifier(net, bounds=(0.0, 1.0), normalize=prepared.normalize)
    model.frame, model.classes = prepared.frame, classes
    if weights is not None:
        load_weights(model, weights)
    return model.eval()


def _package(name: str, wanted: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name != name:
            raise InputMissingError(
                f"{wanted} needs {name}, which needs {problem.name}: pip install {problem.name}."
            ) from problem
        raise InputMissingError(f'{wanted} needs the package {name}: pip install "brinell[{name}]".') from problem


def _cached_first(load: Callable[[dict[str, Any]], Any], transformers: Any, wanted: str) -> Any:
    """What ``load`` gives without the network, or else with it, which is announced."""
    try:
        with _quiet(transformers):
            return load({"local_files_only": True})
    except _FAULTS as problem:
        if not isinstance(problem, OSError) or Path(wanted.partition(":")[2]).is_dir():
            raise _unloadable(wanted, problem) from problem
    _LOG.warning("%s is not in the cache; downloading it from the Hugging Face Hub", wanted)
    try:
        return load({})
    except _FAULTS as problem:
        raise _unloadable(wanted, problem) from problem


def _unloadable(wanted: str, problem: Exception) -> InputError:
    said = " ".join(str(problem).split())
    if "safetensors" in said:
        return InputError(
            f"{wanted} has no weights in safetensors, and others would be unpickled, which can run code: write them "
            "anew with save_pretrained(FOLDER), on a machine that may read them, and give hf:FOLDER."
        )
    if "trust_remote_code" in said:
        return InputError(
            f"{wanted} comes with code of its own, which is not run; build it inside file.py:function if you trust it."
        )
    return InputError(f"{wanted} cannot be loaded as an image classifier: {said}")


def _refuse_untrained(info: Mapping[str, Any], wanted: str) -> None:
    missing = sorted(map(str, [*info.get("missing_keys", ()), *info.get("mismatched_keys", ())]))
    if missing:
        raise InputError(
            f"{wanted} has no weights for {', '.join(missing[:3])}: they would be random. Name a model that was "
            "trained to classify, or give its weights."
        )


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No bars of its own for what takes a moment."""
    log = transformers.utils.logging
    shown, level = log.is_progress_bar_enabled(), log.get_verbosity()
    log.disable_progress_bar()
    log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if shown:
            log.enable_progress_bar()
