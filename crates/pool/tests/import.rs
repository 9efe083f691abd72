//! Navarch's configuration as pools: what carries over, and that nothing is lost without a word.

use argosy_pool::import::{Imported, navarch};
use argosy_pool::policy::Policy;
use argosy_pool::{FileError, PoolFile, Strategy};

const CONFIG: &str = include_str!("navarch.yaml");

fn imported() -> Imported {
    navarch("config.yaml", CONFIG).expect("it is sound")
}

#[test]
fn what_is_imported_is_a_pool_file() {
    let Imported { file, .. } = imported();
    assert_eq!(PoolFile::parse("pools.yaml", &file.to_yaml()), Ok(file.clone()));
    let [spare, training] = file.pools.as_slice() else { panic!("two pools, by name") };
    assert_eq!((spare.name.as_str(), spare.min, spare.max, &spare.autoscaler), ("spare", 1, 3, &None));
    assert_eq!(spare.machine.regions, Vec::<String>::new());
    assert_eq!(training.machine.resources.get("nvidia.com/gpu").map(String::as_str), Some("8"));
    assert_eq!(training.cooldown.down.to_string(), "10m");
    assert!(training.user_data.contains("join --pool {{pool}}"));
    let Some(Policy::Composite(composite)) = &training.autoscaler else { panic!("a composite") };
    let [Policy::Reactive(_), Policy::Scheduled(schedule), Policy::Predictive(trend)] = composite.policies.as_slice()
    else {
        panic!("in order: {composite:?}")
    };
    assert_eq!((schedule.windows[0].min, schedule.windows[0].max), (10, 20));
    assert_eq!((trend.lookback_points, trend.growth_factor_percent), (20, 150));
}

#[test]
fn every_key_that_means_something_else_here_is_warned_of() {
    let warnings = imported().warnings;
    for path in [
        "server.health_policy",
        "providers.amazon",
        "pools.training.instance_manager",
        "pools.training.health",
        "pools.training.zones",
        "pools.training.setup_commands",
        "pools.training.autoscaling.autoscalers[1].schedule[0]",
        "pools.training.autoscaling.autoscalers[1].fallback",
        "pools.spare.autoscaling",
        "pools.spare.provider",
        "pools.spare.providers",
        "pools.training.providers",
    ] {
        assert!(warnings.iter().any(|warning| warning.path == path), "{path}: {warnings:#?}");
    }
}

#[test]
fn a_day_that_is_none_is_refused_and_not_dropped() {
    let error = navarch("config.yaml", &CONFIG.replace("tue]", "tuesady]")).expect_err("no day").to_string();
    assert!(error.contains("ARG-1201") && error.contains("tuesady") && error.contains("schedule[0].days"), "{error}");
}

#[test]
fn what_makes_no_sense_here_is_refused_with_its_pool() {
    let error = navarch("config.yaml", &CONFIG.replace("scale_down_at: 25", "scale_down_at: 95")).expect_err("unsound");
    assert!(matches!(&error, FileError::Values { faults, .. } if faults[0].contains("training")), "{error}");
    assert!(matches!(navarch("config.yaml", "pools: {}"), Err(FileError::Form { .. })));
}

#[test]
fn providers_and_strategy_become_sellers_and_types_follow_the_kind_of_provider_not_its_name() {
    let [spare, training] = imported().file.pools.try_into().expect("two pools, by name");
    let spare = spare.sellers.expect("it had providers");
    assert_eq!((spare.strategy, spare.among[0].regions.len(), spare.among[1].priority), (Strategy::Priority, 2, 2));
    assert_eq!(training.sellers.expect("it had one").among[0].instance_types, ["gpu_8x_h100_sxm5"]);
    let text = CONFIG.replace("lambda: {type: lambda}", "east: {type: gcp}").replace("name: lambda", "name: east");
    for (word, strategy) in [
        ("round-robin", Strategy::Weighted),
        ("priority", Strategy::Priority),
        ("availability", Strategy::Availability),
        ("cost", Strategy::Cost),
    ] {
        let text = text.replace("  spare:\n", &format!("  spare:\n    strategy: {word}\n"));
        let text = text.replace("priority: 2}", "priority: 2, weight: 5, instance_type: x9}");
        let sellers = navarch("config.yaml", &text).expect("sound").file.pools[0].sellers.clone().expect("sellers");
        assert_eq!((sellers.strategy, sellers.among[1].weight), (strategy, 5));
        assert_eq!([&sellers.among[0].instance_types[0], &sellers.among[1].instance_types[0]], ["g2-standard-4", "x9"]);
    }
}

#[test]
fn a_strategy_that_is_none_is_an_error_with_its_line() {
    let text = CONFIG.replace("  spare:\n", "  spare:\n    strategy: cheapest\n");
    let error = navarch("config.yaml", &text).expect_err("no strategy").to_string();
    assert!(error.contains("ARG-1200") && error.contains("cheapest") && error.contains("line 3"), "{error}");
}
