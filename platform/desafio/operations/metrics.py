"""``/metricas/``: the figures of operation in Prometheus' text format, for who shows the token.

Every figure comes from the rows, so that it is the same whichever process answers, and outlives them all.
No label holds a person's name, a prompt or a case: those that exist are written down here and in
``challenges.tallies``, except the slugs of challenges and phases, which are public.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import Error as DatabaseFault
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from challenges import gauges, tallies
from challenges.gauges import Figures
from challenges.models import Reason
from desafio.operations.access import is_set_up, shows_the_token

PREFIX = "desafio_"
PLAIN = "text/plain"


@never_cache
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """404 while no token is set up, 401 without the right one, 503 while the database is away."""
    if not is_set_up():
        raise Http404
    if not shows_the_token(request):
        challenge = {"WWW-Authenticate": 'Bearer realm="desafio"'}
        return HttpResponse("the token, please\n", content_type=PLAIN, status=401, headers=challenge)
    try:
        figures = gauges.read()
    except DatabaseFault:
        return HttpResponse("database away\n", content_type=PLAIN, status=503)
    return HttpResponse(exposition(figures), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def exposition(figures: Figures) -> bytes:
    # A registry of its own each time: the library's global one would add its own figures of this process.
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FiguresCollector(figures))
    return generate_latest(registry)


class FiguresCollector(Collector):
    """The figures as families of metrics."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        figures = self._figures
        yield from _queue(figures.queue)
        yield from _history(figures)
        yield from _circuits(figures)
        yield from _workers(figures.workers)
        yield from _counters(figures)
        yield from _moments(figures)
        yield from _histograms(figures)
        yield _boards(figures)


def _queue(queue: gauges.Queue) -> Iterator[Metric]:
    by_state = GaugeMetricFamily(
        f"{PREFIX}evaluations", "Evaluations that have not ended, by state.", labels=["state"]
    )
    for state, number in queue.by_state.items():
        by_state.add_metric([state.value], number)
    yield by_state
    yield _gauge("queue_depth", "Evaluations that wait for a worker.", queue.depth)
    yield _gauge(
        "queue_oldest_seconds",
        "Age of the oldest evaluation that waits for a worker, since it was handed in.",
        queue.oldest_waiting_s,
    )
    yield _gauge(
        "held_longest_seconds",
        "How long the first evaluation has been HELD that still is.",
        queue.longest_held_s,
    )
    yield _gauge(
        "lease_overdue_seconds",
        "How long ago the first lease ran out that the sweeper has not taken back.",
        queue.longest_overdue_s,
    )


def _history(figures: Figures) -> Iterator[Metric]:
    changes = CounterMetricFamily(
        f"{PREFIX}state_changes", "Changes of state of evaluations, by reason.", labels=["reason"]
    )
    for reason, number in figures.changes.items():
        changes.add_metric([reason.value], number)
    yield changes
    yield CounterMetricFamily(
        f"{PREFIX}submissions", "Submissions that were accepted.", figures.changes[Reason.RECEIVED]
    )
    yield CounterMetricFamily(
        f"{PREFIX}claims", "Times that a worker took an evaluation.", figures.changes[Reason.CLAIMED]
    )


def _circuits(figures: Figures) -> Iterator[Metric]:
    is_open = GaugeMetricFamily(
        f"{PREFIX}circuit_open", "1 while evaluations wait for it to come back, else 0.", labels=["circuit"]
    )
    open_for = GaugeMetricFamily(
        f"{PREFIX}circuit_open_for_seconds", "How long it has been away by now.", labels=["circuit"]
    )
    total = CounterMetricFamily(
        f"{PREFIX}circuit_open_seconds", "How long it has ever been away.", labels=["circuit"]
    )
    for name, circuit in figures.circuits.items():
        is_open.add_metric([name], circuit.open_s is not None)
        open_for.add_metric([name], circuit.open_s or 0)
        total.add_metric([name], circuit.open_total_s)
    yield from (is_open, open_for, total)


def _workers(workers: gauges.Workers) -> Iterator[Metric]:
    by_status = GaugeMetricFamily(
        f"{PREFIX}workers",
        "Worker processes: alive, alive with too old a code to claim, silent without a goodbye.",
        labels=["status"],
    )
    by_status.add_metric(["alive"], workers.alive - workers.old)
    by_status.add_metric(["old"], workers.old)
    by_status.add_metric(["silent"], workers.silent)
    yield by_status
    if workers.last_seen_s is not None:
        yield _gauge("worker_last_seen_seconds", "Since any worker was last seen.", workers.last_seen_s)
    yield _gauge(
        "worker_clock_off_seconds",
        "How far the worst clock of a live worker is from the database's.",
        workers.clock_off_s,
    )


def _counters(figures: Figures) -> Iterator[Metric]:
    for name, known in tallies.NAMES.items():
        family = CounterMetricFamily(
            f"{PREFIX}{name}", known.help, labels=[known.label] if known.label else None
        )
        labels = {label for each, label in figures.counted if each == name}
        # From the start, at 0: what appears with its first event shows no increase.
        for label in sorted(labels | known.labels) if known.label else [""]:
            value = figures.counted.get((name, label), 0)
            family.add_metric([label] if known.label else [], value)
        yield family


def _moments(figures: Figures) -> Iterator[Metric]:
    for name, help_text in tallies.MOMENTS.items():
        if (name, "") in figures.counted:
            yield _gauge(name, help_text, figures.counted[name, ""])


def _histograms(figures: Figures) -> Iterator[Metric]:
    for name, timed in tallies.HISTOGRAMS.items():
        buckets: list[tuple[str, float]] = []
        so_far = 0.0
        for at in range(len(timed.bounds_s) + 1):
            key = tallies.bucket_key(name, at)
            so_far += figures.counted.get(key, 0)
            buckets.append((key[1], so_far))
        total_s = figures.counted.get(tallies.sum_key(name), 0)
        yield HistogramMetricFamily(f"{PREFIX}{name}", timed.help, buckets=buckets, sum_value=total_s)


def _boards(figures: Figures) -> Metric:
    versions = GaugeMetricFamily(
        f"{PREFIX}board_version", "Version of a phase's board.", labels=["challenge", "phase"]
    )
    for board in figures.boards:
        versions.add_metric([board.challenge, board.phase], board.version)
    return versions


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{PREFIX}{name}", help_text, value)
