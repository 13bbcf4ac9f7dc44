"""Small tokenizers, made where they are used: a ``tokenizer.json`` of a few hundred tokens."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer

SPECIAL = ["<s>", "<|im_start|>", "<|im_end|>"]


def a_tokenizer(*, has_beginning: bool = True) -> Tokenizer:
    """Words apart and letter by letter but for the words it has learnt; reads any text, as ALIA's does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = BpeTrainer(
        vocab_size=320,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["system user assistant la luz de la casa"] * 9, trainer)
    if has_beginning:
        special = [("<s>", tokenizer.token_to_id("<s>"))]
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=special)
    return tokenizer


def a_tokenizer_file(folder: Path, *, has_beginning: bool = True) -> Path:
    path = folder / "tokenizer.json"
    a_tokenizer(has_beginning=has_beginning).save(str(path))
    return path
