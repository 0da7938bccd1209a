"""Channels of one tensor brought to one range, so that 8 bits a tensor serve all of them.

A tensor has one scale for all its channels, which the widest one sets: a channel that reaches a tenth as far
keeps three bits less. Between a convolution and the next there are only operators that a positive factor
passes through (max(0, s x) = s max(0, x)), so each channel can be divided by a factor where it is written
and multiplied by it where it is read, and the network computes what it did (Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", 2019, section 4.1; here by ranges of
activations on frames, as in Xiao et al., "SmoothQuant", 2023, but in full).
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...runtime.onnx.session import OnnxSession
from .network import FloatNetwork, LabelledInput

if TYPE_CHECKING:
    import onnx

THROUGH = ("Relu", "Resize")
"""Operators whose output is scaled as their one input is."""

QUANTILE = 0.9995
"""Of a channel's values, taken as its range: cells near the car reach many times farther than others."""

LIMIT = 64.0
"""Largest ratio between a channel's factor and the middle one."""


@dataclass(frozen=True)
class _Span:
    """Channels of a tensor that go together: `size` channels of group `group`."""

    group: int
    size: int


class ChannelGroups:
    """Which channels of which tensors must be scaled alike, and which ones can be.

    Args:
        model: graph of convolutions.

    Attributes:
        writers: for each group the convolutions that write its channels.
        readers: for each group the convolutions that read it, and their first channel.
        tensors: for each group a tensor that holds just its channels, for every convolution that reads it.
    """

    def __init__(self, model: onnx.ModelProto):
        self._parent: list[int] = []
        self._fixed: set[int] = set()
        shapes = {constant.name: tuple(constant.dims) for constant in model.graph.initializer}
        spans: dict[str, tuple[_Span, ...]] = {}
        writers, readers = [], []
        sources: dict[int, set[str]] = defaultdict(set)
        for node in model.graph.node:
            inputs = [spans.get(name) for name in node.input if name and name not in shapes]
            known = [given for given in inputs if given is not None]
            if node.op_type == "Conv" and _plain(node, shapes):
                first = 0
                for span in spans.get(node.input[0], ()):
                    readers.append((span.group, node.name, first, span.size))
                    first += span.size
                span = _Span(self._new(), shapes[node.input[1]][0])
                writers.append((span.group, node.name))
                spans[node.output[0]] = (span,)
            elif node.op_type in THROUGH and known:
                spans[node.output[0]] = known[0]
            elif node.op_type == "Add" and len(known) == 2 and _alike(*known):
                for one, other in zip(*known, strict=True):
                    self._join(one.group, other.group)
                spans[node.output[0]] = known[0]
            elif node.op_type == "Concat" and len(known) == len(inputs) > 0:
                spans[node.output[0]] = tuple(span for given in known for span in given)
            else:
                self._fix(known)
            for output in node.output:
                for span in spans.get(output, ()) if len(spans.get(output, ())) == 1 else ():
                    sources[span.group].add(output)
        self._fix([spans[output.name] for output in model.graph.output if output.name in spans])
        fixed = {self._root(group) for group in self._fixed}
        self.writers: dict[int, list[str]] = defaultdict(list)
        self.readers: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
        self.tensors: dict[int, list[str]] = defaultdict(list)
        read = {name for node in model.graph.node if node.op_type == "Conv" for name in node.input[:1]}
        for group, name in writers:
            if (root := self._root(group)) not in fixed:
                self.writers[root].append(name)
        for group, name, first, size in readers:
            if (root := self._root(group)) not in fixed:
                self.readers[root].append((name, first, size))
        for group, names in sources.items():
            if (root := self._root(group)) in self.readers:
                self.tensors[root] += sorted(names & read) or sorted(names)[-1:]

    def _new(self) -> int:
        self._parent.append(len(self._parent))
        return len(self._parent) - 1

    def _root(self, group: int) -> int:
        while self._parent[group] != group:
            group = self._parent[group]
        return group

    def _join(self, one: int, other: int) -> None:
        self._parent[self._root(one)] = self._root(other)

    def _fix(self, given: Sequence[Sequence[_Span]]) -> None:
        self._fixed.update(span.group for spans in given for span in spans)


@dataclass(frozen=True, eq=False)
class ChannelFactors:
    """What the channels of one group are divided by.

    Attributes:
        writers: convolutions whose output channels are divided.
        readers: convolutions whose input channels are multiplied, and the first of these channels.
        factor: (C,) float32, powers of two.
    """

    writers: tuple[str, ...]
    readers: tuple[tuple[str, int], ...]
    factor: np.ndarray


def channel_factors(
    network: FloatNetwork,
    frames: Sequence[LabelledInput],
    threads: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[ChannelFactors]:
    """Factors after which channels reach equally far on some frames.

    Args:
        network: in fp32.
        frames: on which the channels' ranges are measured.
        threads: of onnxruntime; 0 for all cores.
        progress: told of frames done and all.
    """
    groups = ChannelGroups(network.model)
    return [
        ChannelFactors(
            tuple(groups.writers[group]),
            tuple((name, first) for name, first, _ in groups.readers[group]),
            _factors(values),
        )
        for group, values in _channel_ranges(network, groups, frames, threads, progress).items()
    ]


def equalized(model: onnx.ModelProto, factors: Sequence[ChannelFactors]) -> onnx.ModelProto:
    """A network that computes what another does, with channels divided by factors.

    Args:
        model: whole, or one of its encoders; left as it is.
        factors: of the whole network; those of convolutions that the model lacks are left out.
    """
    model = copy.deepcopy(model)
    nodes = {node.name: node for node in model.graph.node}
    constants = _Constants(model)
    for group in factors:
        factor = group.factor
        for name in (name for name in group.writers if name in nodes):
            weight, bias = nodes[name].input[1:3]
            constants[weight] = constants[weight] / factor[:, None, None, None]
            constants[bias] = constants[bias] / factor
        for name, first in (reader for reader in group.readers if reader[0] in nodes):
            weight = constants[nodes[name].input[1]].copy()
            weight[:, first : first + len(factor)] *= factor[:, None, None]
            constants[nodes[name].input[1]] = weight
    constants.store()
    return model


def _factors(values: np.ndarray) -> np.ndarray:
    """(C,) float32 powers of two near the channels' reach, values (C,), over the middle one's.

    Powers of two, so that not one bit of what the network computes in float changes.
    """
    alive = values[values > 0]
    if not len(alive):
        return np.ones(len(values), np.float32)
    ratio = np.where(values > 0, values / np.median(alive), 1.0)
    return np.exp2(np.round(np.log2(np.clip(ratio, 1 / LIMIT, LIMIT)))).astype(np.float32)


def _channel_ranges(
    network: FloatNetwork,
    groups: ChannelGroups,
    frames: Sequence[LabelledInput],
    threads: int,
    progress: Callable[[int, int], None] | None,
) -> dict[int, np.ndarray]:
    """How far each channel of a group reaches in any of its tensors, (C,) float32."""
    from onnx import helper

    model = copy.deepcopy(network.model)
    names = sorted({name for tensors in groups.tensors.values() for name in tensors})
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = OnnxSession(model.SerializeToString(), str(network.path), threads, names)
    reach: dict[str, np.ndarray] = {}
    for done, frame in enumerate(frames):
        for name, values in session.run(frame.inputs).items():
            rows = np.abs(values).swapaxes(0, 1).reshape(values.shape[1], -1)
            place = min(rows.shape[1] - 1, int(QUANTILE * rows.shape[1]))
            found = np.partition(rows, place, axis=1)[:, place]
            reach[name] = np.maximum(reach.get(name, 0), found)
        if progress:
            progress(done + 1, len(frames))
    return {
        group: np.maximum.reduce([reach[name] for name in tensors])
        for group, tensors in groups.tensors.items()
    }


class _Constants:
    """Initialisers of a model by name, as arrays."""

    def __init__(self, model: onnx.ModelProto):
        from onnx import numpy_helper

        self._given = {constant.name: constant for constant in model.graph.initializer}
        self._arrays: dict[str, np.ndarray] = {}
        self._read, self._write = numpy_helper.to_array, numpy_helper.from_array

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name] if name in self._arrays else self._read(self._given[name])

    def __setitem__(self, name: str, array: np.ndarray) -> None:
        self._arrays[name] = array

    def store(self) -> None:
        """Write what was changed into the model."""
        for name, array in self._arrays.items():
            self._given[name].CopyFrom(self._write(np.ascontiguousarray(array, np.float32), name))


def _plain(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether every output channel reads every input channel, through constants of this node alone."""
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    return groups == 1 and len(node.input) == 3 and all(name in shapes for name in node.input[1:])


def _alike(one: Sequence[_Span], other: Sequence[_Span]) -> bool:
    return [span.size for span in one] == [span.size for span in other]
