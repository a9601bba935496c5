"""What records are made of: values that do not change, and that show when somebody changed them on disk."""

import hashlib
from typing import Self

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Facts that are set once; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sealed(Frozen):
    """Facts with a sha256 over all the others, which an edit in the file breaks. It is no signature.

    Facts that nobody set are not among them: a file from before a fact was known keeps its sha256."""

    sha256: str = ""

    @property
    def seal(self) -> str:
        """The sha256 that the other facts have now."""
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}, exclude_unset=True).encode()).hexdigest()

    def sealed(self) -> Self:
        """The same facts with their sha256 filled in; all of them count as set."""
        whole = self.model_validate(self.model_dump())
        return whole.model_copy(update={"sha256": whole.seal})
