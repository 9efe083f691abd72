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
    broad_need_leaves_the_narrow_one_its_machine
    capacity_stockout
    cheapest_per_covered_unit
    degraded_gang_is_mended_in_its_domain
    drain_failure_withdrawal
    gang_assembles_from_idle_and_victims_at_once
    gang_assembles_whole_or_holds_nothing
    gang_is_preempted_as_a_unit
    gang_that_is_not_whole_in_time_retreats
    in_flight_creation_counts
    in_flight_preemption_counts
    parked_gang_tries_again_now_and_then
    priority_inversion
    provider_configure_failure
    reclaim_is_capped_and_dearest_first
    release_after_the_hold
    silent_cluster_keeps_its_machines
    small_gangs_fold_onto_shared_machines
    spread_counts_bound_and_new
    training_job_topology
    two_half_gangs_do_not_block_each_other
    unhealthy_machine_is_covered_anew_then_drained
    withdrawal
}
