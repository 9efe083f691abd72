//! Scenario files: a world and its faults, written down. Strict: a key that is not known is an error with its line and column.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::arming::Arming;
use crate::faults::{Campaign, Event};
use crate::layout::Shape;

/// A scenario as a file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called.
    pub name: String,
    /// What it shows.
    pub about: String,
    /// The world.
    #[serde(default)]
    pub shape: Shape,
    /// How long faults may strike before everything is healed, in milliseconds.
    pub safety_ms: u64,
    /// What goes wrong.
    pub events: Vec<Event>,
    /// Failpoints with their chances, in parts per million; none unless it says so.
    #[serde(default)]
    pub failpoints: Arming,
}

/// A scenario file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("ARG-0950: {file}: {reason}; correct the scenario")]
pub struct ScenarioError {
    file: String,
    reason: String,
}

impl Scenario {
    /// Reads a scenario; `file` is what messages call it.
    ///
    /// # Errors
    /// ARG-0950 with line and column.
    pub fn parse(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| ScenarioError { file: file.to_owned(), reason: error.to_string() })
    }

    /// A campaign as a scenario.
    #[must_use]
    pub fn of(name: &str, about: &str, campaign: &Campaign) -> Self {
        Self {
            name: name.to_owned(),
            about: about.to_owned(),
            shape: campaign.shape.clone(),
            safety_ms: u64::try_from(campaign.safety.as_millis()).unwrap_or(u64::MAX),
            events: campaign.events.clone(),
            failpoints: campaign.failpoints.clone(),
        }
    }

    /// The file of this scenario.
    ///
    /// # Panics
    /// Never: a scenario holds nothing that YAML does not.
    #[must_use]
    pub fn text(&self) -> String {
        serde_saphyr::to_string(self).expect("a scenario is numbers, texts and lists")
    }

    /// What is to be run.
    #[must_use]
    pub fn campaign(&self) -> Campaign {
        let mut events = self.events.clone();
        events.sort_by_key(|event| event.at_ms);
        let (shape, failpoints) = (self.shape.clone(), self.failpoints.clone());
        Campaign { shape, safety: Duration::from_millis(self.safety_ms), events, failpoints, planted: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name: cut\nabout: a region is cut off\nsafety_ms: 20000\nevents:\n  - at_ms: 5000\n    for_ms: 3000\n    fault:\n      isolate_region: { region: eu }\n  - at_ms: 1000\n    fault: ring\n";

    #[test]
    fn a_scenario_is_read_and_its_events_put_in_order() {
        let campaign = Scenario::parse("cut.yaml", GOOD).expect("it is sound").campaign();
        assert_eq!(campaign.events.iter().map(|event| event.at_ms).collect::<Vec<_>>(), [1_000, 5_000]);
        assert_eq!(campaign.shape, Shape::default());
    }

    #[test]
    fn a_drawn_campaign_can_be_written_down_and_read_again() {
        for seed in 1..50 {
            let campaign = crate::faults::draw(seed, Duration::from_secs(300));
            let text = Scenario::of("drawn", "a seed's own", &campaign).text();
            assert_eq!(Scenario::parse("drawn.yaml", &text).expect("it is sound").campaign(), campaign, "{text}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_line_and_column() {
        for (bad, place) in [
            (GOOD.replace("safety_ms", "savety_ms"), "line 3"),
            (GOOD.replace("region: eu", "regoin: eu"), "line 8"),
            (GOOD.replace("fault: ring", "fault: rong"), "line 10"),
        ] {
            let error = Scenario::parse("cut.yaml", &bad).expect_err("it is unsound").to_string();
            assert!(
                error.starts_with("ARG-0950: cut.yaml: ") && error.contains(place) && error.contains("column"),
                "{error}"
            );
        }
    }
}
