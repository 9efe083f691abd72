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
    training_job_topology
    capacity_stockout
    priority_inversion
    withdrawal
    provider_configure_failure
    drain_failure_withdrawal
}
