//! The JSON Schema of scenario files, for editors.

use schemars::schema_for;

use super::Scenario;

/// The schema as it is checked in (docs/reference/scenario.schema.json).
///
/// # Panics
/// Never: a schema is plain data.
pub fn schema() -> String {
    let mut text = serde_json::to_string_pretty(&schema_for!(Scenario)).expect("a schema is plain data");
    text.push('\n');
    text
}
