//! What each policy wants, and what becomes of it: the rules of docs/reference/pools.md, one test each.

use argosy_model::{Duration, ShardTime};
use argosy_pool::policy::{Composite, Metric, Mode, Policy, Predictive, Queue, Reactive, Scheduled};
use argosy_pool::specification::{Bounds, Cooldown, Machine, Steps};
use argosy_pool::{
    Clock, Decision, Held, Percent, QueueDepth, Reading, Reason, Series, Span, Specification, Standing, decide,
};
use proptest::prelude::*;

const MINUTE: u64 = 60_000;

fn pool(min: u32, max: u32, autoscaler: Option<Policy>) -> Specification {
    Specification {
        name: "p".to_owned(),
        machine: Machine::default(),
        min,
        max,
        replicas: None,
        headroom: 0,
        autoscaler,
        steps: Steps { up: u32::MAX, down: u32::MAX },
        cooldown: Cooldown { up: Span::default(), down: Span::default() },
        stale_after: Span::minutes(5),
        priority: 0,
        interruption_usd: 0,
        reclamation_usd: 0,
        user_data: String::new(),
        metrics: argosy_pool::Sources::default(),
        sellers: None,
    }
}

/// A look at a pool: minute by minute utilisation up to now, and jobs said a moment ago.
struct Look {
    at: u64,
    clock: &'static str,
    ready: u32,
    utilisation: Series,
    jobs: Option<(u64, u64)>,
}

impl Look {
    fn at(minute: u64) -> Self {
        let utilisation = Series::default();
        Self { at: minute * MINUTE, clock: "2026-11-23T12:00:00Z", ready: 4, utilisation, jobs: None }
    }

    fn seeing(mut self, percents: &[u32]) -> Self {
        let first = self.at - (percents.len() as u64 - 1) * MINUTE;
        for (minute, percent) in (0..).zip(percents) {
            self.utilisation.push(ShardTime(first + minute * MINUTE), Percent::whole(*percent));
        }
        self
    }

    fn ready(self, ready: u32) -> Self {
        Self { ready, ..self }
    }

    fn jobs(self, jobs: u64, minutes_ago: u64) -> Self {
        Self { jobs: Some((jobs, self.at - minutes_ago * MINUTE)), ..self }
    }

    fn clock(self, clock: &'static str) -> Self {
        Self { clock, ..self }
    }

    fn decide(&self, pool: &Specification, standing: Standing) -> Decision {
        let queue = self.jobs.map(|(jobs, at)| QueueDepth { jobs, at: ShardTime(at) });
        let clock: Clock = self.clock.parse().expect("a moment");
        let (at, stale_after) = (ShardTime(self.at), pool.stale_after.0);
        decide(
            pool,
            &standing,
            &Reading { at, clock, ready: self.ready, utilisation: &self.utilisation, queue, stale_after },
        )
    }
}

fn at(target: u32) -> Standing {
    Standing { target, ..Standing::default() }
}

fn reactive() -> Option<Policy> {
    Some(Policy::Reactive(Reactive::default()))
}

#[test]
fn every_pool_goes_to_its_minimum_with_any_policy_or_none_and_nothing_holds_it_up() {
    let window = serde_saphyr::from_str::<Scheduled>("windows: [{start: 0, end: 24, min: 3, max: 9}]").expect("sound");
    let policies = [
        None,
        reactive(),
        Some(Policy::Queue(Queue::default())),
        Some(Policy::Scheduled(window)),
        Some(Policy::Predictive(Predictive::default())),
        Some(Policy::Composite(Composite { mode: Mode::Min, policies: vec![Policy::Queue(Queue::default())] })),
    ];
    for policy in policies {
        let mut pool = pool(3, 9, policy);
        pool.steps = Steps { up: 1, down: 1 };
        pool.cooldown = Cooldown { up: Span::minutes(60), down: Span::minutes(60) };
        let standing = Standing { target: 0, raised_at: Some(ShardTime(0)), lowered_at: Some(ShardTime(0)) };
        assert_eq!(Look::at(1).decide(&pool, standing).target, 3, "{:?}", pool.autoscaler);
    }
}

#[test]
fn reactive_moves_beyond_a_threshold_and_not_at_it() {
    let pool = pool(1, 10, reactive());
    let target = |percent| Look::at(9).seeing(&[percent]).decide(&pool, at(4)).target;
    assert_eq!([79, 80, 81, 21, 20, 19].map(target), [4, 4, 5, 4, 4, 3]);
}

#[test]
fn reactive_does_not_shrink_into_an_overload() {
    let busy_below_20 = Reactive { scale_down_at_percent: Percent::whole(50), ..Reactive::default() };
    let pool = pool(0, 10, Some(Policy::Reactive(busy_below_20)));
    let decision = Look::at(9).seeing(&[45]).ready(2).decide(&pool, at(2));
    let (seen, then) = (Percent::whole(45), Percent::whole(90));
    assert_eq!((decision.target, decision.reason), (2, Reason::WouldOverload { seen, then }));
    assert_eq!(Look::at(9).seeing(&[0]).ready(1).decide(&pool, at(1)).target, 0, "an idle pool may become empty");
    assert_eq!(Look::at(9).seeing(&[1]).ready(1).decide(&pool, at(1)).target, 1, "a busy one may not");
}

#[test]
fn a_queue_of_73_jobs_at_10_to_a_machine_wants_8() {
    let pool = pool(0, 20, Some(Policy::Queue(Queue::default())));
    let target = |jobs| Look::at(9).jobs(jobs, 0).decide(&pool, at(5)).target;
    assert_eq!([0, 1, 10, 11, 73, 10_000].map(target), [0, 1, 1, 2, 8, 20]);
}

#[test]
fn stale_metrics_hold_and_are_never_read_as_no_load() {
    let policies = [(reactive(), Metric::Utilisation), (Some(Policy::Queue(Queue::default())), Metric::QueueDepth)];
    for (policy, metric) in policies {
        let pool = pool(0, 20, policy);
        let mut stale = Look::at(9).seeing(&[0]).jobs(0, 0);
        stale.at += 5 * MINUTE + 1;
        let decision = stale.decide(&pool, at(7));
        assert_eq!((decision.target, decision.reason), (7, Reason::Unknown { metric }));
    }
}

#[test]
fn a_window_of_the_schedule_moves_a_pool_without_a_fallback() {
    let text =
        "windows: [{days: [mon], start: 9, end: 17, min: 5, max: 8}, {start: '22:00', end: '06:00', min: 0, max: 1}]";
    let pool = pool(0, 10, Some(Policy::Scheduled(serde_saphyr::from_str(text).expect("sound"))));
    let target = |clock, target| Look::at(9).clock(clock).decide(&pool, at(target)).target;
    assert_eq!(target("2026-11-23T09:00:00Z", 2), 5, "raised to the window's minimum");
    assert_eq!(target("2026-11-23T16:59:59Z", 9), 8, "cut to its maximum");
    assert_eq!(target("2026-11-23T17:00:00Z", 9), 9, "outside every window the pool's own bounds apply");
    assert_eq!(target("2026-11-24T03:00:00Z", 9), 1, "a window across midnight");
}

#[test]
fn a_trend_is_followed_over_time_and_rounds_up() {
    let predictive = Predictive { lookback_points: 3, ..Predictive::default() };
    let pool = pool(1, 10, Some(Policy::Predictive(predictive)));
    // 70 + (70 - 50) * 1.2 = 94; one machine at 94 % needs 94 / 70 of a machine.
    let decision = Look::at(9).seeing(&[50, 60, 70]).ready(1).decide(&pool, at(1));
    let (seen, expected) = (Percent::whole(70), Percent::whole(94));
    assert_eq!((decision.target, decision.reason), (2, Reason::Forecast { seen, expected }));
    assert_eq!(Look::at(9).seeing(&[60, 60, 60]).decide(&pool, at(4)).target, 4, "no trend, no more machines");
    let short = Look::at(9).seeing(&[60, 70]).decide(&pool, at(4));
    assert_eq!(short.reason, Reason::Unknown { metric: Metric::Trend });
}

#[test]
fn a_member_that_cannot_see_keeps_a_composite_from_shrinking() {
    for mode in [Mode::Max, Mode::Min, Mode::Avg] {
        let policies = vec![Policy::Reactive(Reactive::default()), Policy::Queue(Queue::default())];
        let pool = pool(0, 20, Some(Policy::Composite(Composite { mode, policies })));
        assert_eq!(Look::at(9).jobs(10, 0).decide(&pool, at(6)).target, 6, "{mode:?}: utilisation is not known");
    }
}

#[test]
fn a_composite_takes_the_largest_the_smallest_or_the_mean() {
    let policies =
        || vec![Policy::Queue(Queue { jobs_per_machine: 10 }), Policy::Queue(Queue { jobs_per_machine: 40 })];
    let target = |mode| {
        let pool = pool(0, 20, Some(Policy::Composite(Composite { mode, policies: policies() })));
        Look::at(9).jobs(80, 0).decide(&pool, at(6)).target
    };
    assert_eq!([Mode::Max, Mode::Min, Mode::Avg].map(target), [8, 2, 5]);
}

#[test]
fn headroom_is_kept_on_top_and_does_not_grow_by_itself() {
    let mut pool = pool(1, 10, reactive());
    pool.headroom = 2;
    let calm = Look::at(9).seeing(&[50]);
    assert_eq!(calm.decide(&pool, at(6)).target, 6);
    assert_eq!(
        Look::at(9).seeing(&[90]).decide(&pool, at(6)).target,
        7,
        "a step above what there is, spare ones included"
    );
    pool.autoscaler = None;
    assert_eq!(calm.decide(&pool, at(1)).target, 3);
}

#[test]
fn a_pool_rests_after_a_move_in_each_direction_on_its_own() {
    let mut pool = pool(0, 10, Some(Policy::Queue(Queue::default())));
    pool.cooldown = Cooldown { up: Span::minutes(1), down: Span::minutes(10) };
    let standing = Standing { target: 5, raised_at: Some(ShardTime(100 * MINUTE)), lowered_at: None };
    let target = |minute, jobs| Look::at(minute).jobs(jobs, 0).decide(&pool, standing).target;
    assert_eq!((target(100, 60), target(101, 60)), (5, 6), "up after a minute");
    assert_eq!((target(109, 40), target(110, 40)), (5, 4), "down after ten");
    let held = Look::at(100).jobs(40, 0).decide(&pool, standing).held;
    assert_eq!(held, Some(Held::Cooldown { until: ShardTime(110 * MINUTE) }));
}

#[test]
fn a_pool_shrinks_to_nothing_within_its_stated_bound() {
    let mut pool = pool(0, 10, Some(Policy::Queue(Queue::default())));
    pool.steps.down = 2;
    pool.cooldown.down = Span::minutes(5);
    let (mut standing, mut minutes) = (Standing { target: 10, raised_at: Some(ShardTime(0)), lowered_at: None }, 0);
    while standing.target > 0 {
        minutes += 1;
        let target = Look::at(minutes).jobs(0, 0).decide(&pool, standing).target;
        standing = standing.moved(target, ShardTime(minutes * MINUTE));
    }
    assert_eq!(minutes, 25, "five steps of two, five minutes each");
}

#[test]
fn a_new_bound_holds_at_once() {
    let mut pool = pool(2, 4, reactive());
    pool.cooldown.down = Span::minutes(60);
    let standing = Standing { target: 9, raised_at: Some(ShardTime(0)), lowered_at: None };
    let decision = Look::at(1).seeing(&[90]).decide(&pool, standing);
    assert_eq!((decision.target, decision.held), (4, Some(Held::Bound)));
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let leaf = prop_oneof![
        (1u32..100, 1u32..5, 1u32..5).prop_map(|(up, step_up, step_down)| {
            let (up, down) = (Percent::whole(up), Percent::whole(up / 2));
            Policy::Reactive(Reactive { scale_up_at_percent: up, scale_down_at_percent: down, step_up, step_down })
        }),
        (1u32..30).prop_map(|jobs_per_machine| Policy::Queue(Queue { jobs_per_machine })),
        (2u32..6)
            .prop_map(|lookback_points| Policy::Predictive(Predictive { lookback_points, ..Predictive::default() })),
    ];
    let modes = prop_oneof![Just(Mode::Max), Just(Mode::Min), Just(Mode::Avg)];
    leaf.prop_recursive(2, 6, 3, move |inner| {
        let policies = prop::collection::vec(inner, 1..4);
        (modes.clone(), policies).prop_map(|(mode, policies)| Policy::Composite(Composite { mode, policies }))
    })
}

proptest! {
    #[test]
    fn no_decision_leaves_the_bounds_or_the_steps_and_none_shrinks_a_pool_unseen(
        policy in any_policy(),
        percents in prop::collection::vec(0u32..=100, 0..8),
        jobs in prop::option::of((0u64..500, 0u64..12)),
        (min, span, target, ready, headroom) in (0u32..5, 0u32..30, 0u32..40, 0u32..40, 0u32..4),
        (up, down) in (1u32..9, 1u32..9),
        age in 0u64..12,
    ) {
        let mut pool = pool(min, min + span.max(1), Some(policy));
        (pool.headroom, pool.steps) = (headroom, Steps { up, down });
        let mut look = Look::at(100);
        if !percents.is_empty() {
            look = look.seeing(&percents);
        }
        if let Some((jobs, ago)) = jobs {
            look = look.jobs(jobs, ago);
        }
        look.ready = ready;
        look.at += age * MINUTE;
        let decision = look.decide(&pool, at(target));
        let Bounds { min, max } = pool.bounds();
        prop_assert!((min..=max).contains(&decision.target), "{decision:?}");
        if (min..=max).contains(&target) {
            prop_assert!(decision.target <= target.saturating_add(up) && target <= decision.target.saturating_add(down));
            let unseen = look.utilisation.newest(ShardTime(look.at), Duration(5 * MINUTE)).is_none()
                && jobs.is_none_or(|(_, ago)| ago + age > 5);
            prop_assert!(!unseen || decision.target >= target, "{decision:?}");
        }
        let again = look.decide(&pool, at(target));
        prop_assert_eq!(again, decision);
    }
}

#[test]
fn what_is_asked_of_prometheus_is_judged_with_the_pool() {
    let file = |metrics: &str| {
        let pool = "name: p, min: 0, max: 1, machine: {resources: {cpu: 1}}";
        argosy_pool::PoolFile::parse("f", &format!("{{version: 1, pools: [{{{pool}, metrics: {metrics}}}]}}"))
    };
    let sound = "{prometheus: {url: \"http://127.0.0.1:9090/\", queue_depth: \"sum(q{a=\\\"b c\\\"})\"}}";
    let read = file(sound).expect("sound").pools.remove(0).metrics;
    let prometheus = read.prometheus.as_ref().expect("it is there");
    let query = prometheus.queue_depth.as_deref().expect("it is there");
    assert_eq!(prometheus.question(query), "http://127.0.0.1:9090/api/v1/query?query=sum%28q%7Ba%3D%22b%20c%22%7D%29");
    assert!(read.agents && !read.asks_utilisation());
    for (wrong, told) in [
        ("{prometheus: {url: \"http://10.0.0.1:9090\", queue_depth: q}}", "metrics.prometheus.url"),
        ("{prometheus: {url: \"https://p/?x=1\", queue_depth: q}}", "metrics.prometheus.url"),
        ("{prometheus: {url: \"https://p\"}}", "metrics.prometheus.utilisation"),
        ("{prometheus: {url: \"https://p\", utilisation: q, every: 10ms}}", "metrics.prometheus.every"),
    ] {
        let error = file(wrong).expect_err(wrong).to_string();
        assert!(error.starts_with("ARG-1201") && error.contains(told), "{wrong}: {error}");
    }
}
