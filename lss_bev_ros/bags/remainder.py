"""What is left of a bag that its recorder did not end, or of which a part is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pipros.bag import Bag

from ..errors import RosError


@contextlib.contextmanager
def remainder(bag: Bag) -> Iterator[None]:
    """Say of what cannot be done with a bag that only a part of it is there, before what that part lacks.

    Raises:
        RosError: that of the block, with what the bag has lost in front where it is not whole.
    """
    try:
        yield
    except RosError as error:
        if bag.complete and not bag.lost:
            raise
        # Behind what metadata.yaml counts stands what is wrong with the files.
        why = bag.lost[-1] if bag.lost else "its recorder did not end it"
        raise RosError(f"only a part of bag {bag.path} is there ({why}); of that: {error}") from error
