"""`lss-bev`: every part of the package from the command line.

An error that the user can fix is one line on stderr and exit code 1.
"""

from __future__ import annotations

import sys

import typer

from . import __version__
from .commands.adapt import adapt
from .commands.bag import bag
from .commands.benchmark import benchmark
from .commands.build import build
from .commands.bundle import bundle
from .commands.compare import compare
from .commands.convert import convert
from .commands.demo import demo
from .commands.doctor import doctor
from .commands.endure import endure
from .commands.evaluate import evaluate
from .commands.export import export
from .commands.frontier import frontier
from .commands.gap import gap
from .commands.import_bag import import_bag
from .commands.inspect import inspect
from .commands.launch import launch
from .commands.parameters import parameters
from .commands.prune import prune
from .commands.quantize import quantize
from .commands.render import render
from .commands.run import run
from .commands.synthesize import synthesize
from .commands.topic import topic
from .commands.train import publish, train
from .commands.words import words
from .openmp import let_threads_sleep
from .ros2 import USER_ERRORS, explain, prepare

app = typer.Typer(
    help="Bird's-eye-view occupancy from six cameras with Lift-Splat-Shoot.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> None:
    """Run the command line."""
    let_threads_sleep()
    try:
        prepare()
        try:
            app()
        except ImportError as error:
            explain(error)
            raise
    except USER_ERRORS as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


for command in (
    demo,
    doctor,
    launch,
    parameters,
    synthesize,
    convert,
    render,
    evaluate,
    gap,
    publish,
    adapt,
    benchmark,
    export,
    build,
    inspect,
    compare,
    prune,
    quantize,
    frontier,
    words,
    endure,
):
    app.command()(command)
app.command("import")(import_bag)
# The node reads what follows its name.
app.command(
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
    }
)(run)
# The trainer reads its own arguments, since their defaults come with torch.
app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(train)
app.add_typer(topic, name="topic")
app.add_typer(bag, name="bag")
app.add_typer(bundle, name="bundle")


if __name__ == "__main__":
    main()
