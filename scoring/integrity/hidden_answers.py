"""Private cases' right answers carried in a prompt: as text, encoded, or as a key of short answers in order.

One answer alone is no evidence: "b", "12" or "martes" stand in honest prompts. Three rules, none of which
counts an answer that stands in a public text, or that more than ``MOST_CASES`` private cases share:

- as it stands: ``LONG_FOUND`` distinct answers of ``LONG`` or more letters and digits, or of those of
  ``SHORTEST`` to ``LONG`` as many as ``SHORT_FOUND`` and a ``SHORT_SHARE`` of all that the suite has;
- only in an encoded reading: ``LONG_ENCODED`` long ones, or ``ANY_ENCODED`` of any length. Honest prompts
  carry nothing in base64; but one alone would let a contestant try out a single guess;
- in order: a run of the suite's expected answers, one case after another, that chance would bring once in
  2**``CHANCE_BITS`` prompts of that length. A hit at an answer that a share p of the cases has weighs
  -log2(p) bits: "sí" a hundred times over in a suite of nothing but "sí" weighs nothing.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from scoring.integrity.reading import PLAIN, Reading, folded, squeezed
from scoring.integrity.values import Background, Finding, PrivateCase, Rule, Where

LONG, LONG_FOUND, LONG_ENCODED = 12, 3, 2
SHORTEST, SHORT_FOUND, SHORT_SHARE, ANY_ENCODED = 5, 8, 0.25, 3
MOST_CASES = 3
CHANCE_BITS = 20
# Fewer in a row never reach the limit: for n cases each weighs at most log2(n), and the limit is above
# 20 + log2(n) bits, so that for up to 128 cases it takes four of them or more.
SEED = 4
# Letters without anything between them: "bacdb…" is read as a key from this length on.
JOINED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Telling:
    """The answers that count by themselves, folded, with the cases that they are right for."""

    long: Mapping[str, frozenset[str]]
    short: Mapping[str, frozenset[str]]

    def found_in(self, text: str) -> set[str]:
        run, words = squeezed(text), f" {folded(text)} "
        return {each for each in self.long if each in run} | {
            each for each in self.short if f" {each} " in words
        }

    def keys(self, answers: set[str]) -> tuple[str, ...]:
        every = {**self.long, **self.short}
        return tuple(sorted({key for each in answers for key in every[each]}))

    def is_enough(self, answers: set[str]) -> bool:
        short = sum(each in self.short for each in answers)
        least = max(SHORT_FOUND, math.ceil(SHORT_SHARE * len(self.short)))
        return len(answers) - short >= LONG_FOUND or short >= least

    def is_enough_encoded(self, answers: set[str]) -> bool:
        return sum(each in self.long for each in answers) >= LONG_ENCODED or len(answers) >= ANY_ENCODED


def look(
    read: Sequence[Reading], private: Sequence[PrivateCase], background: Background, *, where: Where
) -> Iterator[Finding]:
    """``read`` begins with the text as it stands. At most one finding for each reading and rule."""
    yield from _standing(read, _telling(private, background), where)
    key = _Key.of(private)
    for reading in read:
        if run := key.longest_run(folded(reading.text)):
            yield Finding(
                rule=Rule.ANSWERS_IN_ORDER,
                where=where,
                reading=reading.name,
                keys=tuple(private[place].key for place in run),
                what=f"{len(run)} respuestas seguidas",
            )
            return


def _standing(read: Sequence[Reading], telling: _Telling, where: Where) -> Iterator[Finding]:
    plain: set[str] = set()
    for reading in read:
        found = telling.found_in(reading.text)
        if reading.name == PLAIN:
            plain, is_enough = found, telling.is_enough(found)
        else:
            found -= plain
            is_enough = telling.is_enough_encoded(found)
        if is_enough:
            yield Finding(
                rule=Rule.ANSWERS,
                where=where,
                reading=reading.name,
                keys=telling.keys(found),
                what=", ".join(sorted(found)[:5]),
            )


def _telling(private: Sequence[PrivateCase], background: Background) -> _Telling:
    long, short = defaultdict(set), defaultdict(set)
    for case in private:
        for answer in case.answers:
            run, words = squeezed(answer), folded(answer)
            if len(run) >= LONG and run not in background.squeezed:
                long[run].add(case.key)
            elif SHORTEST <= len(run) < LONG and f" {words} " not in background.words:
                short[words].add(case.key)
    return _Telling(long=_held_by_few(long), short=_held_by_few(short))


def _held_by_few(cases: Mapping[str, set[str]]) -> Mapping[str, frozenset[str]]:
    return {answer: frozenset(keys) for answer, keys in cases.items() if len(keys) <= MOST_CASES}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """The suite's expected answers in its order, and what a hit at each weighs, in bits."""

    answers: tuple[str, ...]
    bits: Mapping[str, float]
    word: re.Pattern[str]
    seeds: Mapping[tuple[str, ...], Sequence[int]]

    @staticmethod
    def of(private: Sequence[PrivateCase]) -> _Key:
        answers = tuple(folded(case.answers[0]) if case.answers else "" for case in private)
        counts = Counter(each for each in answers if each)
        seeds: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for start in range(len(answers) - SEED + 1):
            seeds[answers[start : start + SEED]].append(start)
        # The longer first: of "si" and "si pero" the latter is the answer where it stands.
        choices = [re.escape(each) for each in sorted(counts, key=lambda each: (-len(each), each))]
        letters = "".join(re.escape(each) for each in counts if len(each) == 1)
        if letters:
            choices.append(f"[{letters}]{{{JOINED},}}")
        return _Key(
            answers=answers,
            bits={each: -math.log2(count / len(answers)) for each, count in counts.items()},
            word=re.compile(rf"(?<!\S)(?:{'|'.join(choices) or '(?!)'})(?!\S)"),
            seeds=seeds,
        )

    def longest_run(self, text: str) -> Sequence[int]:
        """Places of the cases whose answers stand in order, as many as chance does not bring; else none."""
        return max((self._run(words) for words in (text, _uncounted(text))), key=len)

    def _run(self, text: str) -> Sequence[int]:
        told = list(self._told(text))
        limit = CHANCE_BITS + math.log2(max(len(told), 1) * max(len(self.answers), 1))
        best: Sequence[int] = ()
        for at in range(len(told) - SEED + 1):
            for start in self.seeds.get(tuple(told[at : at + SEED]), ()):
                if at and start and told[at - 1] == self.answers[start - 1]:
                    continue  # part of a run that began before
                run = range(start, start + _common(told, at, self.answers, start))
                if len(run) > len(best) and sum(self.bits[self.answers[each]] for each in run) >= limit:
                    best = run
        return best

    def _told(self, text: str) -> Iterator[str]:
        """The answers in a text, in its order; letters that stand together are each one."""
        for found in self.word.finditer(text):
            if found[0] in self.bits:
                yield found[0]
            else:
                yield from found[0]


def _common(told: Sequence[str], at: int, answers: Sequence[str], start: int) -> int:
    length = 0
    while at + length < len(told) and start + length < len(answers):
        if not told[at + length] or told[at + length] != answers[start + length]:
            break
        length += 1
    return length


def _uncounted(text: str) -> str:
    """Without the numbers of a list, which may look like answers: "1 b 2 a" and "1b 2a" are "b a"."""
    kept, number = [], 1
    for word in text.split():
        rest = word.removeprefix(str(number))
        if rest == word:
            kept.append(word)
        elif not rest or rest.isalpha():
            number += 1
            kept += [rest] if rest else []
        else:
            kept.append(word)
    return " ".join(kept)
