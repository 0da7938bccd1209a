"""A stand-in for the module tensorrt that has the names and parameters of a published version, and no others.

A call that this version's API would refuse fails here too: an unknown class, method, enum entry or parameter,
too many arguments, a property that cannot be set. What it does is scripted.
"""

from __future__ import annotations

import ctypes
import enum
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

NUMPY = {"FLOAT": "float32", "HALF": "float16", "INT32": "int32"}
SIGNATURES = json.loads(Path(__file__).with_name("tensorrt_signatures.json").read_text())
VERSIONS = tuple(SIGNATURES["versions"])


@dataclass
class Plan:
    """An engine that the stand-in opens and runs.

    Attributes:
        tensors: name, `INPUT` or `OUTPUT`, shape and TensorRT's type; a size that is free is its name.
        profiles: of inputs with free sizes, smallest, usual and largest shape.
        compute: makes the outputs of the inputs; None leaves them as they are.
    """

    tensors: tuple[tuple[str, str, tuple[int | str, ...], str], ...]
    profiles: dict[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    compute: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = None


@dataclass
class Script:
    """What the stand-in says and remembers."""

    errors: list[tuple[str, str, str]] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    builds: bool = True
    opens: bool = True
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = (("images", (6, 3, 128, 352)),)
    tensors: tuple[tuple[str, str, tuple[int, ...], str], ...] = ()
    plans: dict[bytes, Plan] = field(default_factory=dict)
    dla_cores: int = 0
    flags: set[str] = field(default_factory=lambda: {"TF32"})
    network_flags: int = 0
    properties: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    cache: bytes = b""
    jit: bytes = b""
    """Kernels that were compiled when an engine was opened, which a cache of them holds."""
    contexts: int = 0
    on_build: Callable[[], object] | None = None
    """What happens between two callbacks of a build."""
    told: list[str] = field(default_factory=list)
    """Callbacks of a progress monitor that a build has called."""


def fake_tensorrt(version: str, script: Script) -> SimpleNamespace:
    """The module, for a version in VERSIONS."""
    known = SIGNATURES["versions"][version]
    rtx = version.startswith("rtx")
    module = SimpleNamespace(
        __version__=version[3:] if rtx else version, __name__="tensorrt_rtx" if rtx else "tensorrt"
    )
    for name, members in known["enums"].items():
        setattr(module, name, enum.IntEnum(name, members))
    behaviour = _behaviour(module, script)
    for name, members in known["classes"].items():
        setattr(module, name, _strict(name, members, behaviour.get(name, {}), script))
    module.ILogger.Severity = enum.IntEnum(
        "Severity", {"INTERNAL_ERROR": 0, "ERROR": 1, "WARNING": 2, "VERBOSE": 4}
    )
    return module


def _strict(name: str, members: dict[str, Any], behaviour: dict[str, Any], script: Script) -> type:
    """A class with those members and no others."""
    namespace: dict[str, Any] = {"__slots__": ("__dict__",)}

    def method(member: str, overloads: list[list[str]]) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            assert any(_fits(overload, args, kwargs) for overload in overloads), (
                f"{name}.{member} takes {overloads}, not {len(args)} arguments and {sorted(kwargs)}"
            )
            script.calls.append((f"{name}.{member}", args))
            return behaviour.get(member, lambda *_: None)(self, *args, **kwargs)

        return call

    for member, kind in members.items():
        if isinstance(kind, list):
            namespace[member] = method(member, kind)
            continue

        def get(self: Any, member: str = member) -> Any:
            return behaviour[member](self) if member in behaviour else script.properties.get(member)

        def put(self: Any, value: Any, member: str = member) -> None:
            script.properties[member] = value

        namespace[member] = property(get, put if kind == "write" else None)
    allowed = set(members)

    def set_attribute(self: Any, attribute: str, value: Any) -> None:
        # Classes that our code derives may keep what they like.
        ours = type(self).__module__ != __name__
        assert ours or attribute in allowed or attribute.startswith("_"), f"{name} has no {attribute}"
        object.__setattr__(self, attribute, value)

    namespace["__setattr__"] = set_attribute
    namespace["__module__"] = __name__
    return type(name, (), namespace)


def _fits(parameters: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    names = [name.rstrip("?") for name in parameters]
    given = set(names[: len(args)]) | set(kwargs)
    needed = {name for name in parameters if not name.endswith("?")}
    return len(args) <= len(names) and set(kwargs) <= set(names[len(args) :]) and needed <= given


def _behaviour(trt: SimpleNamespace, script: Script) -> dict[str, dict[str, Any]]:
    def remember_logger(self: Any, logger: Any) -> None:
        self._logger = logger

    def build(self: Any, network: Any, config: Any) -> bytes | None:
        monitor = script.properties.get("progress_monitor")
        if script.on_build is not None:
            script.on_build()
        if monitor is not None:
            monitor.phase_start("Tactic", None, 2)
            if not monitor.step_complete("Tactic", 0):
                return None
            script.told.append("IProgressMonitor.phase_finish")
            monitor.phase_finish("Tactic")
        for line in script.layers:
            self._logger.log(trt.ILogger.Severity.VERBOSE, line)
        for line in script.says:
            self._logger.log(trt.ILogger.Severity.ERROR, line)
        return b"plan" if script.builds else None

    def create_network(self: Any, flags: int = 0) -> Any:
        members = trt.NetworkDefinitionCreationFlag
        assert flags in {0, *(1 << member for member in members)}, "a flag that this version lacks"
        script.network_flags = flags
        return trt.INetworkDefinition()

    def tensor(index: int) -> Any:
        name, shape = script.inputs[index]
        made = trt.ITensor()
        made._name, made._shape = name, shape
        return made

    def parser_error(index: int) -> Any:
        made = trt.ParserError()
        made._fields = script.errors[index]
        return made

    def parse(self: Any, model: bytes) -> bool:
        if script.errors:
            for line in script.says:
                self._logger.log(trt.ILogger.Severity.ERROR, line)
        return not script.errors

    def open_plan(self: Any, plan: bytes) -> Any:
        for line in script.says:
            self._logger.log(trt.ILogger.Severity.ERROR, line)
        if not script.opens:
            return None
        engine = trt.ICudaEngine()
        engine._plan = script.plans.get(plan) or Plan(script.tensors)
        return engine

    def find(self: Any, name: str) -> tuple[str, str, tuple[int | str, ...], str]:
        return next(one for one in self._plan.tensors if one[0] == name)

    def make_context(self: Any, _config: Any = None) -> Any:
        script.contexts += 1
        context = trt.IExecutionContext()
        context._plan, context._sizes, context._addresses = self._plan, {}, {}
        return context

    def set_shape(self: Any, name: str, shape: tuple[int, ...]) -> bool:
        wanted = find(self, name)[2]
        low, _, high = self._plan.profiles.get(name, (shape, shape, shape))
        inside = all(a <= b <= c for a, b, c in zip(low, shape, high, strict=True))
        if len(shape) != len(wanted) or not inside:
            return False
        for size, given in zip(wanted, shape, strict=True):
            if isinstance(size, str):
                self._sizes[size] = given
            elif size != given:
                return False
        return True

    def known_shape(self: Any, name: str) -> tuple[int, ...]:
        return tuple(self._sizes.get(size, size) for size in find(self, name)[2])

    def set_address(self: Any, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute(self: Any, stream: int) -> bool:
        if self._plan.compute is None:
            return True
        arrays = {}
        for name, _, _, kind in self._plan.tensors:
            dtype, shape = np.dtype(NUMPY[kind]), known_shape(self, name)
            size = dtype.itemsize * math.prod(shape)
            memory = (ctypes.c_byte * size).from_address(self._addresses[name])
            arrays[name] = np.frombuffer(memory, dtype).reshape(shape)
        inputs = {one[0]: arrays[one[0]] for one in self._plan.tensors if one[1] == "INPUT"}
        for name, values in self._plan.compute(inputs).items():
            arrays[name][...] = values
        return True

    cache = SimpleNamespace(serialize=lambda: script.cache + b"+")
    return {
        "Builder": {
            "__init__": remember_logger,
            "create_network": create_network,
            "create_builder_config": lambda self: trt.IBuilderConfig(),
            "create_optimization_profile": lambda self: trt.IOptimizationProfile(),
            "build_serialized_network": build,
            "num_DLA_cores": lambda self: script.dla_cores,
        },
        "OnnxParser": {
            "__init__": lambda self, network, logger: remember_logger(self, logger),
            "parse": parse,
            "num_errors": lambda self: len(script.errors),
            "get_error": lambda self, index: parser_error(index),
        },
        "ParserError": {
            "desc": lambda self: self._fields[0],
            "code": lambda self: "ErrorCode.UNSUPPORTED_NODE",
            "node_operator": lambda self: self._fields[1],
            "node_name": lambda self: self._fields[2],
        },
        "IBuilderConfig": {
            "set_flag": lambda self, flag: script.flags.add(flag.name),
            "clear_flag": lambda self, flag: script.flags.discard(flag.name),
            "create_timing_cache": lambda self, known: cache,
            "set_timing_cache": lambda self, given, ignore: True,
            "get_timing_cache": lambda self: cache,
            "add_optimization_profile": lambda self, profile: 0,
        },
        "INetworkDefinition": {
            "num_inputs": lambda self: len(script.inputs),
            "get_input": lambda self, index: tensor(index),
        },
        "ITensor": {"name": lambda self: self._name, "shape": lambda self: self._shape},
        "Runtime": {
            "__init__": remember_logger,
            "deserialize_cuda_engine": open_plan,
            "num_DLA_cores": lambda self: script.dla_cores,
        },
        "ICudaEngine": {
            "num_io_tensors": lambda self: len(self._plan.tensors),
            "get_tensor_name": lambda self, index: self._plan.tensors[index][0],
            "get_tensor_mode": lambda self, name: trt.TensorIOMode[find(self, name)[1]],
            "get_tensor_shape": lambda self, name: tuple(
                -1 if isinstance(size, str) else size for size in find(self, name)[2]
            ),
            "get_tensor_dtype": lambda self, name: trt.DataType[find(self, name)[3]],
            "get_tensor_profile_shape": lambda self, name, profile_index: list(self._plan.profiles[name]),
            "create_execution_context": make_context,
            "create_runtime_config": lambda self: trt.IRuntimeConfig(),
        },
        "IRuntimeConfig": {"create_runtime_cache": lambda self: trt.IRuntimeCache()},
        "IRuntimeCache": {
            "serialize": lambda self: script.jit + b"compiled",
            "deserialize": lambda self, blob: setattr(script, "jit", bytes(blob)) is None,
        },
        "IExecutionContext": {
            "set_input_shape": set_shape,
            "set_tensor_address": set_address,
            "execute_async_v3": execute,
            "get_tensor_shape": known_shape,
        },
    }


def plan_of_onnx(content: bytes, profiles: dict[str, tuple[tuple[int, ...], ...]] | None = None) -> Plan:
    """A plan that runs an ONNX file, on the CPU."""
    import onnx

    from lss_bev_ros.runtime.onnx.session import OnnxSession

    graph = onnx.load_from_string(content).graph
    kinds = {
        onnx.TensorProto.FLOAT: "FLOAT",
        onnx.TensorProto.FLOAT16: "HALF",
        onnx.TensorProto.INT32: "INT32",
    }
    tensors = [
        (
            value.name,
            mode,
            tuple(d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim),
            kinds[value.type.tensor_type.elem_type],
        )
        for mode, values in (("INPUT", graph.input), ("OUTPUT", graph.output))
        for value in values
    ]
    return Plan(tuple(tensors), profiles or {}, OnnxSession(content, "plan", 1).run)
