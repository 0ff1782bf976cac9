"""A study: the questions about its trials, and the answers in words."""

from __future__ import annotations

from itertools import product

from clientapp.lab.analysis.answers import answers
from clientapp.lab.analysis.fit import Fit, NoFit
from clientapp.lab.analysis.study import Study, study
from clientapp.lab.analysis.trial import Trial
from tests.support.trials import timed_blocks, trial


def grid(*, lost: int = 0) -> list[Trial]:
    """Return three repeats of a grid whose latency grows by 20 microseconds per client."""
    return [
        trial(
            clients=clients,
            block_size=size,
            repeat=repeat,
            late=0.00001 * ((repeat * 7 + size * 3 + clients) % 5 - 2),
            latency=0.001 + 2e-5 * clients + 1e-6 * ((repeat * 5 + size + clients) % 7 - 3),
            lost=lost,
        )
        for clients, size, repeat in product((10, 40, 100), (1, 2, 5, 10), (1, 2, 3))
    ]


def models(found: Study) -> dict[str, Fit | NoFit]:
    """Return the outcome of each model by its response."""
    return {model.response: model.outcome for model in found.models}


def test_models_of_a_grid() -> None:
    """Block time depends on the ideal and latency on the clients; both models find this."""
    found = models(study(grid()))
    time, latency = found["mean block time"], found["latency p50"]
    assert isinstance(time, Fit)
    assert isinstance(latency, Fit)
    _, ideal, clients = time.coefficients
    assert ideal.low < 1 < ideal.high
    assert clients.low < 0 < clients.high
    _, size, clients = latency.coefficients
    assert size.low < 0 < size.high
    assert clients.low < 2e-5 < clients.high


def test_blocks_of_one_are_left_out_of_block_time() -> None:
    """Blocks of one message always take no time, which would suggest false precision."""
    found = models(study(grid()))["mean block time"]
    assert isinstance(found, Fit)
    assert found.points == 27


def test_response_without_data_is_not_fitted() -> None:
    """Without latencies, the model of latency says that they are missing."""
    found = models(study([trial()]))["latency p50"]
    assert found == NoFit(reasons=("no run measured this",))


def test_answers_of_a_grid() -> None:
    """Each question that the trials can answer is answered with its figures."""
    size, clients, latency, total, fits, reach = answers(study(grid(lost=1)))
    assert size.startswith("Block size: the mean block time was at most 0.0")
    assert "the mean overheads with 10 to 100 clients differ by at most 0.0" in clients
    assert "the median went from 1.20 ms to 3.00 ms, the p99 from 3.60 ms to 9.00 ms" in latency
    assert "a larger block does not shorten it. The same 20 messages took 1.9000" in total
    assert "2 instead of 20." in total
    assert fits == (
        "Fit: given in the report's section Fitted models. No run had more than 100 clients."
    )
    assert reach.endswith(": 720 of 756 expected messages arrived (95.2381%); none arrived twice.")


def test_effect_of_block_size_is_reported() -> None:
    """If larger blocks took longer, the answer says so."""
    slow = [trial(block_size=1), trial(block_size=10, late=0.5)]
    _, total, fits, _ = answers(study(slow))
    assert fits.startswith("Fit: none for the mean block time, the latency p50, the ")
    assert "took 1.900 s in blocks of 1 and 2.400 s in blocks of 10" in total


def test_answers_name_the_feeds_and_rates() -> None:
    """Every figure of one condition names its feeds and rates."""
    both = "arrays 2/s + users 10/s"
    trials = [
        trial(clients=clients, block_size=size, late=late, latency=late, feeds=feeds)
        for feeds, late in (("users 10/s", 0.001), (both, 0.004))
        for clients, size in product((10, 40), (1, 5))
    ]
    size, clients, latency, total, *_ = answers(study(trials))
    assert f"10 clients with blocks of 5, {both}: " in size
    assert f"(blocks of 5, {both})" in clients
    assert f"(blocks of 1, {both})" in latency
    assert "(40 clients, users 10/s)" in total


def test_one_client_is_singular() -> None:
    """A study of one client says 1 client."""
    size, _ = answers(study([trial(clients=1)]))
    assert "at 1 client with blocks of 5, users 10/s" in size


def test_few_blocks_do_not_make_the_largest_difference() -> None:
    """The mean of a single block is named only if there are no means of many blocks."""
    one = trial(feeds="users at no steady rate", blocks=timed_blocks(5, 1, late=0.3))
    many = trial(block_size=10, blocks=timed_blocks(10, 20, late=0.01))
    assert "blocks of 5, users at no steady rate" in answers(study([one]))[0]
    assert "at most 10.00 ms away" in answers(study([one, many]))[0]


def test_answers_omit_questions_without_data() -> None:
    """A single cell gives no answer about clients, latency or totals."""
    said = answers(study([trial(duplicates=2)]))
    assert [text.split(":")[0].split(",")[0] for text in said] == ["Block size", "Reach"]
    assert said[1].endswith(": all 20 expected messages arrived; 2 arrived twice and were dropped.")
