"""Runs rosidl's generators on a package's definitions, as a process of its own (see `built_messages`).

Arguments: package, folder of its msg/Name.msg and srv/Name.srv, output folder, type supports between commas,
folders of the IDL files that they include. Each generator writes into a folder of its own below the output
folder, since files of two have the same names; `python` is that of the Python code.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(package: str, definitions: str, folder: str, supports: str, *includes: str) -> None:
    """Generate the types in C and Python, and the C code of their type supports."""
    from rosidl_adapter.msg import convert_msg_to_idl
    from rosidl_adapter.srv import convert_srv_to_idl
    from rosidl_generator_c.cli import GenerateC
    from rosidl_generator_py.cli import GeneratePython
    from rosidl_typesupport_c.cli import GenerateCTypesupport

    root = Path(definitions)
    idl = []
    for path in sorted(root.glob("*/*")):
        convert = convert_srv_to_idl if path.suffix == ".srv" else convert_msg_to_idl
        convert(root, package, path.relative_to(root), path.parent)
        idl.append(f"{root}:{path.relative_to(root).with_suffix('.idl')}")
    names = supports.split(",")
    generators = {
        "c": GenerateC("c"),
        "python": GeneratePython("py", typesupport_implementations=["rosidl_typesupport_c"]),
        "support": GenerateCTypesupport("c", typesupport_implementations=names),
    }
    if "rosidl_typesupport_introspection_c" in names:
        from rosidl_typesupport_introspection_c.cli import GenerateIntrospectionCTypesupport

        generators["introspection"] = GenerateIntrospectionCTypesupport("introspection_c")
    if "rosidl_typesupport_fastrtps_c" in names:
        from rosidl_typesupport_fastrtps_c.cli import GenerateFastRTPSCTypesupport

        generators["fastrtps"] = GenerateFastRTPSCTypesupport("fastrtps_c")
    for name, generator in generators.items():
        output = Path(folder) / name / package
        output.mkdir(parents=True)
        generator.generate(package, idl, list(includes), output_path=output)


if __name__ == "__main__":
    main(*sys.argv[1:])
