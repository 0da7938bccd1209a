"""Names of `launch_ros.descriptions`."""

from launch_ros.parameter_descriptions import Parameter, ParameterFile, ParameterValue

__all__ = ["Parameter", "ParameterFile", "ParameterValue"]
