//! What loads, what is refused and where, and what the lint says.

use super::*;
use crate::class::Health;

/// Navarch's own default policy, in its form: rules with a list and comments inside a condition.
const NAVARCH: &str = r#"
version: v1
metadata:
  name: default
  description: GPU health by NVIDIA's documentation
rules:
  - name: fatal-xid
    description: Faults that a GPU does not recover from
    condition: |
      event.event_type == "xid" && event.metrics.xid_code in [
        13,   // Graphics Engine Exception
        31,   // GPU memory page fault
        43, 45, 48, 63, 64, 74, 79, 92, 94, 95, 119, 120
      ]
    result: unhealthy
  - name: recoverable-xid
    condition: event.event_type == "xid"
    result: degraded
  - name: ecc-dbe
    condition: |
      event.event_type == "ecc_dbe" ||
      (event.system == "DCGM_HEALTH_WATCH_MEM" &&
       has(event.metrics.ecc_dbe_count) &&
       event.metrics.ecc_dbe_count > 0)
    result: unhealthy
  - name: thermal-critical
    condition: |
      event.event_type == "thermal" &&
      has(event.metrics.temperature) &&
      event.metrics.temperature >= 95
    result: unhealthy
  - name: default
    condition: "true"
    result: healthy
"#;

fn refused(text: &str) -> String {
    Policy::parse("p.yaml", text).expect_err("a policy that must not load").to_string()
}

fn one_rule(more: &str) -> String {
    format!("rules:\n  - name: a\n    condition: \"true\"\n    result: degraded\n{more}")
}

#[test]
fn a_policy_of_navarch_loads_as_it_is() {
    let policy = Policy::parse("navarch.yaml", NAVARCH).expect("it loads");
    let set = policy.rules_of(None);
    assert_eq!((policy.name.as_str(), set.rules.len()), ("default", 5));
    assert_eq!(set.rules[0].class, ClassOf::TableOr(ActionClass::Quarantine));
    assert_eq!(set.rules[1].class, ClassOf::TableOr(ActionClass::Observe));
    assert_eq!(set.rules[0].stay, Stay::Decay(Duration::from_secs(10)));
}

#[test]
fn the_default_policy_loads_and_has_nothing_to_lint() {
    let policy = Policy::standard();
    assert_eq!(policy.name, "default");
    assert_eq!(lint(&policy), []);
    assert!(policy.rules_of(None).rules.iter().all(|rule| !rule.description.is_empty()));
}

#[test]
fn a_key_that_nobody_knows_is_refused_with_its_place() {
    let error = refused("rules:\n  - name: a\n    condition: \"true\"\n    result: healthy\n    resutl: degraded\n");
    assert!(error.starts_with("ARG-1001: p.yaml: ") && error.contains("resutl"), "{error}");
    assert!(error.contains("line 5") && error.contains("column 5"), "{error}");
    assert!(refused(&format!("{}ruels: []\n", one_rule(""))).contains("ruels"));
}

#[test]
fn a_value_that_makes_no_sense_is_refused_with_its_place() {
    for (more, said) in [
        ("    decay: soon\n", "5:12: 'soon' is no span"),
        ("    class: rebot\n", "5:12: 'rebot' is none of"),
        ("    scope: rack\n", "5:12: a scope is"),
        ("    latch: always\n", "5:12: a latch is"),
        ("    latch: until-reset\n    decay: 3s\n", "5:12: what is latched does not decay"),
        ("    window: 1h\n", "5:13: window needs count"),
        ("    count: 3\n", "5:12: count needs window"),
        ("    window: 1h\n    count: 65\n", "6:12: a count is from 1 to 64"),
        ("    distinct: pid\n", "5:15: distinct needs"),
        ("    decay: 99years\n", "longer than ten years"),
        ("  - name: a\n    condition: \"true\"\n    result: healthy\n", "5:11: there is a rule 'a' already"),
        ("escalation: { attempts: 0, within: 1d }\n", "attempts are from 1"),
        ("xids: [{ code: 94, class: observe, reason: ' ' }]\n", "say why"),
        ("pools: { p: { rules: [{ name: b, disabled: true }] } }\n", "there is no rule 'b'"),
    ] {
        let error = refused(&one_rule(more));
        assert!(error.starts_with("ARG-1002: p.yaml:") && error.contains(said), "{more}: {error}");
    }
    assert!(refused(&one_rule("").replace("degraded", "unknown")).contains("4:13: a rule's result is"));
    assert!(refused("version: v2\nrules: []\n").contains("1:10"));
    assert!(refused("rules: []\n").contains("there are no rules"));
}

#[test]
fn a_condition_that_does_not_compile_is_refused_with_its_place() {
    let error = refused("rules:\n  - name: broken\n    condition: event.event_type ==\n    result: healthy\n");
    assert!(error.starts_with("ARG-1003: p.yaml:3:16: the condition of rule 'broken': line 1"), "{error}");
    let error = refused("rules:\n  - name: b\n    condition: event.kind == 'xid'\n    result: healthy\n");
    assert!(error.contains("there is no field 'kind'"), "{error}");
}

#[test]
fn a_policy_that_is_too_large_is_refused() {
    assert!(refused(&" ".repeat(MAX_TEXT + 1)).starts_with("ARG-1004"));
    let rule = |n: usize| format!("  - {{ name: r{n}, condition: \"true\", result: healthy }}\n");
    let many: String = (0..=MAX_RULES).map(rule).collect();
    assert!(refused(&format!("rules:\n{many}")).contains("257 rules, and 256 are allowed"));
}

#[test]
fn a_pool_has_its_own_say_and_changes_nothing_for_others() {
    let text = format!(
        "{}pools:\n  trainers:\n    escalation: {{ attempts: 1, within: 1d }}\n    rules:\n      - {{ name: thermal-critical, \
         grace: 1m, result: degraded }}\n      - {{ name: ecc-dbe, disabled: true }}\n",
        NAVARCH
    );
    let policy = Policy::parse("p.yaml", &text).expect("it loads");
    let (base, pool) = (policy.rules_of(Some("others")), policy.rules_of(Some("trainers")));
    let named = |set: &RuleSet, name: &str| set.rules.iter().find(|rule| *rule.name == *name).cloned();
    let changed = named(&pool, "thermal-critical").expect("it is there");
    assert_eq!((changed.result, changed.grace), (Health::Degraded, Duration::from_secs(60)));
    assert!(named(&pool, "ecc-dbe").is_none() && named(&base, "ecc-dbe").is_some());
    assert_eq!((pool.escalation.attempts, base.escalation.attempts), (1, 2));
}

#[test]
fn the_lint_names_user_programs_dead_rules_and_what_nobody_minds() {
    let text = format!("{NAVARCH}  - name: late\n    condition: event.gpu_index == 0\n    result: degraded\n");
    let found = lint(&Policy::parse("p.yaml", &text).expect("it loads"));
    let says = |rule: &str, text: &str| found.iter().any(|one| one.rule == rule && one.text.contains(text));
    assert!(says("fatal-xid", "13, 31, 43, 45, 63, 92, 94"), "{found:?}");
    assert!(says("late", "is never tried"), "{found:?}");
    assert!(says("", "'driver_error'") && says("", "'sxid'"), "{found:?}");
}
