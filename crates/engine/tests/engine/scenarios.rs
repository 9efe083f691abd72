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
    a_gang_without_hope_causes_no_action
    a_machine_covers_one_need_only
    a_need_of_its_own_cluster_gives_way_without_a_drain
    a_spot_notice_is_an_edge
    a_spread_of_preemptors_stays_even
    an_empty_roll_up_takes_back_and_silence_does_not
    broad_need_leaves_the_narrow_one_its_machine
    capacity_stockout
    cheapest_per_covered_unit
    degraded_gang_is_mended_in_its_domain
    demand_is_a_vector_never_a_count
    drain_failure_withdrawal
    equal_priority_preempts_nobody
    gang_assembles_from_idle_and_victims_at_once
    gang_assembles_whole_or_holds_nothing
    gang_is_preempted_as_a_unit
    gang_that_is_not_whole_in_time_retreats
    gangs_at_work_do_not_all_rank_the_same_fresh_rack
    in_flight_creation_counts
    in_flight_preemption_counts
    machines_in_other_racks_do_not_cover_a_gang
    parked_gang_tries_again_now_and_then
    preemption_looks_at_who_holds_the_machine_now
    priority_inversion
    provider_configure_failure
    reclaim_is_capped_and_dearest_first
    release_after_the_hold
    silent_cluster_keeps_its_machines
    small_gangs_fold_onto_shared_machines
    spread_counts_bound_and_new
    surplus_is_released_once_and_never_bought_again
    training_job_topology
    twin_gangs_keep_their_own_racks_while_joining
    two_half_gangs_do_not_block_each_other
    unhealthy_machine_is_covered_anew_then_drained
    victims_are_a_minimal_set
    withdrawal
}
