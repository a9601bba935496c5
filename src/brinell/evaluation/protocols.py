"""Protocols: cascades that others have published, so that a number can stand beside theirs."""

from brinell.attacks import APGD, FAB, Attack, Square
from brinell.errors import InputError

_AUTOATTACK: dict[str, tuple[Attack, ...]] = {
    "standard": (APGD(), APGD(objective="dlr", targets=9), FAB(targets=9), Square(queries=5000)),
    "rand": (APGD(samples=20), APGD(objective="dlr", samples=20)),
}


class Cascades:
    """Published cascades by name, each a tuple of attacks for ``audit(..., cascade=...)``."""

    @staticmethod
    def autoattack(version: str = "standard") -> tuple[Attack, ...]:
        """The attacks of AutoAttack, in its order.

        version: "standard" is APGD on cross-entropy, then APGD, FAB and Square, the former two against the 9 most
        likely wrong classes. "rand" is for models that draw random numbers: APGD on cross-entropy and on DLR, each
        gradient the mean of 20 passes. With fewer than 4 classes APGD climbs a margin in place of DLR, and the record
        says so. Raises InputError on another version. Source: Croce and Hein 2020, arXiv:2003.01690."""
        if version not in _AUTOATTACK:
            raise InputError(f"the version is {version!r}; choose one of {', '.join(_AUTOATTACK)}.")
        return _AUTOATTACK[version]


cascades = Cascades()
