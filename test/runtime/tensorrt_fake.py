"""A stand-in for the module tensorrt that has the names and parameters of a published version, and no others.

A call that this version's API would refuse fails here too: an unknown class, method, enum entry or parameter,
too many arguments, a property that cannot be set. What it does is scripted.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

SIGNATURES = json.loads(Path(__file__).with_name("tensorrt_signatures.json").read_text())
VERSIONS = tuple(SIGNATURES["versions"])


@dataclass
class Script:
    """What the stand-in says and remembers."""

    errors: list[tuple[str, str, str]] = field(default_factory=list)
    says: list[str] = field(default_factory=list)
    builds: bool = True
    opens: bool = True
    inputs: tuple[tuple[str, tuple[int, ...]], ...] = (("images", (6, 3, 128, 352)),)
    tensors: tuple[tuple[str, str, tuple[int, ...], str], ...] = ()
    dla_cores: int = 0
    flags: set[str] = field(default_factory=lambda: {"TF32"})
    network_flags: int = 0
    properties: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    cache: bytes = b""


def fake_tensorrt(version: str, script: Script) -> SimpleNamespace:
    """The module, for a version in VERSIONS."""
    known = SIGNATURES["versions"][version]
    module = SimpleNamespace(__version__=version)
    for name, members in known["enums"].items():
        if members is not None:
            setattr(module, name, enum.IntEnum(name, {member: i for i, member in enumerate(members)}))
    behaviour = _behaviour(module, script)
    for name, members in known["classes"].items():
        setattr(module, name, _strict(name, members, behaviour.get(name, {}), script))
    module.ILogger.Severity = enum.IntEnum("Severity", {"INTERNAL_ERROR": 0, "ERROR": 1, "WARNING": 2})
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
        if monitor is not None:
            monitor.phase_start("Tactic", None, 2)
            assert monitor.step_complete("Tactic", 0)
            monitor.phase_finish("Tactic")
        for line in script.says:
            self._logger.log(trt.ILogger.Severity.ERROR, line)
        return b"plan" if script.builds else None

    def create_network(self: Any, flags: int = 0) -> Any:
        members = trt.NetworkDefinitionCreationFlag
        assert flags < 1 << len(members), "a flag that this version lacks"
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

    def open_plan(self: Any, plan: bytes) -> Any:
        for line in script.says:
            self._logger.log(trt.ILogger.Severity.ERROR, line)
        return trt.ICudaEngine() if script.opens else None

    def find(name: str) -> tuple[str, str, tuple[int, ...], str]:
        return next(one for one in script.tensors if one[0] == name)

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
            "parse": lambda self, model: not script.errors,
            "num_errors": lambda self: len(script.errors),
            "get_error": lambda self, index: parser_error(index),
        },
        "ParserError": {
            "desc": lambda self: self._fields[0],
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
            "num_io_tensors": lambda self: len(script.tensors),
            "get_tensor_name": lambda self, index: script.tensors[index][0],
            "get_tensor_mode": lambda self, name: trt.TensorIOMode[find(name)[1]],
            "get_tensor_shape": lambda self, name: find(name)[2],
            "get_tensor_dtype": lambda self, name: trt.DataType[find(name)[3]],
            "create_execution_context": lambda self: trt.IExecutionContext(),
        },
        "IExecutionContext": {
            "set_input_shape": lambda self, name, shape: True,
            "set_tensor_address": lambda self, name, address: True,
            "execute_async_v3": lambda self, stream: True,
            "get_tensor_shape": lambda self, name: find(name)[2],
        },
    }
