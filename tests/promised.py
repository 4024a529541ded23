"""What the gateway promises and holds, in one line each, and the tests that assert it exactly, in virtual time.

And what `make promises` and `make soak` have to show of it in real time.
"""

from __future__ import annotations

from typing import NamedTuple


class Promise(NamedTuple):
    words: str
    tests: tuple[str, ...]
    """`path::name`, from `tests/`; each asserts it whole or a part of it."""


STORE = "store/test_store_actor.py"
PROMISES: dict[int, Promise] = {
    1: Promise(
        "Every request ends in exactly one way, whatever happens around it",
        (
            "sim/test_whole_gateways.py::test_every_promise_holds_in_every_seed",
            "sim/test_actors.py::test_every_promise_holds_in_every_seed",
        ),
    ),
    2: Promise(
        "What happened under a seed happens under it again, to the byte",
        (
            "sim/test_whole_gateways.py::test_every_promise_holds_in_every_seed",
            "sim/test_replay.py::test_the_hash_seed_of_the_process_has_no_influence",
        ),
    ),
    3: Promise(
        "A client that hangs up ends the call at the provider in the same moment",
        (
            "whole/test_disconnects.py::test_before_any_answer",
            "whole/test_disconnects.py::test_in_the_middle_of_a_stream",
            "whole/test_disconnects.py::test_in_the_middle_of_a_silent_stream",
            "whole/test_disconnects.py::test_behind_pipelined_bytes",
            "whole/test_disconnects.py::test_while_waiting_for_a_permit",
            "whole/test_disconnects.py::test_while_a_retry_is_due",
        ),
    ),
    4: Promise(
        "A deadline is kept to the second, wherever the call is",
        (
            "actors/test_calls.py::test_the_deadline_ends_a_call_at_its_very_second_wherever_it_is",
            "whole/test_deadlines.py::test_a_clients_own_timeout_ends_the_call_to_the_second",
            "whole/test_deadlines.py::test_all_attempts_share_the_deadline",
        ),
    ),
    5: Promise(
        "Nothing is left of a call, at whichever step it is left: permits, tokens, bytes, connections, tasks",
        (
            "actors/test_cancellation_sweep.py::test_an_asker_may_leave_at_any_step",
            "whole/test_sweep.py::test_a_client_may_go_at_any_step",
            "edge/test_client_cancellation.py::test_a_cancel_at_any_checkpoint_leaves_nothing_behind",
        ),
    ),
    6: Promise(
        "Mailboxes, queues, calls in flight and bytes never pass their bounds",
        (
            "actors/test_mailbox.py::test_a_mailbox_full_by_count_refuses_at_once_and_counts_it",
            "actors/test_mailbox.py::test_a_mailbox_full_by_bytes_refuses_but_an_empty_one_takes_any_letter",
            "actors/test_policy_memory_budget.py::test_a_reservation_that_does_not_fit_takes_nothing",
            "edge/test_client_connections.py::test_beyond_the_bound_a_request_is_refused_at_once",
        ),
    ),
    7: Promise(
        "Whoever waits for an actor that dies is told in the same moment",
        (
            "actors/test_deaths.py::test_queued_and_in_flight_callers_of_a_dead_provider_are_told_at_once",
            "actors/test_deaths.py::test_callers_of_a_dead_router_are_told_at_once_and_their_attempts_stop",
            "actors/test_cancellation_sweep.py::test_a_provider_may_die_at_any_step",
        ),
    ),
    8: Promise(
        "A storm of restarts ends: the process gives up and says so with its exit code",
        (
            "actors/test_supervisor_restart.py::test_a_storm_that_no_restart_ends_leaves_through_the_top",
            "whole/test_crashes.py::test_a_gateway_that_cannot_be_kept_alive_gives_up",
        ),
    ),
    9: Promise(
        "No client hurts another, and none reaches a restart",
        (
            "edge/test_server_hostile.py::test_a_broken_request_is_refused_and_hurts_nobody",
            "edge/test_server_hostile.py::test_a_client_that_leaves_after_any_byte_hurts_nobody",
            "edge/test_server_hostile.py::test_forty_of_each_at_once",
        ),
    ),
    10: Promise(
        "A reader that stalls holds little, and is cut; a drain does not wait for it",
        (
            "whole/test_disconnects.py::test_a_reader_that_does_not_read_is_cut_and_frees_everything",
            "whole/test_drain.py::test_a_reader_that_stalls_holds_the_end_up_no_longer_than_its_limit",
        ),
    ),
    11: Promise(
        "Beyond its capacity a provider is used in full, and who is refused hears it at once",
        ("whole/test_overload.py::test_beyond_capacity_all_of_it_is_used_and_refusals_take_no_time",),
    ),
    12: Promise(
        "Ten seconds after an outage or a rush everything is as before",
        ("whole/test_overload.py::test_trouble_leaves_nothing_behind_that_keeps_it_going",),
    ),
    13: Promise(
        "An outage is not fed by retries: a fifth more attempts, and three",
        (
            "actors/test_policy_retry_budget.py::test_an_outage_is_asked_for_at_most_one_fifth_more_and_three",
            "whole/test_faults.py::test_a_total_outage_is_not_fed_by_retries",
        ),
    ),
    14: Promise(
        "A breaker opens at the fifth failure in a row and lets one probe through",
        (
            "actors/test_policy_breaker.py::test_the_fifth_failure_in_a_row_opens_it_for_five_seconds",
            "actors/test_policy_breaker.py::test_one_probe_at_a_time_and_its_success_closes",
            "actors/test_retries.py::test_five_failures_open_the_breaker_and_one_probe_closes_it",
        ),
    ),
    15: Promise(
        "A limit admits its burst and its rate and no more, and gives back once what was not used",
        (
            "actors/test_policy_token_bucket.py::test_admitted_never_passes_burst_plus_rate_times_time",
            "actors/test_policy_leased_bucket.py::test_all_workers_together_pass_the_limit_by_at_most_one_lease_each",
            "actors/test_holding_back.py::test_tokens_are_reserved_then_settled_and_refunded_when_never_sent",
        ),
    ),
    16: Promise(
        "A shared store that hangs, refuses or comes and goes costs no request but for stored responses",
        (
            f"{STORE}::test_a_store_that_is_silent_fails_the_first_asker_in_90_ms_and_the_others_at_once",
            "whole/test_shared_store.py::test_without_the_store_everything_goes_on_but_what_is_stored",
            "whole/test_shared_store.py::test_a_store_that_comes_and_goes_costs_no_request",
        ),
    ),
    17: Promise(
        "After its first content an answer is not asked for again; where another goes on, no character comes twice",
        (
            "whole/test_faults.py::test_after_its_first_content_an_answer_is_neither_hedged_nor_tried_again",
            "whole/test_recovery.py::test_a_stream_that_is_cut_goes_on_with_the_fallback",
            "whole/test_recovery.py::test_one_that_says_another_word_is_asked_to_go_on_from_the_very_end",
        ),
    ),
    18: Promise(
        "A gateway that is told to stop finishes what it has; a killed worker is replaced",
        (
            "whole/test_drain.py::test_calls_under_way_end_and_then_the_gateway_does",
            "whole/test_drain.py::test_what_outlasts_the_grace_is_cut",
        ),
    ),
    19: Promise(
        "Memory is bounded, and comes back",
        (
            "whole/test_memory_pressure.py::test_new_work_is_refused_at_95_percent_and_taken_again_below",
            "sockets/test_memory_flood.py::test_a_process_that_fills_up_does_less_then_refuses_then_recovers",
            "speed/test_garbage.py::test_a_request_that_is_over_is_freed_at_once",
        ),
    ),
    20: Promise(
        "It is cheap",
        ("speed/test_actor_protocol.py::test_the_actor_protocol_costs_at_most_35_microseconds_a_call",),
    ),
    21: Promise(
        "Every kind of trouble that the simulation knows of comes in one seed of a hundred at the least",
        ("sim/test_whole_gateways.py::test_every_promise_holds_in_every_seed",),
    ),
    22: Promise(
        "The tests see bugs: of those that are put in on purpose (`tests/sim/README.md`), nineteen in twenty",
        (
            "sim/test_mutants.py::test_the_actors_simulation_sees_it",
            "sim/test_mutants.py::test_the_simulation_of_whole_gateways_sees_it",
        ),
    ),
}

LEAVING = "from a client's leaving to the provider's knowing, "
KINDS = ("whole", "stream without a word", "silent stream")
SHOWN: dict[int, tuple[str, ...]] = {
    3: (
        f"{LEAVING}every endpoint",
        *(f"{LEAVING}{kind}" for kind in (*KINDS, "talking stream")),
        *(f"{LEAVING}{kind}, with more behind it" for kind in ("whole", "talking stream")),
    ),
    4: tuple(f"from the deadline to the answer, {kind}" for kind in KINDS),
    5: ("left of ",),
    9: ("answers to a good client beside ", "answers to three good clients beside hostile ones of all kinds"),
    10: ("each of 100 readers that stall", "a drain with 100 readers that stall"),
    11: tuple(f"a provider at {times} times what it can take" for times in (2, 5, 10)),
    13: ("attempts on a provider that answers nothing but 500",),
    16: (
        *(f"the store is {fault}" for fault in ("stopped", "killed", "full", "read-only")),
        "the store stopped and killed under load",
    ),
    18: (
        "from a worker's death to its successor's first answer",
        "a worker of two killed with -9 under load",
        "SIGTERM under load with streams",
        "two workers rolled under load",
    ),
    19: ("1000 silent streams", "24 bodies of 30 MB at once and 50 readers that stall", "resident set over "),
    20: ("the actor protocol, a call", "from the start to the first answer"),
}
"""By promise, how the words begin of each figure that such a run has to show; it fails where one is missing."""
