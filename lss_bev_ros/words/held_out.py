"""Phrases that nothing was fitted to, and the things that each means: how well text is understood.

`python -m lss_bev_ros.words.held_out` counts those that lie nearest to a thing that they mean.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .encoder import TextEncoder
from .projection import THINGS, Encode, WordSpace, ensemble

PERSONS = ("adult", "child", "construction worker")
CARS = ("sedan", "hatchback", "suv", "station wagon")
LARGE = ("van", "pickup truck", "truck", "bus", "trailer", "construction vehicle")

SYNONYMS = {
    "anyone on their feet": PERSONS,
    "a strolling couple": PERSONS,
    "footgoer": PERSONS,
    "excavating machine": ("construction vehicle",),
    "schoolkid": ("child",),
    "walking lane": ("pavement",),
    "roadbed for cars": ("road",),
    "greensward": ("grass",),
    "trucks on the highway": ("truck",),
    "superbike": ("motorcycle",),
    "two-wheel pedal bike": ("bicycle",),
    "estate wagon": ("station wagon",),
    "crossover vehicle": ("suv",),
    "postal van": ("van",),
    "omnibuses": ("bus",),
    "light signal at a crossing": ("traffic light",),
    "trash barrel": ("litter bin",),
    "crossing with zebra stripes": ("zebra crossing",),
    "bike-riding person": ("cyclist",),
    "person on a motorbike": ("motorcyclist",),
    "lamp column": ("street lamp",),
    "traffic barricade": ("barrier",),
    "orange road cone": ("traffic cone",),
    "curb edge": ("kerb",),
    "little shop on the corner": ("shop",),
}
"""25 words of driving, in no form among the phrasings."""

DESCRIPTIONS = {
    "no thing at this place": ("free space",),
    "asphalted lane": ("road",),
    "surface that cars roll on": ("road",),
    "lines along the road": ("lane marking",),
    "paint between two lanes": ("lane marking",),
    "iron cover over the sewer": ("manhole cover",),
    "flagstones for walking": ("pavement",),
    "border between roadway and sidewalk": ("kerb",),
    "park lawn": ("grass",),
    "evergreen": ("tree",),
    "tall trunk with leaves": ("tree",),
    "box plants cut into a wall": ("hedge",),
    "apartment complex": ("building",),
    "tower of offices": ("building",),
    "place where a family lives": ("house",),
    "retailer with a shop window": ("shop",),
    "shade of cloth over a shop": ("awning",),
    "small outdoor terrace upstairs": ("balcony",),
    "pole with a lamp on top": ("street lamp",),
    "red light for cars": ("traffic light",),
    "board that says how fast to drive": ("road sign",),
    "no parking sign": ("road sign",),
    "can for garbage": ("litter bin",),
    "long wooden seat for walkers": ("bench",),
    "water tap for the fire brigade": ("fire hydrant",),
    "little pole on the sidewalk against parking": ("bollard",),
    "shelter where passengers wait": ("bus shelter",),
    "boards around a yard": ("fence",),
    "concrete blocks that close the lane": ("barrier",),
    "bike locked to a rack": ("bicycle",),
    "girl riding her bike": ("cyclist", "child"),
    "motor scooter at the kerb": ("motorcycle",),
    "motorcycle with its driver": ("motorcyclist",),
    "middle-aged lady": ("adult",),
    "tall gentleman with an umbrella": ("adult",),
    "boy with a ball": ("child",),
    "six-year-old": ("child",),
    "man in a yellow safety vest": ("construction worker",),
    "car with four doors and a trunk": ("sedan",),
    "tiny hatchback": ("hatchback",),
    "sporty 4x4": ("suv",),
    "wagon with room for the dog": ("station wagon",),
    "white delivery van": ("van",),
    "truck with an open cargo bed": ("pickup truck",),
    "eighteen wheel truck": ("truck",),
    "vehicle for forty passengers": ("bus",),
    "trailer pulled by a truck": ("trailer",),
    "machine that moves earth": ("construction vehicle",),
    "crane on wheels": ("construction vehicle",),
}
"""Descriptions and rarer words, in no form among the phrasings."""

VARIANTS = {
    "CROSSWALKS": ("zebra crossing",),
    "Sidewalks": ("pavement",),
    "CURB": ("kerb",),
    "Trees": ("tree",),
    "Streetlights": ("street lamp",),
    "Traffic Signals": ("traffic light",),
    "garbage cans": ("litter bin",),
    "Balconies": ("balcony",),
    "railings": ("fence",),
    "jersey barriers": ("barrier",),
    "TRAFFIC CONES": ("traffic cone",),
    "BIKE": ("bicycle",),
    "Bike riders": ("cyclist",),
    "KIDS": ("child",),
    "Someone On Foot": PERSONS,
    "saloon cars": ("sedan",),
    "pickups": ("pickup truck",),
    "Excavators": ("construction vehicle",),
    "BUSES": ("bus",),
    "Fire Hydrants": ("fire hydrant",),
    "Bollards": ("bollard",),
    "Shop fronts": ("shop",),
    "awnings": ("awning",),
    "manholes": ("manhole cover",),
}
"""Plurals and capitals, British and American, of which the singular may be a phrasing."""

FAMILIES = {
    "personal car": (*CARS, "van"),
    "silver car": (*CARS, "van"),
    "green plants": ("tree", "hedge", "grass"),
    "pedestrian group": PERSONS,
    "heavy road vehicle": LARGE,
    "persons in the street": PERSONS,
}
"""Words for several things: the first must be one of them."""

SETS: dict[str, Mapping[str, tuple[str, ...]]] = {
    "synonyms": SYNONYMS,
    "descriptions": DESCRIPTIONS,
    "variants": VARIANTS,
    "families": FAMILIES,
}


def one_a_kind() -> dict[str, str]:
    """One phrase for each thing but free space, and that thing: a synonym where there is one."""
    found: dict[str, str] = {}
    for phrase, meant in (*SYNONYMS.items(), *DESCRIPTIONS.items()):
        if len(meant) == 1:
            found.setdefault(meant[0], phrase)
    return {found[name]: name for name in THINGS[1:] if name in found}


def misunderstood(space: WordSpace, encode: Encode, phrases: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Those of some phrases that lie nearest to a thing that they do not mean, and that thing.

    Args:
        space: of text and cells.
        encode: the text encoder.
        phrases: phrases and the things that each may mean.
    """
    vectors = space(ensemble(encode, list(phrases)))
    nearest = [THINGS[number] for number in np.argmax(vectors @ space.things.T, axis=1)]
    pairs = zip(phrases.items(), nearest, strict=True)
    return {phrase: name for (phrase, meant), name in pairs if name not in meant}


def main() -> None:
    """Print how many phrases of each set are understood, and the others."""
    space, encode = WordSpace.load(), TextEncoder()
    for title, phrases in SETS.items():
        wrong = misunderstood(space, encode, phrases)
        print(f"{title}: {len(phrases) - len(wrong)} of {len(phrases)}")
        for phrase, name in wrong.items():
            print(f"  {phrase}: {name}, not {', '.join(phrases[phrase])}")


if __name__ == "__main__":
    main()
