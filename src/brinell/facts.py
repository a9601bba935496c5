"""What records are made of: values that do not change, and that show when somebody changed them on disk."""

import hashlib
from typing import Self

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Facts that are set once; unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sealed(Frozen):
    """Facts with a sha256 over all the others, which an edit in the file breaks. It is no signature."""

    sha256: str = ""

    @property
    def seal(self) -> str:
        """The sha256 that the other facts have now."""
        return hashlib.sha256(self.model_dump_json(exclude={"sha256"}).encode()).hexdigest()

    def sealed(self) -> Self:
        """The same facts with their sha256 filled in."""
        return self.model_copy(update={"sha256": self.seal})
