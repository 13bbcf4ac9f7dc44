"""How a model says that it does not know, or that the text does not say: in es, ca, gl and eu.

Phrases are looked for in text that is folded and without accents. Each is the core of a sentence and no lone
word: «no hay plazo» is an answer, «no hay información» is none.
"""

from __future__ import annotations

import re

from scoring.graders.reading.words import fold


def _phrases(lines: str, **words: str) -> str:
    """One pattern for all the lines; a blank in a line is one space, ``<name>`` one of the words given."""
    for name, pattern in words.items():
        lines = lines.replace(f"<{name}>", f"(?:{pattern})")
    return "|".join(rf"(?<!\w)(?:{line.strip()})(?!\w)" for line in lines.strip().splitlines())


_SPANISH = _phrases(
    r"""
    no lo se|(?:lo )?desconozco|se desconoce|lo ignoro|ni idea
    no (?:se )?(?:puedo|puede|podemos|pueden|es posible|resulta posible|cabe) <know>
    (?:es |resulta )?imposible (?:de )?<know>
    no <have> (?:de |con )?<enough>*<facts>
    no (?:se )?(?:dan?|proporcionan?|facilitan?|aportan?|ofrecen?|incluyen?|contienen?) <enough>*<facts>
    <text> (?:\w+ )?no (?:lo |la |los |las |nos |me )?(?:<tells>|permiten? <know>)
    no (?:lo )?<tells> (?:en )?(?:el |la |las )<text>
    no se (?:lo )?(?:dice|indican?|mencionan?|especifican?|aclara|precisa|detallan?|informa|señalan?|sabe)
    no (?:consta|aparece|figura|viene|esta (?:indicad[oa]|especificad[oa]))n?
    (?:informacion|datos) (?:insuficientes?|no disponibles?)
    sin <facts> suficientes?|sin suficientes? <facts>|faltan? (?:la |los )?<facts>
    """,
    know=r"(?:saber|determinar|responder|contestar|conocer|afirmar|confirmar|concluir|deducir|asegurar|precisar|"
    r"decir|establecer|inferir|calcular|averiguar|ayudar)(?:lo|se|la|le|te)?",
    have="tengo|tenemos|dispongo|disponemos|cuento|contamos|hay|existen?|se dispone",
    facts="informacion|datos?|contexto|elementos",
    enough=r"(?:la|los|el|suficientes?|bastantes?|ninguna?|ningun|mas|dicha?|esa|ese|esos|esta) ",
    text="texto|documento|enunciado|fragmento|contexto|pasaje|mensaje|escrito|bases|convocatoria|articulo",
    tells="(?:dice|indica|menciona|especifica|aclara|precisa|detalla|recoge|responde|informa|señala|concreta)n?",
)
_CATALAN = _phrases(
    r"""
    no (?:ho |la )?se(?= *(?:$|[.,;:!?)]))|no ho se|(?:ho )?desconec
    no (?:es pot|puc|podem|es possible) (?:\w+ )?<know>
    no (?:tinc|disposo|hi ha|es disposa) (?:de |d')?(?:prou |suficient |la |cap )*(?:informacio|dades)
    <text> (?:\w+ )?no (?:ho |l'|en )?<tells>
    no (?:s'indica|s'esmenta|s'especifica|es diu|es menciona|hi consta|hi apareix|hi surt)
    """,
    know=r"(?:saber|determinar|respondre|contestar|dir|afirmar|confirmar|ajudar)(?:-\w+)?",
    text="text|document|enunciat|fragment",
    tells="diu|indica|esmenta|especifica|aclareix|precisa|menciona",
)
_GALICIAN = _phrases(
    r"""
    non (?:o |a )?sei|descoñezo(?:o)?
    non (?:se pode|podo|podemos|e posible) (?:\w+ )?<know>
    non (?:teño|dispoño|hai|existe|se dispon) (?:de )?(?:suficiente |a |ningunha )*(?:informacion|datos)
    <text> (?:\w+ )?non (?:o |a )?<tells>
    non (?:se <tells>|consta|aparece|figura)
    """,
    know="(?:saber|determinar|responder|contestar|dicir|afirmar|confirmar|axudar)(?:lo|se)?",
    text="texto|documento|enunciado|fragmento",
    tells="di|indica|menciona|especifica|aclara|precisa",
)
_BASQUE = _phrases(
    r"""
    ez daki(?:t|gu)
    ezin (?:da|dut|dugu|daiteke) (?:\w+ )?(?:jakin|erantzun|zehaztu|esan|ondorioztatu|lagundu)
    ezinezkoa da jakitea
    ez du (?:\w+ )?(?:esaten|zehazten|aipatzen|adierazten|jasotzen)
    ez da (?:\w+ )?(?:aipatzen|zehazten|agertzen|ageri|esaten|adierazten)
    ez (?:dago|daukat|dut) (?:\w+ )?(?:informaziorik|daturik|informazio nahikorik|nahikorik)
    (?:informaziorik|daturik|nahikorik) ez (?:dago|daukat|dut)
    """
)
ABSTENTION = re.compile("|".join((_SPANISH, _CATALAN, _GALICIAN, _BASQUE)))
# «No lo sé, pero diría que el 12»: a guess behind an abstention, which is neither.
GUESS = re.compile(
    _phrases(
        r"""
        <yet> [^.;]{0,80}?<guess>
        (?:probablemente|supongo que|diria que|creo que|imagino que|seguramente) [^.;]{0,30}?\w+
        """,
        yet="pero|aunque|sin embargo,?|no obstante,?|aun asi,?|malgrat|empero|poren,?|baina",
        guess=r"(?<!\w)(?:es|son|seria|serian|sera|seran|diria|creo|supongo|calculo|estimo|crec|supoño|da|dira)",
    )
)


def abstention_in(text: str) -> str | None:
    """The phrase with which the text says that the answer is not known, or None.

    >>> abstention_in("El texto no lo indica."), abstention_in("No hay plazo.")
    ('texto no lo indica', None)
    """
    found = ABSTENTION.search(_comparable(text))
    return found[0] if found else None


def guess_after_abstention(text: str) -> str | None:
    """The words of a guess that stands behind the abstention, or None."""
    plain = _comparable(text)
    abstention = ABSTENTION.search(plain)
    guess = GUESS.search(plain, abstention.end()) if abstention else None
    return guess[0][:80] if guess else None


def _comparable(text: str) -> str:
    """Folded without accents; «no sé» is first told from «no se», of which the accent is all."""
    return fold(fold(text, accents=True).replace("no sé", "no lo sé"), accents=False)
