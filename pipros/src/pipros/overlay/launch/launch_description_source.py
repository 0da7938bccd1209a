"""Where a launch description comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.launch_description import LaunchDescription
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext


class LaunchDescriptionSource:
    """A launch description, or a file that makes one; the file is loaded once."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = "<script>",
        method: str = "unspecified mechanism from a script",
    ) -> None:
        self._description = launch_description
        self._location = normalize_to_list_of_substitutions(location)
        self._expanded_location: str | None = None
        self.method = method

    @property
    def location(self) -> str:
        """The path, as it is described until it has been expanded."""
        return self._expanded_location or " + ".join(part.describe() for part in self._location)

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """Return the description where that needs nothing of the running launch, else None."""
        from launch.launch_context import LaunchContext

        # Whatever a launch file or a substitution raises now, it will raise again in the launch, there
        # to be seen; here it only means that the arguments inside are not known.
        try:
            return self.get_launch_description(LaunchContext())
        except Exception:
            self._expanded_location = None
            return None

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """Return the description, loading it the first time."""
        if self._expanded_location is None:
            self._expanded_location = perform_substitutions(context, self._location)
        if self._description is None:
            self._description = self._load(self._expanded_location)
        return self._description

    def _load(self, location: str) -> LaunchDescription:
        raise NotImplementedError(f"{type(self).__name__}._load")
