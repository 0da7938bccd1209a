"""Reads names and parameters off NVIDIA's published wheels, into tensorrt_signatures.json.

    python test/runtime/tensorrt_bindings.py test/runtime/tensorrt_signatures.json

The wheels of the bindings are 1 MB each and need no GPU. Their libraries (2 GB a version) are not needed
either: to be imported, the bindings want a dozen functions to exist, which no docstring calls. Empty ones
are compiled.
Needs Linux on x86-64, Python 3.11, gcc and readelf.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

WHEELS = {
    "8.6.1": "tensorrt_bindings==8.6.1",
    "10.3.0": "tensorrt_cu12_bindings==10.3.0",
    "10.7.0": "tensorrt_cu12_bindings==10.7.0",
    "10.13.3": "tensorrt_cu13_bindings==10.13.3.9",
    "10.16.1": "tensorrt_cu13_bindings==10.16.1.11",
    "rtx1.4.0.76": "tensorrt_rtx_cu13_bindings==1.4.0.76",
    "rtx1.7.1.116": "tensorrt_rtx_cu13_bindings==1.7.1.116",
    "11.0.0": "tensorrt_cu13_bindings==11.0.0.114",
    "11.4.0": "tensorrt_cu13_bindings==11.4.0.106",
}
"""Oldest first."""

CLASSES = {
    "ILogger": "__init__ log",
    "Builder": "__init__ create_network create_builder_config create_optimization_profile "
    "build_serialized_network num_DLA_cores platform_has_fast_fp16 platform_has_fast_int8",
    "OnnxParser": "__init__ parse parse_from_file num_errors get_error set_flag",
    "ParserError": "desc code node node_name node_operator",
    "IBuilderConfig": "set_memory_pool_limit set_flag clear_flag create_timing_cache set_timing_cache "
    "get_timing_cache add_optimization_profile default_device_type DLA_core progress_monitor "
    "builder_optimization_level profiling_verbosity set_device_type can_run_on_DLA "
    "num_compute_capabilities set_compute_capability get_compute_capability int8_calibrator",
    "ITimingCache": "serialize combine",
    "IOptimizationProfile": "set_shape",
    "INetworkDefinition": "num_inputs get_input num_outputs get_output num_layers get_layer",
    "ITensor": "name shape dtype",
    "Runtime": "__init__ deserialize_cuda_engine DLA_core num_DLA_cores",
    "ICudaEngine": "num_io_tensors get_tensor_name get_tensor_mode get_tensor_shape get_tensor_dtype "
    "get_tensor_profile_shape create_execution_context create_runtime_config create_engine_inspector "
    "num_optimization_profiles name",
    "IEngineInspector": "get_engine_information get_layer_information",
    "IExecutionContext": "set_input_shape set_tensor_address execute_async_v3 get_tensor_shape "
    "all_shape_inputs_specified infer_shapes profiler enqueue_emits_profile report_to_profiler",
    "IProfiler": "__init__ report_layer_time",
    "IProgressMonitor": "__init__ phase_start step_complete phase_finish",
    "IHostMemory": "nbytes",
    "IRuntimeConfig": "create_runtime_cache set_runtime_cache",
    "IRuntimeCache": "serialize deserialize",
    "IInt8EntropyCalibrator2": "__init__",
}
"""What our code uses of each class, or would miss."""

ENUMS = (
    "NetworkDefinitionCreationFlag",
    "OnnxParserFlag",
    "BuilderFlag",
    "MemoryPoolType",
    "DeviceType",
    "TensorIOMode",
    "DataType",
    "ComputeCapability",
    "ProfilingVerbosity",
    "LayerInformationFormat",
)


def describe(module: Any) -> dict[str, Any]:
    """Classes with their members, and enums with their numbers, as far as the module has them.

    A method is a list of overloads, each a list of parameters, `?` after one with a default. A property is
    `read` or `write`.
    """
    classes = {}
    for name, members in CLASSES.items():
        kind = getattr(module, name, None)
        if kind is not None:
            found = {member: _member(kind, member) for member in members.split()}
            classes[name] = {member: what for member, what in found.items() if what is not None}
    enums = {
        name: {key: int(value) for key, value in getattr(module, name).__members__.items()}
        for name in ENUMS
        if hasattr(module, name)
    }
    return {"classes": classes, "enums": enums}


def _member(kind: type, name: str) -> str | list[list[str]] | None:
    member = inspect.getattr_static(kind, name, None)
    if member is None:
        return None
    if isinstance(member, property):
        return "read" if member.fset is None else "write"
    return overloads(name, inspect.getdoc(getattr(kind, name)) or "") or None


def overloads(name: str, documentation: str) -> list[list[str]]:
    """The parameters in a docstring of pybind11, without `self`."""
    found: list[list[str]] = []
    for line in documentation.splitlines():
        match = re.match(rf"(?:\d+\. )?{re.escape(name)}\((.*)\) ->", line)
        if match and match[1] != "*args, **kwargs":
            parameters = re.findall(r"(?:^|, )(\w+): ((?:\[.*?\]|[^,\[]|\[[^\]]*\])*)", match[1])
            named = [key + "?" * (" = " in kind) for key, kind in parameters if key != "self"]
            if named not in found:  # of other types
                found.append(named)
    return found


def load(wheel: Path, folder: Path) -> Any:
    """Import the bindings of a wheel, their libraries replaced by empty ones."""
    with zipfile.ZipFile(wheel) as archive:
        (extension,) = (name for name in archive.namelist() if re.search(r"tensorrt\w*\.so$", name))
        path = Path(archive.extract(extension, folder))
    dynamic, symbols = (
        subprocess.run(
            ["readelf", option, "-W", str(path)], capture_output=True, text=True, check=True
        ).stdout
        for option in ("-d", "--dyn-syms")
    )
    wanted = re.findall(r"FUNC +GLOBAL DEFAULT +UND ((?:get|create|init|_ZN2?\d*nv)\w+)$", symbols, re.M)
    source = folder / "empty.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in wanted))
    import ctypes

    for name in re.findall(r"\[(lib(?:nv|tensorrt)[^\]]+)\]", dynamic):
        library = folder / name
        words = ["gcc", "-shared", "-fPIC", "-w", f"-Wl,-soname,{name}", "-o", str(library), str(source)]
        subprocess.run(words, check=True)
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Read all of them, or with a wheel and a folder that one, in a process of its own."""
    if len(sys.argv) == 3:
        print(json.dumps(describe(load(Path(sys.argv[1]), Path(sys.argv[2])))))
        return
    versions = {}
    for version, wheel in WHEELS.items():
        with tempfile.TemporaryDirectory() as folder:
            download = ["pip", "download", "--quiet", "--no-deps", "--dest", folder, wheel]
            subprocess.run([sys.executable, "-m", *download], check=True)
            (file,) = Path(folder).glob("*.whl")
            words = [sys.executable, __file__, str(file), folder]
            said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
            versions[version] = json.loads(said)
    Path(sys.argv[1]).write_text(written(versions))


def written(versions: dict[str, Any]) -> str:
    """As JSON with a class or an enum a line."""
    blocks = []
    for version, known in versions.items():
        parts = []
        for part, entries in known.items():
            lines = [f"   {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items()]
            parts.append(f'  "{part}": {{\n' + ",\n".join(lines) + "\n  }")
        blocks.append(
            f' "{version}": {{"source": {json.dumps(WHEELS[version])},\n' + ",\n".join(parts) + "\n }"
        )
    return '{"versions": {\n' + ",\n".join(blocks) + "\n}}\n"


if __name__ == "__main__":
    main()
