//! Scenario scripts: what decide does over time, word for word.

macro_rules! scenarios {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let text = include_str!(concat!("scenarios/", stringify!($name), ".txt"));
                crate::script::check(stringify!($name), text);
            }
        )*
    };
}

scenarios! {
    a_burst_of_losses_is_made_up_once
    a_cut_plan_keeps_the_spread_even
    a_gang_is_told_from_its_twin
    a_gang_on_machines_of_others_does_not_change_racks_with_them
    a_gang_preempts_in_its_own_rack_only
    a_gang_without_hope_causes_no_action
    a_machine_covers_one_need_only
    a_machine_taken_back_has_time_to_drain
    a_need_acquires_before_it_displaces
    a_need_displaces_the_last_where_nothing_is_free
    a_need_keeps_its_own_though_another_is_cheaper
    a_need_of_its_own_cluster_gives_way_without_a_drain
    a_ramp_starves_no_reclaim
    a_row_grows_in_the_rack_where_it_is
    a_serving_gang_stays_where_it_is_though_a_larger_machine_comes
    a_serving_row_is_not_moved_to_a_tidier_rack
    a_shortfall_keeps_its_age
    a_spot_notice_is_an_edge
    a_spread_of_preemptors_stays_even
    a_spread_of_preemptors_takes_all_it_needs_at_once
    an_empty_roll_up_takes_back_and_silence_does_not
    broad_need_leaves_the_narrow_one_its_machine
    capacity_stockout
    cheapest_per_covered_unit
    credit_stops_at_the_chosen_rack
    degraded_gang_is_mended_in_its_domain
    demand_is_a_vector_never_a_count
    drain_failure_withdrawal
    equal_priority_preempts_nobody
    explain_says_what_becomes_of_surplus_and_idle_machines
    explain_says_what_each_filter_removed
    explain_says_what_is_taken_from_whom_in_this_plan
    explain_says_when_a_spread_has_no_room
    explain_says_which_rail_holds_a_plan_back
    explain_says_who_is_ahead_and_what_would_help
    explain_says_why_no_rack_hosts_a_gang
    explain_suggests_opening_cordoned_machines
    gang_assembles_from_idle_and_victims_at_once
    gang_assembles_whole_or_holds_nothing
    gang_is_preempted_as_a_unit
    gang_that_is_not_whole_in_time_retreats
    gangs_at_work_do_not_all_rank_the_same_fresh_rack
    gangs_stay_folded_while_their_machine_changes_state
    grace_follows_the_farthest_gap
    in_flight_creation_counts
    in_flight_preemption_counts
    machines_in_other_racks_do_not_cover_a_gang
    of_racks_that_all_fail_the_one_that_serves_stays
    parked_gang_tries_again_now_and_then
    pinned_work_goes_on_no_idle_spot_machine
    pinned_work_prefers_the_safer_of_two_risky_machines
    preemption_looks_at_who_holds_the_machine_now
    priority_inversion
    provider_configure_failure
    reclaim_is_capped_and_dearest_first
    release_after_the_hold
    the_condemned_go_at_once_and_what_is_kept_stays
    rows_do_not_all_count_on_the_same_free_machine
    silent_cluster_keeps_its_machines
    slack_makes_no_rack_better
    small_gangs_fold_onto_shared_machines
    spread_counts_bound_and_new
    surplus_is_released_once_and_never_bought_again
    surplus_is_what_the_credit_left_and_nothing_else
    training_job_topology
    twin_gangs_keep_their_own_racks_while_joining
    two_clusters_of_one_profile_are_short_each_for_itself
    two_half_gangs_do_not_block_each_other
    unhealthy_machine_is_covered_anew_then_drained
    victims_are_a_minimal_set
    what_if_tells_what_the_loss_of_a_zone_would_do
    what_is_bound_is_counted_before_anything_is_acquired
    what_is_left_is_used_before_anything_is_acquired
    what_is_on_its_way_is_no_shortfall
    what_is_preempted_is_not_displaced
    withdrawal
}
