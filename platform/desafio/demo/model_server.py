"""The demo's inference backend: Gemma 3 270M on the CPU behind the same OpenAI interface as vLLM.

Started as a process of its own by ``services.model`` (and by the tests): ``python -m
desafio.demo.model_server --port 8081 --data DIR``. It ends on SIGTERM or Ctrl-C within two seconds, and knows
nothing of contests.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import xllamacpp

from desafio.demo import weights
from desafio.demo.reasons import CannotStart

HOST = "127.0.0.1"
# One request at a time, the others wait in line. Answered in batches, the same question gets another answer
# once in a while, because sums are taken in another order: a score must not depend on who else was asking.
SLOTS = 1
# llama.cpp divides its context among the slots.
CONTEXT_TOKENS_PER_SLOT = 2048
WRITING_THREADS, READING_THREADS = 1, 2
# A base model has no chat format of its own, and llama.cpp's default (ChatML) it has never learnt. Jinja eats
# a plain line break beside "{%-", so each one is written as an expression.
CHAT_TEMPLATE = (
    "{%- for m in messages -%}"
    "{%- if m.role == 'system' -%}{{ m.content + '\\n\\n' }}"
    "{%- elif m.role == 'user' -%}{{ 'Pregunta: ' + m.content + '\\n' }}"
    "{%- else -%}{{ 'Respuesta: ' + m.content + '\\n\\n' }}{%- endif -%}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ 'Respuesta:' }}{%- endif -%}"
)


def parameters(model: Path, port: int) -> xllamacpp.CommonParams:
    """llama.cpp's parameters: our chat format, one slot, metrics on."""
    chosen = xllamacpp.CommonParams()
    chosen.model.path = str(model)
    chosen.model_alias = {weights.MODEL_NAME}
    chosen.hostnames = [HOST]
    chosen.port = port
    chosen.n_parallel = SLOTS
    chosen.n_ctx = CONTEXT_TOKENS_PER_SLOT * SLOTS
    chosen.cpuparams.n_threads = WRITING_THREADS
    chosen.cpuparams_batch.n_threads = READING_THREADS
    # Nothing of one request may help the next: tokens and energy would depend on the order of the cases. And
    # by default up to 8 GB of what was read are kept in memory.
    chosen.cache_prompt = False
    chosen.cache_idle_slots = False
    chosen.cache_ram_mib = 0
    chosen.n_ctx_checkpoints = 0
    chosen.use_jinja = True
    chosen.chat_template = CHAT_TEMPLATE
    chosen.endpoint_metrics = True
    return chosen


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="desafio.demo.model_server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the weights")
    options = parser.parse_args(arguments)
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        model = weights.assemble(options.data, progress=lambda percent: None)
    except CannotStart as reason:
        print(reason, file=sys.stderr)
        return 1
    # Kept in a name: the server ends when nobody holds it. Returns once it answers.
    server = xllamacpp.Server(parameters(model, options.port))
    print(f"listening on {server.listening_address}", flush=True)
    stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
