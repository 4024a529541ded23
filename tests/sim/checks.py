"""Judges a run: every check by its promise (tests/promised.py), and what each found wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from tests.sim import checks_actors as actors
from tests.sim import checks_answers as answers
from tests.sim import checks_asking as asking
from tests.sim import checks_breakers as breakers
from tests.sim import checks_clients as clients
from tests.sim import checks_limits as limits
from tests.sim import checks_money as money
from tests.sim import checks_turns as turns
from tests.sim.evidence import Evidence

Check = Callable[[Evidence], Iterator[str]]


class Violation(NamedTuple):
    """A promise that was not kept."""

    promise: int
    check: str
    words: str

    def __str__(self) -> str:
        return f"promise {self.promise}, {self.check}: {self.words}"


BILLING: Final = 20
"""Conservation of tokens and money has no number of its own in the table; it stands beside cost."""
LIVENESS: Final = 12
CHECKS: Final[tuple[tuple[int, Check], ...]] = (
    (1, clients.every_request_has_one_line),
    (1, clients.client_and_line_agree),
    (1, clients.everybody_is_answered),
    (1, actors.every_attempt_ends_once),
    (3, clients.providers_are_left_with_their_clients),
    (3, actors.losers_stop_at_once),
    (4, clients.deadlines_are_kept),
    (4, actors.streams_are_given_up_for_silence_alone),
    (4, actors.silence_is_not_waited_out),
    (5, clients.no_provider_is_left_asked),
    (7, actors.the_dead_tell_all_at_once),
    (8, actors.the_dead_come_back),
    (8, actors.supervisors_restart_whom_they_lost),
    (9, actors.nothing_crashes_by_itself),
    (9, actors.actors_die_only_when_struck),
    (9, clients.hostile_bytes_are_refused),
    (LIVENESS, clients.all_is_well_soon_after),
    (13, actors.retries_are_paid_for),
    (14, breakers.breakers_move_by_the_table),
    (14, breakers.breakers_open_at_the_fifth_failure),
    (14, breakers.open_breakers_refuse),
    (15, limits.limits_are_kept),
    (15, limits.leases_come_back),
    (15, limits.token_leases_come_back),
    (15, limits.keys_cool_down),
    (15, limits.another_key_is_tried),
    (16, clients.the_store_is_no_excuse),
    (17, answers.no_word_is_lost_or_said_twice),
    (17, answers.nothing_is_answered_that_nobody_said),
    (17, answers.what_is_asked_for_reaches_the_model),
    (17, answers.signatures_come_back_whole),
    (17, actors.content_commits),
    (17, turns.models_know_the_conversation),
    (17, turns.led_answers_are_whole),
    (17, turns.signatures_go_to_their_makers),
    (1, turns.tools_are_run_once),
    (1, turns.every_turn_has_a_line),
    (1, turns.background_work_ends_honestly),
    (9, turns.responses_are_their_askers_own),
    (3, turns.cancelled_work_stops),
    (18, actors.drains_end_in_time),
    (18, actors.who_is_replaced_answers_all),
    (19, clients.memory_refuses_only_while_it_is_short),
    (19, actors.short_of_memory_nothing_is_begun),
    (BILLING, clients.usage_is_what_providers_said),
    (BILLING, actors.tokens_are_charged_as_used),
    (BILLING, actors.tokens_of_what_was_not_sent),
    (BILLING, money.answers_cost_what_they_used),
    (BILLING, money.what_was_broken_off_is_charged_fairly),
    (BILLING, money.no_sum_loses_any),
    (BILLING, money.clients_are_told_the_cost),
    (BILLING, money.hard_budgets_are_kept),
    (BILLING, money.holds_are_let_go),
    (BILLING, clients.attempts_are_counted),
    (BILLING, clients.who_answers_is_named),
    (BILLING, actors.numbers_add_up),
    (9, clients.no_secret_comes_out),
    (9, asking.headers_come_once),
    (9, asking.clients_keys_stay_here),
    (9, asking.providers_get_their_present_key),
)


def violations(evidence: Evidence) -> list[Violation]:
    """All that is wrong with a run; what was seen while it went on comes first."""
    seen = [Violation(promise, "watch", words) for promise, words in evidence.complaints]
    return seen + [Violation(promise, check.__name__, words) for promise, check in CHECKS for words in check(evidence)]
