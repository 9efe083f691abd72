//! Health of machines: what their agents report in, verdicts out.
//!
//! A [`Policy`] is a list of rules with conditions in CEL; [`table`] is the one table of NVIDIA's XIDs. [`Watch`] holds one
//! machine: it is fed events, readings and time, and says what it makes of them as a [`Verdict`]. Which class of action
//! ([`ActionClass`]) a finding asks for, how long it stands, and whether the machine may go on as supply, is decided here;
//! carrying it out is not.
//!
//! What must survive a failover is a [`Record`]: the leader puts it into the shard's log whenever it changes, so the log
//! carries outcomes and no replica evaluates a condition while it applies. Numeric readings are soft: only what they turned
//! a finding into is in the record.
//!
//! No I/O, no clock, no randomness: shard time comes in with every call. The same calls give the same record and the same
//! verdicts, however they are batched.

pub mod class;
pub mod condition;
pub mod error;
pub mod event;
pub mod policy;
pub mod record;
pub mod script;
pub mod table;
pub mod verdict;
pub mod watch;

pub use class::{ActionClass, Health};
pub use error::{PolicyError, ScriptError};
pub use event::{Event, EventType, Metric, System, XidDetail};
pub use policy::{Policy, RuleSet};
pub use record::Record;
pub use verdict::{Transition, Verdict};
pub use watch::{Facts, Input, Watch};
