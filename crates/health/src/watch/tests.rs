//! Rules of a watch, one by one. Whole histories are in tests/.

use super::*;
use crate::class::{ActionClass, Health};
use crate::event::{EventType, Metric, System, XidDetail};
use crate::policy::Policy;
use crate::record::Until;

fn at(seconds: u64) -> ShardTime {
    ShardTime(seconds * 1_000)
}

fn watch_of(policy: &str) -> Watch {
    let policy = Policy::parse("test", policy).expect("the policy of a test loads");
    Watch::new(policy.rules_of(None), Facts { gpus: 8, domains: vec![] }, at(0))
}

fn standard() -> Watch {
    Watch::new(Policy::standard().rules_of(None), Facts { gpus: 8, domains: vec![] }, at(0))
}

fn event(watch: &mut Watch, seconds: u64, event: Event) {
    watch.take(at(seconds), Input::Event(event));
}

fn reading(watch: &mut Watch, seconds: u64, kind: EventType, gpu: i32, metric: &str, value: i64) -> Verdict {
    let metrics = [(metric.to_owned(), Metric::Int(value))].into();
    let reading = Event { metrics, ..Event::plain(kind, gpu) };
    watch.take(at(seconds), Input::Reading(reading));
    watch.verdict()
}

fn seen(watch: &Watch) -> (Health, ActionClass, bool) {
    let verdict = watch.verdict();
    (verdict.health, verdict.class, verdict.unfit)
}

const TWO_RULES: &str = "rules:
  - { name: specific, condition: event.event_type == 'xid' && xid.code == 43, result: healthy }
  - { name: general, condition: event.event_type == 'xid', result: unhealthy, class: reboot-host }
";

#[test]
fn the_first_rule_that_holds_decides() {
    let mut watch = watch_of(TWO_RULES);
    event(&mut watch, 1, Event::xid(0, 43));
    assert_eq!(watch.verdict().health, Health::Healthy);
    event(&mut watch, 2, Event::xid(0, 79));
    assert_eq!(watch.verdict().rule, "general");
}

#[test]
fn the_worst_finding_counts_whatever_the_order() {
    for order in [[31, 79, 63], [79, 63, 31], [63, 31, 79]] {
        let mut watch = standard();
        for code in order {
            event(&mut watch, 1, Event::xid(2, code));
        }
        assert_eq!(seen(&watch), (Health::Unhealthy, ActionClass::RebootHost, true), "{order:?}");
    }
}

#[test]
fn nothing_heard_is_unknown_and_nothing_wrong_is_healthy() {
    let mut watch = standard();
    watch.advance(at(100));
    assert_eq!(watch.verdict().health, Health::Unknown);
    assert_eq!(reading(&mut watch, 101, EventType::Thermal, 0, "temperature", 60).health, Health::Healthy);
}

#[test]
fn xids_of_user_programs_condemn_no_machine() {
    for code in [13, 31, 43, 45, 94] {
        let mut watch = standard();
        for second in 0..200 {
            event(&mut watch, second, Event::xid(1, code));
        }
        let verdict = watch.verdict();
        assert!(!verdict.unfit && verdict.health <= Health::Degraded, "XID {code}: {}", verdict.line());
        assert!(verdict.class <= ActionClass::RestartWorkload, "XID {code}");
    }
}

#[test]
fn remapping_that_worked_is_noted_and_remapping_that_failed_wants_a_reset() {
    let (mut worked, mut failed) = (standard(), standard());
    event(&mut worked, 1, Event::xid(0, 63));
    event(&mut failed, 1, Event::xid(0, 64));
    assert_eq!(seen(&worked), (Health::Healthy, ActionClass::Observe, false));
    assert_eq!(worked.record().notes.len(), 1);
    assert_eq!(seen(&failed), (Health::Unhealthy, ActionClass::ResetGpu, true));
}

#[test]
fn remapping_that_fails_again_wants_another_machine() {
    let mut watch = standard();
    event(&mut watch, 1, Event::xid(0, 64));
    event(&mut watch, 60, Event::plain(EventType::GpuReset, 0));
    assert_eq!(seen(&watch), (Health::Healthy, ActionClass::Observe, false));
    event(&mut watch, 3_600, Event::xid(0, 64));
    assert_eq!(seen(&watch), (Health::Unhealthy, ActionClass::Replace, true));
    event(&mut watch, 3_700, Event::plain(EventType::Boot, -1));
    assert!(watch.verdict().unfit, "a boot is no other machine");
}

#[test]
fn a_bare_event_decays_and_what_it_owed_stays() {
    let mut watch = standard();
    event(&mut watch, 5, Event::xid(3, 79));
    watch.advance(at(14));
    assert_eq!(watch.verdict().health, Health::Unhealthy);
    watch.advance(at(16));
    assert_eq!(seen(&watch), (Health::Healthy, ActionClass::RebootHost, true));
    event(&mut watch, 90, Event::plain(EventType::Boot, -1));
    assert_eq!(seen(&watch), (Health::Healthy, ActionClass::Observe, false));
}

#[test]
fn what_is_latched_does_not_decay() {
    let mut watch = standard();
    event(&mut watch, 3, Event::xid(0, 48));
    watch.advance(at(1_000_000));
    assert_eq!(seen(&watch), (Health::Unhealthy, ActionClass::ResetGpu, true));
    event(&mut watch, 1_000_001, Event::plain(EventType::Recovered, 0));
    assert_eq!(watch.verdict().health, Health::Unhealthy, "word of recovery is no reset");
    event(&mut watch, 1_000_002, Event::plain(EventType::GpuReset, 1));
    assert_eq!(watch.verdict().health, Health::Unhealthy, "another GPU was reset");
    event(&mut watch, 1_000_003, Event::plain(EventType::GpuReset, 0));
    assert_eq!(seen(&watch), (Health::Healthy, ActionClass::Observe, false));
}

#[test]
fn a_reading_never_loosens_a_latch() {
    let mut watch = standard();
    event(&mut watch, 1, Event::plain(EventType::EccDbe, 0));
    let mem = Event { system: System::Mem, ..Event::plain(EventType::Memory, 0) };
    for (seconds, count) in [(2, 1), (3, 0)] {
        let metrics = [("ecc_dbe_count".to_owned(), Metric::Int(count))].into();
        watch.take(at(seconds), Input::Reading(Event { metrics, ..mem.clone() }));
    }
    assert_eq!(watch.verdict().rule, "ecc-dbe");
    assert_eq!(watch.record().findings.values().map(|one| one.until).collect::<Vec<_>>(), [Until::Reset]);
}

#[test]
fn a_reading_stands_until_the_next_one_says_otherwise() {
    let mut watch = standard();
    assert_eq!(reading(&mut watch, 0, EventType::Thermal, 0, "temperature", 88).rule, "thermal-warning");
    let hotter = reading(&mut watch, 60, EventType::Thermal, 0, "temperature", 97);
    assert_eq!((hotter.rule.as_str(), hotter.unfit), ("thermal-critical", false));
    assert_eq!(reading(&mut watch, 120, EventType::Thermal, 1, "temperature", 40).rule, "thermal-critical");
    assert_eq!(reading(&mut watch, 180, EventType::Thermal, 0, "temperature", 60).health, Health::Healthy);
}

#[test]
fn what_recovers_within_its_grace_costs_nothing_and_what_persists_condemns_once() {
    let mut watch = standard();
    let mut transitions = Vec::new();
    for second in (0..=240).step_by(10) {
        reading(&mut watch, second, EventType::Thermal, 0, "temperature", 97);
    }
    reading(&mut watch, 250, EventType::Thermal, 0, "temperature", 70);
    assert_eq!(seen(&watch), (Health::Healthy, ActionClass::Observe, false));
    for second in (300..=700).step_by(10) {
        let metrics = [("temperature".to_owned(), Metric::Int(97))].into();
        let hot = Event { metrics, ..Event::plain(EventType::Thermal, 0) };
        transitions.extend(watch.take(at(second), Input::Reading(hot)));
    }
    let unfit: Vec<u64> =
        transitions.iter().filter(|one| one.to.unfit && !one.was_unfit).map(|one| one.at_ms).collect();
    assert_eq!(unfit, [600_000], "five minutes after it began");
}

#[test]
fn readings_that_stop_coming_let_go_of_what_they_held() {
    let mut watch = standard();
    reading(&mut watch, 10, EventType::Thermal, 0, "temperature", 97);
    watch.advance(at(129));
    assert_eq!(watch.verdict().health, Health::Unhealthy);
    watch.advance(at(130));
    assert_eq!(watch.verdict().health, Health::Healthy);
}

#[test]
fn a_rule_with_a_duration_waits_for_it_and_a_break_begins_it_anew() {
    let rule = "rules: [{ name: hot, condition: event.metrics.temperature > 80, result: degraded, for: 30s }]";
    let mut watch = watch_of(rule);
    for (second, degrees, expected) in [
        (0, 85, Health::Healthy),
        (20, 85, Health::Healthy),
        (25, 70, Health::Healthy),
        (40, 85, Health::Healthy),
        (69, 85, Health::Healthy),
        (70, 85, Health::Degraded),
    ] {
        let verdict = reading(&mut watch, second, EventType::Thermal, 0, "temperature", degrees);
        assert_eq!(verdict.health, expected, "after {second} s");
    }
}

#[test]
fn a_count_needs_so_many_within_its_window_and_in_its_place() {
    let rule = "rules:\n  - { name: thrice, condition: event.event_type == 'pcie', result: degraded, window: 60s, count: 3 }\n";
    let mut watch = watch_of(rule);
    for (second, gpu) in [(0, 0), (10, 1), (20, 0), (70, 0), (75, 1)] {
        event(&mut watch, second, Event::plain(EventType::Pcie, gpu));
        assert_eq!(watch.verdict().health, Health::Healthy, "after {second} s");
    }
    event(&mut watch, 79, Event::plain(EventType::Pcie, 0));
    assert_eq!((watch.verdict().health, watch.verdict().gpu), (Health::Degraded, 0));
}

#[test]
fn different_workloads_crashing_on_one_gpu_are_a_signal_and_one_crashing_often_is_none() {
    let crash = |workload: &str| {
        let mut event = Event::xid(0, 31);
        event.metrics.insert("workload".to_owned(), Metric::Text(workload.to_owned()));
        event
    };
    let mut watch = standard();
    for second in 0..50 {
        event(&mut watch, second, crash("a"));
    }
    event(&mut watch, 60, crash("b"));
    assert_eq!(watch.verdict().rule, "workload-fault");
    event(&mut watch, 75, crash("c"));
    assert_eq!(watch.verdict().rule, "many-workloads-crash");
    assert!(!watch.verdict().unfit);
}

#[test]
fn a_fault_of_nvlink_marks_its_domain_in_one_verdict() {
    let facts = Facts { gpus: 8, domains: vec![0, 0, 0, 0, 1, 1, 1, 1] };
    let mut watch = Watch::new(Policy::standard().rules_of(None), facts, at(0));
    let transitions = watch.take(at(1), Input::Event(Event::xid(5, 74)));
    assert_eq!(transitions.len(), 1);
    let flagged: Vec<u32> = watch.verdict().gpus.iter().map(|one| one.gpu).collect();
    assert_eq!(flagged, [4, 5, 6, 7]);
    let mut whole = standard();
    event(&mut whole, 1, Event::xid(5, 74));
    assert_eq!((whole.verdict().gpus.len(), whole.verdict().owed.len()), (8, 1));
}

#[test]
fn a_mild_error_of_nvlink_marks_nothing() {
    let mut watch = standard();
    let mild = XidDetail { severity: "Nonfatal".to_owned(), ..XidDetail::default() };
    event(&mut watch, 1, Event { xid: mild, ..Event::xid(5, 74) });
    assert_eq!(seen(&watch), (Health::Healthy, ActionClass::Observe, false));
}

#[test]
fn resets_that_do_not_help_become_a_reboot_and_reboots_that_do_not_help_quarantine() {
    let mut watch = standard();
    let mut classes = Vec::new();
    for round in 0..5 {
        event(&mut watch, round * 1_000, Event::xid(0, 95));
        let class = watch.verdict().class;
        classes.push(class);
        let repair = if class == ActionClass::ResetGpu { EventType::GpuReset } else { EventType::Boot };
        event(&mut watch, round * 1_000 + 60, Event::plain(repair, if repair == EventType::Boot { -1 } else { 0 }));
    }
    let (reset, reboot) = (ActionClass::ResetGpu, ActionClass::RebootHost);
    assert_eq!(classes, [reset, reset, reboot, reboot, ActionClass::Quarantine]);
}

#[test]
fn repairs_of_another_gpu_or_long_ago_do_not_escalate() {
    let mut watch = standard();
    for gpu in 0..4 {
        event(&mut watch, 10, Event::xid(gpu, 95));
        event(&mut watch, 20, Event::plain(EventType::GpuReset, gpu));
    }
    event(&mut watch, 30, Event::xid(0, 95));
    assert_eq!(watch.verdict().class, ActionClass::ResetGpu);
    event(&mut watch, 40, Event::plain(EventType::GpuReset, 0));
    event(&mut watch, 50 + 7 * 24 * 3_600, Event::xid(0, 95));
    assert_eq!(watch.verdict().class, ActionClass::ResetGpu);
}

#[test]
fn a_boot_that_is_told_twice_is_one_boot() {
    let mut watch = standard();
    let boot = |id: &str| {
        let metrics = [("boot_id".to_owned(), Metric::Text(id.to_owned()))].into();
        Event { metrics, ..Event::plain(EventType::Boot, -1) }
    };
    event(&mut watch, 1, boot("one"));
    event(&mut watch, 2, Event::xid(0, 79));
    event(&mut watch, 3, boot("one"));
    assert!(watch.verdict().unfit);
    event(&mut watch, 4, boot("two"));
    assert!(!watch.verdict().unfit);
}

#[test]
fn a_condition_that_fails_is_counted_and_shown_and_the_others_still_decide() {
    let policy = "rules:
  - { name: broken, condition: event.metrics.missing > 3, result: unhealthy }
  - { name: xids, condition: event.event_type == 'xid' && xid.code == 79, result: degraded }
";
    let mut watch = watch_of(policy);
    let transitions = watch.take(at(1), Input::Event(Event::plain(EventType::Pcie, 0)));
    assert_eq!(transitions.len(), 1);
    let verdict = watch.verdict();
    assert_eq!((verdict.health, verdict.rule.as_str()), (Health::Unknown, "broken"));
    assert_eq!((verdict.errors[0].count, verdict.errors[0].error.as_str()), (1, "the event has no 'missing'"));
    event(&mut watch, 2, Event::xid(0, 79));
    assert_eq!((watch.verdict().health, watch.verdict().errors[0].count), (Health::Degraded, 2));
}

#[test]
fn an_event_of_a_journal_is_taken_once() {
    let mut watch = standard();
    let mark = |sequence| Mark { journal: "j".to_owned(), sequence };
    watch.take_recorded(at(1), mark(7), Event::xid(0, 31));
    watch.take_recorded(at(2), mark(7), Event::xid(0, 31));
    watch.take_recorded(at(3), mark(6), Event::xid(0, 31));
    assert_eq!(watch.record().notes.len(), 1);
    let other = Mark { journal: "k".to_owned(), sequence: 1 };
    watch.take_recorded(at(4), other, Event::xid(0, 31));
    assert_eq!(watch.record().notes.len(), 2);
}

#[test]
fn an_operator_clears_everything() {
    let mut watch = standard();
    event(&mut watch, 1, Event::xid(0, 64));
    event(&mut watch, 2, Event::xid(0, 64));
    watch.take(at(3), Input::Clear);
    assert_eq!(seen(&watch), (Health::Healthy, ActionClass::Observe, false));
}

#[test]
fn a_site_may_judge_a_code_otherwise_with_its_reason() {
    let text = format!(
        "{}\nxids:\n  - {{ code: 79, class: quarantine, reason: \"the bus of these hosts\" }}\n",
        crate::policy::DEFAULT
    );
    let mut watch = watch_of(&text);
    event(&mut watch, 1, Event::xid(0, 79));
    assert_eq!(watch.verdict().class, ActionClass::Quarantine);
    assert!(watch.verdict().reason.contains("site: the bus of these hosts"));
}

#[test]
fn a_new_policy_keeps_what_was_found_and_forgets_what_only_its_rules_counted() {
    let mut watch = standard();
    event(&mut watch, 1, Event::xid(0, 48));
    event(&mut watch, 2, Event::xid(1, 64));
    assert!(!watch.record().tallies.is_empty());
    let other = Policy::parse("test", TWO_RULES).expect("it loads");
    watch.reform(other.rules_of(None), Facts { gpus: 8, domains: vec![] });
    assert_eq!(watch.verdict().health, Health::Unhealthy);
    assert!(watch.record().tallies.is_empty());
}

#[test]
fn a_silence_that_ends_is_owed_nothing_any_more_and_another_debt_stays() {
    let silent = || Event { system: System::Agent, ..Event::plain(EventType::AgentSilent, -1) };
    let heard = || Event { system: System::Agent, ..Event::plain(EventType::Recovered, -1) };
    let mut watch = standard();
    event(&mut watch, 1, silent());
    watch.advance(at(200));
    assert_eq!(seen(&watch), (Health::Unhealthy, ActionClass::Replace, true));
    event(&mut watch, 300, heard());
    assert_eq!(seen(&watch), (Health::Healthy, ActionClass::Observe, false));
    event(&mut watch, 400, Event::plain(EventType::DriverError, -1));
    watch.advance(at(600));
    event(&mut watch, 601, silent());
    event(&mut watch, 602, heard());
    assert_eq!(seen(&watch), (Health::Unhealthy, ActionClass::RebootHost, true), "the driver is lost all the same");
}
