"""The path at which `launch` has them."""

from launch.substitutions import normalize_to_list_of_substitutions as normalize_to_list_of_substitutions
from launch.substitutions import perform_substitutions as perform_substitutions
