//! Properties of whole histories: what holds for every sequence of events, however it is cut up.

use std::sync::Arc;

use argosy_health::record::Mark;
use argosy_health::{Event, EventType, Facts, Health, Input, Metric, Policy, Record, RuleSet, Transition, Watch};
use argosy_model::ShardTime;
use proptest::prelude::*;

/// A policy with every way in which a finding can stand and be counted.
const POLICY: &str = r#"
escalation: { attempts: 2, within: 1h }
rules:
  - { name: thrice, condition: event.event_type == "pcie", result: unhealthy, class: quarantine, window: 60s, count: 3 }
  - { name: rising, condition: event.event_type == "ecc_sbe", result: degraded, rate: { metric: n, per: 60s, above: 5 } }
  - { name: broken, condition: event.event_type == "power" && event.metrics.watts > 3, result: degraded }
  - { name: latched, condition: event.event_type == "xid" && xid.code == 48, result: unhealthy, latch: until-reset }
  - { name: link, condition: event.event_type == "xid" && xid.code == 74, result: unhealthy, scope: nvlink-domain, grace: 20s, decay: 30s }
  - { name: mild, condition: event.event_type == "xid" && xid.class == "restart-workload", result: degraded, decay: 15s }
  - { name: fatal, condition: event.event_type == "xid", result: unhealthy }
  - { name: lost, condition: event.event_type == "driver_error", result: unhealthy, class: reboot-host, latch: until-recovered, grace: 30s }
  - { name: hot, condition: event.event_type == "thermal" && event.metrics.n > 3, result: unhealthy, class: quarantine, grace: 25s }
"#;

#[derive(Clone, Debug)]
struct Step {
    after_ms: u64,
    event: Event,
    is_reading: bool,
}

fn rules() -> Arc<RuleSet> {
    Policy::parse("test", POLICY).expect("the policy of a test loads").rules_of(None)
}

fn facts() -> Facts {
    Facts { gpus: 4, domains: vec![0, 0, 1, 1] }
}

fn events() -> impl Strategy<Value = Event> {
    let kinds = [
        EventType::Pcie,
        EventType::EccSbe,
        EventType::Power,
        EventType::DriverError,
        EventType::GpuReset,
        EventType::Boot,
        EventType::Recovered,
        EventType::Thermal,
    ];
    let plain = (prop::sample::select(kinds.to_vec()), -1..4i32, 0..10i64).prop_map(|(kind, gpu, n)| {
        let metrics = [("n".to_owned(), Metric::Int(n))].into();
        Event { metrics, ..Event::plain(kind, gpu) }
    });
    let xid = (prop::sample::select(vec![13, 31, 43, 48, 63, 64, 74, 79, 95, 500]), 0..4i32);
    prop_oneof![plain, xid.prop_map(|(code, gpu)| Event::xid(gpu, code))]
}

fn histories(readings: bool) -> impl Strategy<Value = Vec<Step>> {
    let step = (0..20_000u64, events(), any::<bool>()).prop_map(move |(after_ms, event, is_reading)| {
        let may_be_read = !matches!(event.event_type, EventType::GpuReset | EventType::Boot | EventType::Recovered);
        Step { after_ms, event, is_reading: readings && is_reading && may_be_read }
    });
    prop::collection::vec(step, 0..40)
}

/// Feeds a history, letting time pass in extra calls where `cuts` says so.
fn feed(watch: &mut Watch, steps: &[Step], from: ShardTime, cuts: &[u64]) -> (ShardTime, Vec<Transition>) {
    let mut now = from;
    let mut transitions = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let next = ShardTime(now.0 + step.after_ms);
        if let Some(cut) = cuts.get(index) {
            transitions.extend(watch.advance(ShardTime(now.0 + cut % (step.after_ms + 1))));
        }
        now = next;
        let input = if step.is_reading { Input::Reading(step.event.clone()) } else { Input::Event(step.event.clone()) };
        transitions.extend(watch.take(now, input));
    }
    (now, transitions)
}

fn fresh() -> Watch {
    Watch::new(rules(), facts(), ShardTime(0))
}

proptest! {
    #[test]
    fn in_what_batches_events_come_makes_no_difference(steps in histories(true), cuts in prop::collection::vec(any::<u64>(), 0..40)) {
        let (mut whole, mut cut) = (fresh(), fresh());
        let (end, said) = feed(&mut whole, &steps, ShardTime(0), &[]);
        let (_, said_cut) = feed(&mut cut, &steps, ShardTime(0), &cuts);
        let later = ShardTime(end.0 + 500_000);
        let after = whole.advance(later);
        prop_assert_eq!([said, after].concat(), [said_cut, cut.advance(later)].concat());
        prop_assert_eq!(whole.record(), cut.record());
    }

    #[test]
    fn whoever_takes_over_with_the_record_goes_on_as_if_nothing_had_happened(steps in histories(false), at in 0..40usize) {
        let at = at.min(steps.len());
        let (mut live, mut first) = (fresh(), fresh());
        let (end, said) = feed(&mut live, &steps, ShardTime(0), &[]);
        let (now, mut said_over) = feed(&mut first, &steps[..at], ShardTime(0), &[]);
        let record = Record::decode(&first.record().encode()).expect("its own bytes");
        let mut second = Watch::restore(rules(), facts(), record, now);
        said_over.extend(feed(&mut second, &steps[at..], now, &[]).1);
        let later = ShardTime(end.0 + 500_000);
        live.advance(later);
        second.advance(later);
        prop_assert_eq!(live.record(), second.record());
        prop_assert_eq!(said.len(), said_over.len());
    }

    #[test]
    fn time_alone_never_makes_a_verdict_worse(steps in histories(true), spans in prop::collection::vec(0..30_000u64, 1..20)) {
        let mut watch = fresh();
        let (mut now, _) = feed(&mut watch, &steps, ShardTime(0), &[]);
        let mut last = watch.verdict();
        for span in spans {
            now = ShardTime(now.0 + span);
            watch.advance(now);
            let next = watch.verdict();
            prop_assert!(next.health <= last.health && (next.class <= last.class || next.unfit), "{} -> {}", last.line(), next.line());
            last = next;
        }
    }

    #[test]
    fn what_is_owed_goes_only_by_a_repair(steps in histories(true)) {
        let mut watch = fresh();
        let mut now = ShardTime(0);
        for step in &steps {
            let owed: Vec<i32> = watch.record().owed.keys().copied().collect();
            now = feed(&mut watch, std::slice::from_ref(step), now, &[]).0;
            if !matches!(step.event.event_type, EventType::Boot | EventType::GpuReset) {
                prop_assert!(owed.iter().all(|gpu| watch.record().owed.contains_key(gpu)));
            }
            prop_assert_eq!(watch.verdict().unfit, !watch.record().owed.is_empty());
        }
    }

    #[test]
    fn the_worst_of_what_stands_is_what_is_said(steps in histories(true)) {
        let mut watch = fresh();
        let mut now = ShardTime(0);
        for step in &steps {
            now = feed(&mut watch, std::slice::from_ref(step), now, &[]).0;
            let worst = watch.record().findings.values().map(|finding| finding.health).max();
            prop_assert_eq!(watch.verdict().health, worst.unwrap_or(Health::Healthy));
        }
    }

    #[test]
    fn a_program_of_a_user_never_condemns(codes in prop::collection::vec((prop::sample::select(vec![13i64, 31, 43, 45]), 0..8i32, 0..9_000u64), 0..200)) {
        let mut watch = Watch::new(Policy::standard().rules_of(None), Facts { gpus: 8, domains: vec![] }, ShardTime(0));
        let mut now = 0;
        for (code, gpu, after) in codes {
            now += after;
            watch.take(ShardTime(now), Input::Event(Event::xid(gpu, code)));
            prop_assert!(!watch.verdict().unfit && watch.verdict().health < Health::Unhealthy);
        }
    }

    #[test]
    fn an_event_of_a_journal_counts_once_however_often_it_is_delivered(steps in histories(false), again in prop::collection::vec(0..40usize, 0..20)) {
        let (mut once, mut often) = (fresh(), fresh());
        let mut now = ShardTime(0);
        for (index, step) in steps.iter().enumerate() {
            now = ShardTime(now.0 + step.after_ms);
            let mark = |index: usize| Mark { journal: "j".to_owned(), sequence: u64::try_from(index).expect("small") + 1 };
            once.take_recorded(now, mark(index), step.event.clone());
            often.take_recorded(now, mark(index), step.event.clone());
            for old in again.iter().filter(|old| **old <= index) {
                often.take_recorded(now, mark(*old), steps[*old].event.clone());
            }
        }
        prop_assert_eq!(once.record(), often.record());
    }
}
