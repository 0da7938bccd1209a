"""Runs rosidl's generators on the IDL files of a package, as a process of its own (see `built_messages`).

Arguments: package, "FOLDER:msg/Name.idl" of each between commas, output folder, type supports between
commas, folders of the IDL files that they include.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main(package: str, files: str, folder: str, supports: str, *includes: str) -> None:
    """Generate the messages in C and Python, and the C code of its type supports."""
    from rosidl_generator_c.cli import GenerateC
    from rosidl_generator_py.cli import GeneratePython
    from rosidl_typesupport_c.cli import GenerateCTypesupport

    names = supports.split(",")
    generators = [
        GenerateC("c"),
        GeneratePython("py", typesupport_implementations=["rosidl_typesupport_c"]),
        GenerateCTypesupport("c", typesupport_implementations=names),
    ]
    if "rosidl_typesupport_introspection_c" in names:
        from rosidl_typesupport_introspection_c.cli import GenerateIntrospectionCTypesupport

        generators.append(GenerateIntrospectionCTypesupport("introspection_c"))
    if "rosidl_typesupport_fastrtps_c" in names:
        from rosidl_typesupport_fastrtps_c.cli import GenerateFastRTPSCTypesupport

        generators.append(GenerateFastRTPSCTypesupport("fastrtps_c"))
    for generator in generators:
        generator.generate(package, files.split(","), list(includes), output_path=Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
