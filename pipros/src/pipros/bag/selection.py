"""Which topics are meant: by name, by expression, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pipros.errors import PiprosError
from pipros.names import absolute


@dataclass(frozen=True)
class Selection:
    """A choice of topics, with the options of `ros2 bag`.

    Attributes:
        topics: names; with none and no expression, all are meant.
        regex: an expression for more of them.
        exclude_topics: names to leave out.
        exclude_regex: an expression of those to leave out.
        whole: whether expressions are of whole names, as `ros2 bag play` takes them; `record` looks for
            them anywhere in a name.
    """

    topics: tuple[str, ...] = ()
    regex: str = ""
    exclude_topics: tuple[str, ...] = ()
    exclude_regex: str = ""
    whole: bool = True

    def __post_init__(self) -> None:
        for option in ("regex", "exclude_regex"):
            try:
                re.compile(getattr(self, option))
            except re.error as error:
                name = option.replace("_", "-")
                raise PiprosError(
                    f"{name} '{error.pattern!s}' is not a regular expression: {error}"
                ) from None

    @property
    def is_everything(self) -> bool:
        """Whether no topic is asked for by name or expression."""
        return not self.topics and not self.regex

    def takes(self, topic: str) -> bool:
        """Whether a topic is meant, by its full name."""
        if topic in map(absolute, self.exclude_topics):
            return False
        if self.exclude_regex and self._matches(self.exclude_regex, topic):
            return False
        if self.is_everything:
            return True
        return topic in map(absolute, self.topics) or bool(self.regex and self._matches(self.regex, topic))

    def select(self, held: Collection[str], where: str) -> list[str]:
        """The topics of those `held` that are meant.

        Raises:
            PiprosError: a name that is not held, or nothing left; `where` is told as the place.
        """
        require(held, self.topics, where)
        chosen = [topic for topic in held if self.takes(topic)]
        if held and not chosen:
            raise PiprosError(f"{where} has no topic of those asked for; it has {', '.join(held)}")
        return chosen

    def _matches(self, expression: str, topic: str) -> bool:
        return bool((re.fullmatch if self.whole else re.search)(expression, topic))


def require(held: Collection[str], names: Iterable[str], where: str) -> None:
    """Raise PiprosError for a name that is not held."""
    for name in names:
        if absolute(name) not in held:
            raise PiprosError(f"{where} has no topic {name}; it has {', '.join(held) or 'none'}")
