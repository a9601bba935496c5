"""``brinell attacks``: what there is to attack with."""

from typing import TYPE_CHECKING, Any

from brinell.cli import options

if TYPE_CHECKING:
    from brinell.attacks import Attack


def attacks(as_json: options.Json = False) -> None:
    """List the attacks that there are.

    What they see of a model, what they can aim at, where they come from, and their parameters.

    \b
    Example:
      brinell attacks
    """
    import brinell
    from brinell.cli import output

    facts = [_facts(name, kind) for name, kind in brinell.ATTACKS.items()]
    if as_json:
        output.print_json(facts)
        return
    columns = ["name", "access", "goals", "threats", "source"]
    output.say_table(
        ["Attack", "access", "goals", "threat sets", "source"],
        [[fact[column] for column in columns] for fact in facts],
        words=len(columns),
    )
    output.say("Parameters, with their defaults")
    output.say()
    output.say_pairs([(fact["name"], _parameters(fact) or "none") for fact in facts])
    output.say()
    output.say(f"Threat sets: {', '.join(f'{name}:EPS' for name in brinell.THREATS)}.")


def _facts(name: str, kind: "type[Attack]") -> dict[str, Any]:
    from brinell.cli.values import defaults

    return {
        "name": name, "access": kind.access, "goals": kind.goals, "threats": kind.threats, "source": kind.source,
        "parameters": defaults(kind),
    }  # fmt: skip


def _parameters(fact: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in fact["parameters"].items())
