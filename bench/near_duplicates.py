"""How long near duplicates take to find: ``python bench/near_duplicates.py``, over a large contest's prompts.

Prompts are made up of the words that such prompts use, 30 for each participation, every one a small change of
the one before as people work; some participations copy another's with changes of every size. Beside the
search, every pair of a sample is compared exactly: how many of the alike pairs the search finds (recall), and
what it would take to compare all of them so. One core: numpy's threads are kept to one.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
import time
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

# Before numpy is imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "platform")]

from scoring.integrity import near_duplicates  # noqa: E402
from scoring.integrity.near_duplicates import FEWEST, THRESHOLD, Pair, Prompt  # noqa: E402

GOAL_S = 60
VERSIONS = 30
# One participation in so many copies another's last prompt.
COPIES_ONE_IN = 5
STATEMENT = "Responde a cada pregunta de energía con la letra de la opción correcta y nada más. " * 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=30_000)
    parser.add_argument("--words", type=int, default=180, help="of a prompt, on average")
    parser.add_argument("--sample", type=int, default=2_000, help="prompts of which all pairs are compared")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    prompts = made_up(random.Random(chosen.seed), chosen.prompts, words=chosen.words)
    characters = sum(len(each.text) for each in prompts)
    owners = len({each.owner for each in prompts})
    print(f"{len(prompts):,} prompts of {owners:,} participations, {characters / 1e6:.0f} million characters")

    started = time.process_time()
    found = near_duplicates.find(prompts, background=[STATEMENT])
    search_s = time.process_time() - started
    print(f"search: {search_s:.1f} s of processor time (goal {GOAL_S} s), {len(found):,} pairs of people")
    print(f"memory at most {getrusage(RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")

    # A copy is made of the last of one participation, and is the first of another.
    edges = [each for place, each in enumerate(prompts) if place % VERSIONS in (0, VERSIONS - 1)]
    told(edges[: chosen.sample], whole=len(prompts))
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}, Python {platform.python_version()}")


def told(sample: Sequence[Prompt], *, whole: int) -> None:
    started = time.process_time()
    sets = near_duplicates.shingles([each.text for each in sample], background=[STATEMENT])
    alike: dict[tuple[int, ...], Fraction] = {}
    compared = 0
    for one, other in combinations(range(len(sample)), 2):
        if sample[one].owner == sample[other].owner or min(len(sets[one]), len(sets[other])) < FEWEST:
            continue
        compared += 1
        if (likeness := near_duplicates.jaccard(sets[one], sets[other])) >= THRESHOLD:
            key = tuple(sorted((sample[one].owner, sample[other].owner)))
            alike[key] = max(likeness, alike.get(key, Fraction(0)))
    brute_s = time.process_time() - started
    every_s = brute_s * (whole / len(sample)) ** 2
    print(
        f"every pair of {len(sample):,}: {brute_s:.1f} s; of all {whole:,} it would be {every_s / 3600:.1f} h"
    )
    searched = {_owners(pair) for pair in near_duplicates.find(sample, background=[STATEMENT])}
    hit = len(searched & set(alike))
    false = len(searched - set(alike))
    print(f"recall in the sample: {hit} of {len(alike)} alike pairs of participations; not alike: {false}")


def _owners(pair: Pair) -> tuple[int, ...]:
    return tuple(sorted((pair.earlier.owner, pair.later.owner)))


def made_up(chance: random.Random, count: int, *, words: int) -> list[Prompt]:
    vocabulary = [f"{chance.choice(STEMS)}{chance.choice(ENDINGS)}" for _ in range(3_000)]
    last: list[list[str]] = []
    prompts: list[Prompt] = []
    for owner in range(-(-count // VERSIONS)):
        if last and owner % COPIES_ONE_IN == 0:
            text = changed(chance, chance.choice(last), vocabulary, share=chance.random() / 5)
        else:
            # A few words stand in most sentences, as they do in Spanish.
            text = chance.choices(vocabulary, [1 / (place + 2) for place in range(3_000)], k=words)
        for _ in range(min(VERSIONS, count - len(prompts))):
            text = changed(chance, text, vocabulary, share=0.03)
            prompts.append(
                Prompt(
                    id=str(len(prompts)), owner=owner, text=f"{STATEMENT} {' '.join(text)} {{{{pregunta}}}}"
                )
            )
        last.append(text)
    return prompts


def changed(
    chance: random.Random, text: Sequence[str], vocabulary: Sequence[str], *, share: float
) -> list[str]:
    return [chance.choice(vocabulary) if chance.random() < share else word for word in text]


STEMS = ["energ", "consum", "respond", "opcion", "correct", "calcul", "vivien", "medid", "factur", "piens"]
STEMS += ["letr", "numer", "dat", "expli", "brev", "claro", "potenc", "horar", "tarif", "aislam", "edif"]
ENDINGS = ["a", "o", "ando", "ar", "ado", "idad", "es", "as", "ción", "emos", "ía", "able", "mente", "ero"]

if __name__ == "__main__":
    main()
