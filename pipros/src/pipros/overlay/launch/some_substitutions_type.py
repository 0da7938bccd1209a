"""The path at which `launch` has it."""

from launch.substitutions import SomeSubstitutionsType as SomeSubstitutionsType
