"""Completion in bash, which takes a word with a colon or an equals sign in it for several words."""

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

_BREAKS = ":="  # where bash breaks words, of the characters that ours hold


@contextmanager
def whole_words() -> Iterator[None]:
    """Let what answers bash inside see whole words, and bash only the part of each answer that it is to put in."""
    if os.environ.get("_BRINELL_COMPLETE") != "complete_bash":
        yield
        return
    words, number = joined(os.environ.get("COMP_WORDS", "").split("\n"), int(os.environ.get("COMP_CWORD", 0)))
    os.environ.update({"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(number)})
    there = words[number] if number < len(words) else ""
    known = re.match(f"(?s).*[{_BREAKS}]|", there)
    skip = len(known[0]) if known else 0
    answers = io.StringIO()
    try:
        with redirect_stdout(answers):
            yield
    finally:  # the answer ends the process
        sys.stdout.writelines(f"{line[skip:]}\n" for line in answers.getvalue().splitlines())


def joined(words: list[str], number: int) -> tuple[list[str], int]:
    """Words that bash broke put together again, and the number of the word that was ``number``."""
    whole: list[str] = []
    at = 0
    for i, word in enumerate(words):
        if i > 1 and word and (set(word) <= set(_BREAKS) or whole[-1][-1:] in set(_BREAKS)):
            whole[-1] += word
        else:
            whole.append(word)
        if i == number:
            at = len(whole) - 1
    return whole, at if number < len(words) else len(whole)
