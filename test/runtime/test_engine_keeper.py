"""Engines that fail, and what serves in their place."""

from __future__ import annotations

import pytest

from lss_bev_ros.errors import ImageError, RuntimeBackendError
from lss_bev_ros.runtime.engine_keeper import SOON, EngineKeeper


class FakeEngine:
    """Answers its name, after it has raised what it is to raise."""

    def __init__(self, name: str, *errors: Exception) -> None:
        self.name, self.errors, self.closed = name, list(errors), False

    def infer(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return self.name

    def close(self) -> None:
        self.closed = True


def lost() -> RuntimeError:
    return RuntimeError("CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA")


class Scenario:
    def __init__(self, made: list[FakeEngine | Exception], spare: FakeEngine | Exception) -> None:
        self.made, self.spare, self.told, self.now = made, spare, [], 1000.0
        self.keeper = EngineKeeper(
            lambda: self.give(self.made.pop(0)),
            lambda: self.give(self.spare),
            lambda engine, line: self.told.append((engine.name, line)),
            lambda: self.now,
        )

    @staticmethod
    def give(engine: FakeEngine | Exception) -> FakeEngine:
        if isinstance(engine, Exception):
            raise engine
        return engine

    def serve(self) -> str:
        return self.keeper.run(lambda engine: engine.infer())


def test_an_engine_that_fails_is_made_again_and_its_frame_is_served():
    first = FakeEngine("gpu 1", lost())
    scenario = Scenario([first, FakeEngine("gpu 2")], FakeEngine("cpu"))
    assert scenario.serve() == "gpu 2"
    assert first.closed
    assert scenario.keeper.recoveries == 1
    assert scenario.keeper.note == "", "it is what was asked for"
    ((name, line),) = scenario.told
    assert name == "gpu 2"
    assert line == "gpu 1 failed (CUDA error: unspecified launch failure) and was made again"


def test_an_engine_that_cannot_be_made_again_gives_way_to_the_processor_which_says_so():
    scenario = Scenario([FakeEngine("gpu", lost()), lost()], FakeEngine("cpu"))
    assert scenario.serve() == "cpu"
    assert "cpu runs in its place; start the node again" in scenario.keeper.note
    assert scenario.serve() == "cpu"
    assert scenario.keeper.recoveries == 1


@pytest.mark.parametrize(("later", "name"), [(SOON / 2, "cpu"), (2 * SOON, "gpu 3")])
def test_a_second_failure_soon_after_the_first_is_not_tried_on_the_same_kind(later: float, name: str):
    gpus = [FakeEngine("gpu 1", lost()), FakeEngine("gpu 2"), FakeEngine("gpu 3")]
    second = gpus[1]
    scenario = Scenario(gpus, FakeEngine("cpu"))
    assert scenario.serve() == "gpu 2"
    scenario.now += later
    second.errors.append(MemoryError())
    assert scenario.serve() == name


def test_where_the_processor_fails_too_it_is_made_again():
    broken = RuntimeError("could not create a primitive")
    scenario = Scenario([FakeEngine("gpu", lost()), lost()], FakeEngine("cpu", broken))
    assert scenario.serve() == "cpu"
    assert scenario.keeper.recoveries == 2
    scenario.spare.errors += [broken, broken, broken]
    with pytest.raises(RuntimeError, match="primitive"):
        scenario.serve()
    assert scenario.serve() == "cpu", "the next frame is served"


def test_where_nothing_can_be_made_one_line_says_what_to_do():
    scenario = Scenario([FakeEngine("gpu", lost()), lost()], RuntimeError("no memory"))
    with pytest.raises(RuntimeBackendError, match=r"gpu failed .*\(no memory\): start the node again"):
        scenario.serve()


@pytest.mark.parametrize("error", [ImageError("cam_front", "damaged"), TypeError("a mistake of ours")])
def test_what_is_no_fault_of_the_engine_leaves_it_in_place(error: Exception):
    engine = FakeEngine("gpu", error)
    scenario = Scenario([engine], FakeEngine("cpu"))
    with pytest.raises(type(error)):
        scenario.serve()
    assert scenario.serve() == "gpu"
    assert not engine.closed
    assert scenario.keeper.recoveries == 0


def test_an_engine_that_is_stuck_is_left_alone():
    engine = FakeEngine("gpu")
    scenario = Scenario([engine, FakeEngine("gpu 2")], FakeEngine("cpu"))
    scenario.keeper.recover("it was stuck", stuck=True)
    assert scenario.serve() == "cpu"
    assert not engine.closed, "closing it could wait for it"
