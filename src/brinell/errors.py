"""What brinell raises when it is used wrongly: each message names the value, the limit and the remedy.

All are ``ValueError`` as well, so callers need not import them; the command line answers them with exit code 2.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """An argument, a file or a setting that cannot be worked with."""


class InputTypeError(InputError, TypeError):
    """An argument of the wrong kind."""


class InputMissingError(InputError, FileNotFoundError):
    """A file, a folder or a package that is not there."""


class OutputExistsError(InputError, FileExistsError):
    """A folder that would be overwritten."""


class UnsupportedLayerError(InputError):
    """A layer that no bounds are known for: names it and where in the network it stands."""


class CertificateBrokenError(RuntimeError):
    """An adversarial example where a certificate says there is none: the proof, or what it takes for granted, is wrong.
    Names the row. No wrong use, so no ``InputError``."""


class ModelFailedError(RuntimeError):
    """The model raised while it was attacked: names the rows, and what is kept. No wrong use, so no ``InputError``."""


def nearest(word: str, known: Iterable[str], otherwise: str = ".") -> str:
    """The end of a sentence about an unknown word: ``"; did you mean KNOWN?"`` where one is near."""
    from difflib import get_close_matches

    by_case = {each.lower(): each for each in known}
    longer = [each for each in by_case if word and each.startswith(word.lower())]
    near = longer[:1] or get_close_matches(word.lower(), by_case, 1)
    return f"; did you mean {by_case[near[0]]}?" if near else otherwise


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Let a package that is missing inside be an InputMissingError, which names the extra that brings it."""
    try:
        yield
    except ModuleNotFoundError as problem:
        raise InputMissingError(
            f'this needs the package {problem.name}, which is not there: pip install "brinell[{extra}]".'
        ) from problem
