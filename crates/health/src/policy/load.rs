//! From the file to the policy: every value is checked, and what is wrong is told with its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use argosy_model::Duration;
use serde_saphyr::{Location, Spanned};

use super::form::{ChangeForm, EscalationForm, PolicyForm, PoolForm, RateForm, RuleForm, XidForm};
use super::rule::{ClassOf, Escalation, MAX_COUNT, Rule, Scope, Stay, Threshold};
use super::{Policy, RuleSet};
use crate::class::{ActionClass, Health};
use crate::condition::Condition;
use crate::error::PolicyError;

/// Longest policy, in bytes. It is replicated whole.
pub const MAX_TEXT: usize = 256 * 1_024;
/// Most rules.
pub const MAX_RULES: usize = 256;
/// Most pools with rules of their own.
pub const MAX_POOLS: usize = 64;

const DECAY: Duration = Duration::from_secs(10);
const STALE_AFTER: Duration = Duration::from_secs(120);
const SILENT_AFTER: Duration = Duration::from_secs(90);
/// Longest span that a policy may name: ten years.
const MAX_SPAN_SECS: u64 = 10 * 366 * 24 * 3_600;

/// Where messages say that something is wrong.
struct Place<'a> {
    file: &'a str,
}

pub(super) fn load(file: &str, text: &str) -> Result<Policy, PolicyError> {
    let place = Place { file };
    place.size("bytes", text.len(), MAX_TEXT)?;
    let options = serde_saphyr::options! { with_snippet: false };
    let form: PolicyForm = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| PolicyError::Form { file: file.to_owned(), reason: error.to_string() })?;
    place.size("rules", form.rules.len(), MAX_RULES)?;
    place.size("pools", form.pools.len(), MAX_POOLS)?;
    if let Some(version) = form.version.as_ref().filter(|version| version.value != "v1") {
        return Err(place.wrong(&version.referenced, format!("version '{}' is not known; v1 is", version.value)));
    }
    if form.rules.is_empty() {
        return Err(PolicyError::Form { file: file.to_owned(), reason: "there are no rules".to_owned() });
    }
    let decay = form.defaults.decay.as_ref().map_or(Ok(DECAY), |decay| place.span(decay))?;
    let stale_after = form.defaults.stale_after.as_ref().map_or(Ok(STALE_AFTER), |after| place.span(after))?;
    let silent_after = form.defaults.silent_after.as_ref().map_or(Ok(SILENT_AFTER), |after| place.span(after))?;
    let base = RuleSet {
        rules: place.rules(&form.rules, decay)?,
        escalation: form.escalation.as_ref().map_or(Ok(Escalation::default()), |form| place.escalation(form))?,
        decay,
        stale_after,
        xids: place.xids(&form.xids)?,
    };
    let mut pools = BTreeMap::new();
    for (name, pool) in &form.pools {
        pools.insert(name.clone(), Arc::new(place.pool(&base, pool)?));
    }
    Ok(Policy {
        name: form.metadata.name,
        description: form.metadata.description,
        silent_after: Some(silent_after).filter(|after| *after > Duration(0)),
        base: Arc::new(base),
        pools,
    })
}

impl Place<'_> {
    fn wrong(&self, at: &Location, reason: impl Into<String>) -> PolicyError {
        PolicyError::Value { file: self.file.to_owned(), line: at.line(), column: at.column(), reason: reason.into() }
    }

    fn size(&self, what: &'static str, found: usize, allowed: usize) -> Result<(), PolicyError> {
        let refused = || PolicyError::Size { file: self.file.to_owned(), what, found, allowed };
        (found <= allowed).then_some(()).ok_or_else(refused)
    }

    fn span(&self, text: &Spanned<String>) -> Result<Duration, PolicyError> {
        let read = humantime::parse_duration(&text.value).map_err(|error| {
            self.wrong(&text.referenced, format!("'{}' is no span of time such as 90s or 1h30m: {error}", text.value))
        })?;
        if read.as_secs() > MAX_SPAN_SECS {
            return Err(self.wrong(&text.referenced, format!("'{}' is longer than ten years", text.value)));
        }
        Ok(Duration(u64::try_from(read.as_millis()).unwrap_or(u64::MAX)))
    }

    fn rules(&self, forms: &[RuleForm], decay: Duration) -> Result<Vec<Rule>, PolicyError> {
        let mut names = BTreeSet::new();
        let mut rules = Vec::with_capacity(forms.len());
        for form in forms {
            let name = &form.name;
            if name.value.is_empty() || name.value.len() > 64 {
                return Err(self.wrong(&name.referenced, "a rule's name has 1 to 64 bytes"));
            }
            if !names.insert(name.value.as_str()) {
                return Err(self.wrong(&name.referenced, format!("there is a rule '{}' already", name.value)));
            }
            rules.push(self.rule(form, decay)?);
        }
        Ok(rules)
    }

    fn rule(&self, form: &RuleForm, decay: Duration) -> Result<Rule, PolicyError> {
        let condition = Condition::compile(&form.condition.value).map_err(|reason| PolicyError::Condition {
            file: self.file.to_owned(),
            line: form.condition.referenced.line(),
            column: form.condition.referenced.column(),
            rule: form.name.value.clone(),
            reason,
        })?;
        let result = self.result(&form.result)?;
        let stay = self.stay(form.decay.as_ref(), form.latch.as_ref())?;
        Ok(Rule {
            name: form.name.value.as_str().into(),
            description: form.description.as_str().into(),
            condition: Arc::new(condition),
            result,
            class: form.class.as_ref().map_or(Ok(usual_class(result)), |class| self.class(class))?,
            scope: form.scope.as_ref().map_or(Ok(Scope::default()), |scope| self.scope(scope))?,
            stay: stay.unwrap_or(Stay::Decay(decay)),
            threshold: self.threshold(form)?,
            sustained: form.sustained.as_ref().map(|span| self.span(span)).transpose()?,
            grace: form.grace.as_ref().map_or(Ok(Duration(0)), |grace| self.span(grace))?,
        })
    }

    fn result(&self, word: &Spanned<String>) -> Result<Health, PolicyError> {
        match word.value.as_str() {
            "healthy" => Ok(Health::Healthy),
            "degraded" => Ok(Health::Degraded),
            "unhealthy" => Ok(Health::Unhealthy),
            other => {
                let reason = format!("a rule's result is healthy, degraded or unhealthy, not '{other}'");
                Err(self.wrong(&word.referenced, reason))
            }
        }
    }

    fn class(&self, word: &Spanned<String>) -> Result<ClassOf, PolicyError> {
        if word.value == "table" {
            return Ok(ClassOf::TableOr(ActionClass::Quarantine));
        }
        let class = word.value.parse().map(ClassOf::Is);
        class.map_err(|error| self.wrong(&word.referenced, format!("{error}, and not 'table'")))
    }

    fn scope(&self, word: &Spanned<String>) -> Result<Scope, PolicyError> {
        match word.value.as_str() {
            "gpu" => Ok(Scope::Gpu),
            "nvlink-domain" => Ok(Scope::NvlinkDomain),
            "machine" => Ok(Scope::Machine),
            other => {
                Err(self.wrong(&word.referenced, format!("a scope is gpu, nvlink-domain or machine, not '{other}'")))
            }
        }
    }

    fn stay(
        &self,
        decay: Option<&Spanned<String>>,
        latch: Option<&Spanned<String>>,
    ) -> Result<Option<Stay>, PolicyError> {
        match (decay, latch) {
            (None, None) => Ok(None),
            (Some(decay), None) => Ok(Some(Stay::Decay(self.span(decay)?))),
            (Some(_), Some(latch)) => Err(self.wrong(&latch.referenced, "what is latched does not decay: name one")),
            (None, Some(latch)) => match latch.value.as_str() {
                "until-recovered" => Ok(Some(Stay::UntilRecovered)),
                "until-reset" => Ok(Some(Stay::UntilReset)),
                "until-reboot" => Ok(Some(Stay::UntilReboot)),
                "until-cleared" => Ok(Some(Stay::UntilCleared)),
                other => {
                    let words = "until-recovered, until-reset, until-reboot or until-cleared";
                    Err(self.wrong(&latch.referenced, format!("a latch is {words}, not '{other}'")))
                }
            },
        }
    }

    fn threshold(&self, form: &RuleForm) -> Result<Threshold, PolicyError> {
        match (&form.window, &form.count, &form.rate) {
            (None, None, None) => match &form.distinct {
                Some(distinct) => Err(self.wrong(&distinct.referenced, "distinct needs count and window")),
                None => Ok(Threshold::Once),
            },
            (Some(window), Some(count), None) => Ok(Threshold::Count {
                count: self.count(count)?,
                window: self.span(window)?,
                distinct: form.distinct.as_ref().map(|metric| metric.value.as_str().into()),
            }),
            (None, None, Some(rate)) => self.rate(rate),
            (Some(window), None, None) => Err(self.wrong(&window.referenced, "window needs count")),
            (None, Some(count), None) => Err(self.wrong(&count.referenced, "count needs window")),
            (_, _, Some(rate)) => {
                Err(self.wrong(&rate.metric.referenced, "a rule has a rate, or count and window, not both"))
            }
        }
    }

    fn count(&self, count: &Spanned<u32>) -> Result<u32, PolicyError> {
        let fits = (1..=MAX_COUNT).contains(&count.value);
        fits.then_some(count.value)
            .ok_or_else(|| self.wrong(&count.referenced, format!("a count is from 1 to {MAX_COUNT}")))
    }

    fn rate(&self, rate: &RateForm) -> Result<Threshold, PolicyError> {
        if rate.above.value < 0 {
            return Err(self.wrong(&rate.above.referenced, "what a metric rises by is not negative"));
        }
        let per = self.span(&rate.per)?;
        Ok(Threshold::Rate { metric: rate.metric.value.as_str().into(), per, above: rate.above.value })
    }

    fn escalation(&self, form: &EscalationForm) -> Result<Escalation, PolicyError> {
        if !(1..=8).contains(&form.attempts.value) {
            return Err(self.wrong(&form.attempts.referenced, "attempts are from 1 to 8"));
        }
        Ok(Escalation { attempts: form.attempts.value, within: self.span(&form.within)? })
    }

    fn xids(&self, forms: &[XidForm]) -> Result<BTreeMap<i64, (ActionClass, String)>, PolicyError> {
        let mut xids = BTreeMap::new();
        for form in forms {
            let class =
                form.class.value.parse().map_err(|error: crate::class::UnknownWord| {
                    self.wrong(&form.class.referenced, error.to_string())
                })?;
            if form.reason.value.trim().is_empty() {
                return Err(self.wrong(&form.reason.referenced, "say why this site judges the code otherwise"));
            }
            if xids.insert(form.code.value, (class, form.reason.value.clone())).is_some() {
                return Err(self.wrong(&form.code.referenced, format!("XID {} is named twice", form.code.value)));
            }
        }
        Ok(xids)
    }

    fn pool(&self, base: &RuleSet, form: &PoolForm) -> Result<RuleSet, PolicyError> {
        let mut set = base.clone();
        if let Some(escalation) = &form.escalation {
            set.escalation = self.escalation(escalation)?;
        }
        for change in &form.rules {
            let Some(at) = set.rules.iter().position(|rule| *rule.name == *change.name.value) else {
                let reason = format!("there is no rule '{}' to change", change.name.value);
                return Err(self.wrong(&change.name.referenced, reason));
            };
            if change.disabled {
                set.rules.remove(at);
            } else {
                self.change(&mut set.rules[at], change)?;
            }
        }
        Ok(set)
    }

    fn change(&self, rule: &mut Rule, change: &ChangeForm) -> Result<(), PolicyError> {
        if let Some(result) = &change.result {
            rule.result = self.result(result)?;
        }
        if let Some(class) = &change.class {
            rule.class = self.class(class)?;
        }
        if let Some(stay) = self.stay(change.decay.as_ref(), change.latch.as_ref())? {
            rule.stay = stay;
        }
        if let Some(grace) = &change.grace {
            rule.grace = self.span(grace)?;
        }
        let Some(at) = change.count.as_ref().map(|c| c.referenced).or(change.window.as_ref().map(|w| w.referenced))
        else {
            return Ok(());
        };
        let Threshold::Count { count, window, .. } = &mut rule.threshold else {
            return Err(self.wrong(&at, "the rule counts nothing: give it count and window first"));
        };
        if let Some(form) = &change.count {
            *count = self.count(form)?;
        }
        if let Some(form) = &change.window {
            *window = self.span(form)?;
        }
        Ok(())
    }
}

/// What a rule asks for that does not say: what the table knows, and else what no machine does on its own.
fn usual_class(result: Health) -> ClassOf {
    match result {
        Health::Unhealthy => ClassOf::TableOr(ActionClass::Quarantine),
        Health::Healthy | Health::Unknown | Health::Degraded => ClassOf::TableOr(ActionClass::Observe),
    }
}
