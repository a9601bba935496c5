"""Interval bounds along the graph of a network, traced by torch.fx."""

import inspect
import operator
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import fx, nn
from torch.nn.utils import parametrize

from brinell.certificates.interval import Arithmetic, Interval
from brinell.certificates.rules import NoRuleError, Rule
from brinell.certificates.tables import ALIASES, FUNCTIONS, METHODS, MODULES
from brinell.errors import UnsupportedLayerError
from brinell.models.slopes import is_quick


class Ends(NamedTuple):
    """What the walk found: the interval of the logits; or that which enters a last linear layer, and the layer."""

    interval: Interval
    last: nn.Linear | None = None


def walk(net: nn.Module, x: Interval, how: Arithmetic) -> Ends:
    """Take the interval of the inputs through the network, layer by layer, up to its last linear layer.

    BatchNorms in train mode go by the middles of the batch (``how.moments``). Raises UnsupportedLayerError, which names
    the layer and where it stands."""
    if type(net) in MODULES:
        net = nn.Sequential(net)
    graph = trace(net)
    layers = dict(net.named_modules(remove_duplicate=False))
    places = list(graph.nodes)
    exit_ = _logits(places[-1].args[0])
    last = layers[str(exit_.target)] if exit_.op == "call_module" else None
    final = exit_ if last is not None and kind(last) is nn.Linear and len(exit_.users) == 1 else None
    last_reader = {given: node for node in places for given in node.all_input_nodes}
    values: dict[fx.Node, Any] = {}
    for node in places[:-1]:
        if node is final:
            continue
        try:
            values[node] = _pass(node, values, layers, net, x, how)
            _check_rows(values[node], x)
        except NoRuleError as problem:
            raise UnsupportedLayerError(f"{_where(node, places, layers)}: {problem}. {_REMEDY}") from problem
        for given in node.all_input_nodes:
            if last_reader[given] is node:
                del values[given]  # so that memory does not grow with the depth
    if final is not None:
        assert isinstance(last, nn.Linear)
        return Ends(values[final.all_input_nodes[0]], last)
    return Ends(values[exit_])


_REMEDY = (
    "Interval bounds know linear and convolution layers, BatchNorm, pooling, the usual activations, sums, joins and "
    "changes of shape; replace the layer (see with_layers), or use Smoothing, which asks nothing of the network."
)


def trace(net: nn.Module) -> fx.Graph:
    """The graph of a network, modules of torch as single steps. Raises UnsupportedLayerError."""
    check_bare(net)
    try:
        return fx.Tracer().trace(net)
    except Exception as problem:  # whatever the network's own code does with a stand-in for its input
        raise UnsupportedLayerError(
            f"the network ({type(net).__name__}) cannot be traced: {str(problem).splitlines()[0]} Interval bounds need "
            f"a forward pass that does the same steps for every input. {_REMEDY}"
        ) from problem


def check_bare(net: nn.Module) -> None:
    """Raise UnsupportedLayerError where a forward pass does more than the modules' own code says."""
    for name, module in net.named_modules():
        moved = "forward" in vars(module) and not is_quick(module)
        if module._forward_hooks or module._forward_pre_hooks or moved:
            raise UnsupportedLayerError(
                f"layer {name!r} ({type(module).__name__}) has a forward hook, or a forward put on it from outside, "
                "which no bounds can see; remove it (weights normalised by a hook: torch.nn.utils.parametrizations)."
            )


def kind(module: nn.Module) -> type[nn.Module]:
    """The class that says what the module does: with parametrized weights, the one below torch's own."""
    return type(module).__mro__[1] if parametrize.is_parametrized(module) else type(module)


def _logits(result: Any) -> fx.Node:
    """Where in what the network returns the logits are, by the rules of Classifier."""
    if isinstance(result, Mapping):
        result = result.get("logits")
    if isinstance(result, (tuple, list)):
        result = next((part for part in result if isinstance(part, fx.Node)), None)
    if not isinstance(result, fx.Node):
        raise UnsupportedLayerError("no bounds are known for what the network returns; let it return the logits alone.")
    return result


def _pass(
    node: fx.Node, values: Mapping[fx.Node, Any], layers: Mapping[str, nn.Module], net: nn.Module, x: Interval,
    how: Arithmetic,
) -> Any:  # fmt: skip
    """What one step of the graph makes of what it is given."""
    if node.op == "placeholder":
        return x if node.prev.op == "root" else (node.args[0] if node.args else None)
    if node.op == "get_attr":
        return operator.attrgetter(str(node.target))(net)
    args, named = fx.node.map_arg((node.args, dict(node.kwargs)), lambda given: values[given])
    if not any(isinstance(given, Interval) for given in _leaves((args, named))):
        return _plain(node, args, named, layers)
    if node.op == "call_module":
        layer = layers[str(node.target)]
        rule = _known(MODULES.get(kind(layer)))
        _check_in_place(node, getattr(layer, "inplace", False), layers)
        return rule(how, layer, *args, *named.values())
    if node.op == "call_method":
        return _known(METHODS.get(str(node.target)))(how, *args, **named)
    rule = _known(FUNCTIONS.get(node.target))
    named, args, changes = _by_name(node.target, args, named)
    _check_in_place(node, changes, layers)
    return rule(how, *args, **named)


def _known(rule: Rule | None) -> Rule:
    if rule is None:
        raise NoRuleError("no bounds are known for it")
    return rule


def _plain(node: fx.Node, args: Any, named: Any, layers: Mapping[str, nn.Module]) -> Any:
    """A step that no interval enters: shapes and constants, computed as they are."""
    if node.op == "call_module":
        return layers[str(node.target)](*args, **named)
    if node.op == "call_method":
        return getattr(args[0], str(node.target))(*args[1:], **named)
    assert callable(node.target)
    return node.target(*args, **named)


def _by_name(function: Any, args: Any, named: Any) -> tuple[dict[str, Any], Any, bool]:
    """The arguments without ``inplace``, and whether it was asked for."""
    if function is operator.iadd:
        return named, args, True
    try:
        known = inspect.signature(function).parameters
    except ValueError:  # built in
        return named, args, False
    if "inplace" not in known:
        return named, args, False
    given = inspect.signature(function).bind(*args, **named).arguments
    changes = bool(given.pop("inplace", False))
    first = next(iter(given))
    return {name: value for name, value in given.items() if name != first}, (given[first],), changes


def _check_in_place(node: fx.Node, changes: bool, layers: Mapping[str, nn.Module]) -> None:
    """Raise NoRuleError where a step changes in place what a later step reads as well."""
    given = node.args[0] if node.args else None
    while changes and isinstance(given, fx.Node):
        readers = [user for user in given.users if user.target not in ("size", "dim", getattr)]
        if len(readers) > 1:
            raise NoRuleError("it changes in place what another step reads as well; leave inplace out")
        does = kind(layers[str(given.target)]) if given.op == "call_module" else given.target
        given = given.args[0] if does in ALIASES and given.args else None


def _check_rows(value: Any, x: Interval) -> None:
    if isinstance(value, Interval) and (not value.like.dim() or len(value.like) != len(x.like)):
        raise NoRuleError("it does not keep the rows of a batch apart")


def _leaves(tree: Any) -> Iterator[Any]:
    if isinstance(tree, Interval) or not isinstance(tree, (tuple, list, dict)):
        yield tree
        return
    for part in tree.values() if isinstance(tree, dict) else tree:
        yield from _leaves(part)


def _where(node: fx.Node, places: list[fx.Node], layers: Mapping[str, nn.Module]) -> str:
    """Which layer, and where it stands in the graph."""
    steps = [place for place in places if place.op.startswith("call")]
    before = steps[: steps.index(node)]
    after = f"after {_name(before[-1], layers)}" if before else "the first"
    return f"{_name(node, layers)}, step {len(before) + 1} of {len(steps)} of the network, {after}"


def _name(node: fx.Node, layers: Mapping[str, nn.Module]) -> str:
    if node.op == "call_module":
        return f"layer {str(node.target)!r} ({type(layers[str(node.target)]).__name__})"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return f"the call of {name}"
