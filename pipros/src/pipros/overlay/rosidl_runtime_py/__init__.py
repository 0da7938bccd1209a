"""The part of rosidl_runtime_py that finds message and service classes by name."""
