"""The short form of `make soak`: damaged texts of the conformance tables, which stand beside the checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conformance.mutations import TABLES, Mutator, corpus
from conformance.soak import run

if TYPE_CHECKING:
    from conformance.oracle import Oracle

pytestmark = pytest.mark.skipif(not TABLES.exists(), reason="the conformance tables are not beside this checkout")


def test_damaged_texts_get_hashicorps_verdict_and_value_and_their_mistakes_stand_where_hashicorp_shows_them(
    oracle: Oracle,
) -> None:
    tally = run(oracle, mutations=2_500, seed=1)
    assert [finding for finding in tally.findings if finding.what != "mistakes"] == []
    assert tally.same_place >= 0.99 * tally.rejected
    assert tally.same_list >= 0.99 * tally.rejected


def test_a_mutation_can_be_repeated_by_its_seed_and_number() -> None:
    documents = corpus()
    assert Mutator(documents, 7).mutation(3) == Mutator(documents, 7).mutation(3)
    assert len({Mutator(documents, seed).mutation(3) for seed in range(5)}) > 1
