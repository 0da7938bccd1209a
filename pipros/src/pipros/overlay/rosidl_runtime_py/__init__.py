"""The part of rosidl_runtime_py that finds message classes by name."""
