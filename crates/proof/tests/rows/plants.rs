//! Each planted bug, and the script that catches it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use argosy_proof::plant::{Plant, plant};

/// Plants with the scripts that must turn red; a script is a test of the engine by the same name.
macro_rules! catches {
    ($($plant:ident => $script:ident,)*) => {
        const CATCHES: &[(Plant, &str, &str)] = &[
            $((
                Plant::$plant,
                stringify!($script),
                include_str!(concat!("../../../engine/tests/engine/scenarios/", stringify!($script), ".txt")),
            ),)*
        ];
    };
}

catches! {
    MachinesNotAmounts => demand_is_a_vector_never_a_count,
    PhantomCredit => a_machine_covers_one_need_only,
    SecondAttribution => surplus_is_what_the_credit_left_and_nothing_else,
    CreditAcrossDomains => credit_stops_at_the_chosen_rack,
    DomainChosenTwice => a_row_grows_in_the_rack_where_it_is,
    NeverFold => small_gangs_fold_onto_shared_machines,
    NothingCountedOn => rows_do_not_all_count_on_the_same_free_machine,
    TidierDomainFirst => a_serving_row_is_not_moved_to_a_tidier_rack,
    NotSticky => of_racks_that_all_fail_the_one_that_serves_stays,
    NeverPark => parked_gang_tries_again_now_and_then,
    SlackCounts => slack_makes_no_rack_better,
    BoundSlackCounts => a_gang_on_machines_of_others_does_not_change_racks_with_them,
    GroupsForgotten => a_gang_is_told_from_its_twin,
    OwnNotFirst => a_need_keeps_its_own_though_another_is_cheaper,
    CreatingInvisible => in_flight_creation_counts,
    BoundIgnored => what_is_bound_is_counted_before_anything_is_acquired,
    SilenceIsNoDemand => silent_cluster_keeps_its_machines,
    NoReclaimCap => reclaim_is_capped_and_dearest_first,
    NoGrace => a_machine_taken_back_has_time_to_drain,
    PreemptAnywhere => a_gang_preempts_in_its_own_rack_only,
    AgeRestarts => a_shortfall_keeps_its_age,
    HoldIgnored => release_after_the_hold,
    KeptReleased => the_condemned_go_at_once_and_what_is_kept_stays,
    CondemnedHeld => the_condemned_go_at_once_and_what_is_kept_stays,
    CoveredIsStarved => what_is_on_its_way_is_no_shortfall,
    ClustersMerged => two_clusters_of_one_profile_are_short_each_for_itself,
    DrainingInvisible => in_flight_preemption_counts,
    StampedPriority => preemption_looks_at_who_holds_the_machine_now,
    PinnedTies => pinned_work_prefers_the_safer_of_two_risky_machines,
    IdleRiskIgnored => pinned_work_goes_on_no_idle_spot_machine,
    HalfGangs => gang_assembles_whole_or_holds_nothing,
    SpreadForgets => spread_counts_bound_and_new,
    NarrowIgnored => broad_need_leaves_the_narrow_one_its_machine,
    AbsolutePrice => cheapest_per_covered_unit,
    VictimsNotPruned => victims_are_a_minimal_set,
    RoomAskedOnce => a_spread_of_preemptors_takes_all_it_needs_at_once,
    CheapestFirst => reclaim_is_capped_and_dearest_first,
    PaidForIgnored => what_is_paid_for_anyway_is_kept_at_equal_price,
    TailCut => a_ramp_starves_no_reclaim,
    NoticeCovers => a_spot_notice_is_an_edge,
    GapWraps => grace_follows_the_farthest_gap,
    DisplacesFirst => a_need_acquires_before_it_displaces,
    LeftIgnored => what_is_left_is_used_before_anything_is_acquired,
    NeverDisplaces => a_need_displaces_the_last_where_nothing_is_free,
    OwnNotTakenBack => a_need_takes_its_own_back_from_those_behind_it_without_a_drain,
    OwnNotTakenBack => a_need_takes_its_own_back_before_it_acquires,
    AcquiresOnce => a_need_that_spreads_acquires_once_more_where_displacing_made_room,
    DisplacesVictims => what_is_preempted_is_not_displaced,
    FoldsWhatServes => a_serving_gang_stays_where_it_is_though_a_larger_machine_comes,
    FoldByFree => gangs_stay_folded_while_their_machine_changes_state,
    FoldedLast => a_folded_row_is_as_old_as_its_first_gang,
    MovesUncover => a_move_keeps_what_covers,
    MoveBudgetIgnored => a_plan_moves_no_more_than_the_budgets_allow,
    MovesForNothing => a_need_moves_only_to_what_saves,
    MovesPileUp => a_need_that_moves_does_not_move_again_meanwhile,
    BreaksBeforeMaking => consolidation_is_off_unless_it_is_switched_on,
    PinnedMoves => pinned_work_does_not_move,
    MovesTakeFromTheShort => a_move_leaves_what_a_short_need_could_use,
    PaybackIgnored => a_move_saves_its_cost_in_time,
    CapsIgnored => a_gang_buys_no_more_than_a_cap_leaves,
    OneDomainUnderCaps => a_gang_that_a_cap_keeps_from_one_rack_tries_the_next,
}

/// Whether a script prints something else, or stops at the linter or an assertion, with a bug planted.
fn is_red(bug: Option<Plant>, name: &str, text: &str) -> bool {
    plant(bug);
    let outcome = catch_unwind(AssertUnwindSafe(|| crate::script::check(name, text)));
    plant(None);
    outcome.is_err()
}

#[test]
fn every_planted_bug_is_caught_by_the_test_of_its_row() {
    let mut missed = Vec::new();
    for (bug, name, text) in CATCHES {
        assert!(!is_red(None, name, text), "{name} is red with nothing planted");
        if is_red(Some(*bug), name, text) {
            println!("{bug:?}: caught by {name}");
        } else {
            missed.push((bug, name));
        }
    }
    assert_eq!(missed, [], "these planted bugs go unnoticed");
}

#[test]
fn every_planted_bug_has_its_test() {
    let without: Vec<_> =
        Plant::ALL.iter().filter(|bug| !CATCHES.iter().any(|(caught, _, _)| caught == *bug)).collect();
    assert!(without.is_empty(), "{without:?}");
}
