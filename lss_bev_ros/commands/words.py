"""`lss-bev words`."""

from __future__ import annotations

from typing import Annotated

import typer

from .console import console


def words(
    prompts: Annotated[list[str], typer.Argument(help="What to look for, in words, as 'someone on foot'.")],
    nearest: Annotated[int, typer.Option(min=1, help="Number of things to list for each prompt.")] = 5,
) -> None:
    """Show which things of the street a prompt means to the network."""
    from rich.markup import escape
    from rich.table import Table

    from ..errors import WordsError
    from ..words.projection import THINGS
    from ..words.prompts import Interpreter, prompt_scores

    interpret = Interpreter()
    understood = interpret(prompts)
    if not understood.texts:
        raise WordsError("the prompt is empty: name what to look for, as lss-bev words 'someone on foot'")
    things = interpret.space.things
    scores = prompt_scores(things.T[:, :, None], understood.vectors, things)[..., 0]
    table = Table("prompt", "thing", "cosine", "score of its cells")
    for text, vector, row in zip(understood.texts, understood.vectors, scores, strict=True):
        cosines = things @ vector
        for place, number in enumerate(cosines.argsort()[::-1][:nearest]):
            first = "" if place else escape(text)
            table.add_row(first, THINGS[number], f"{cosines[number]:.2f}", f"{row[number]:.2f}")
        table.add_section()
    console.print(table)
    for note in understood.notes:
        console.print(f"note: {note}", markup=False)
