//! What can be wrong with a policy and with a file of events.

/// Why a policy cannot be used. Each says where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// It is not the YAML that a policy is: a syntax error, an unknown key, a value of another type.
    #[error("ARG-1001: {file}: {reason}")]
    Form {
        /// What the file is called.
        file: String,
        /// What is wrong, with line and column.
        reason: String,
    },
    /// A value that makes no sense, or does not fit another one.
    #[error("ARG-1002: {file}:{line}:{column}: {reason}")]
    Value {
        /// What the file is called.
        file: String,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// What is wrong.
        reason: String,
    },
    /// A condition that does not compile, asks for what does not exist, or could cost too much.
    #[error("ARG-1003: {file}:{line}:{column}: the condition of rule '{rule}': {reason}")]
    Condition {
        /// What the file is called.
        file: String,
        /// Line, from 1, of the condition.
        line: u64,
        /// Column, from 1, of the condition.
        column: u64,
        /// The rule.
        rule: String,
        /// What is wrong, with its place inside the condition where that is known.
        reason: String,
    },
    /// It is larger than any policy may be.
    #[error("ARG-1004: {file}: {found} {what}, and {allowed} are allowed")]
    Size {
        /// What the file is called.
        file: String,
        /// Of what there are too many.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        allowed: usize,
    },
}

/// Why a file of events cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ARG-1005: {file}:{line}: {reason}")]
pub struct ScriptError {
    /// What the file is called.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}
