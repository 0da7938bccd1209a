"""What people call things, and what is kept from the projection."""

from __future__ import annotations

import re

from lss_bev_ros.synthetic.things import THINGS
from lss_bev_ros.words import held_out
from lss_bev_ros.words.phrasings import FAMILIES, HELD_OUT, PHRASES, TEMPLATES

ALL = [phrase for each in PHRASES.values() for phrase in each]
ALL += [phrase for phrases, _ in FAMILIES for phrase in phrases]


def bare(phrase):
    return re.sub(r"\b(an?|the)\b|[^a-z]", "", phrase.lower()).rstrip("s")


def test_every_thing_is_named_first_and_in_order():
    assert tuple(PHRASES) == tuple(thing.name for thing in THINGS)
    assert all(phrases[0] == name and len(phrases) >= 12 for name, phrases in PHRASES.items())


def test_a_phrase_means_one_thing_or_one_family():
    assert len(set(ALL)) == len(ALL)
    assert {name for _, things in FAMILIES for name in things} | set(HELD_OUT) <= set(PHRASES)
    assert all(template.count("{}") == 1 for template in TEMPLATES)


def test_what_is_measured_with_is_fitted_to_in_no_form():
    fitted = {bare(phrase) for phrase in ALL}
    for phrases in (held_out.SYNONYMS, held_out.DESCRIPTIONS, held_out.FAMILIES):
        assert [phrase for phrase in phrases if bare(phrase) in fitted] == []
    assert set(held_out.VARIANTS).isdisjoint(ALL)
    named = {*held_out.SYNONYMS.values(), *held_out.DESCRIPTIONS.values()}
    assert {thing for things in named for thing in things} == set(PHRASES)
