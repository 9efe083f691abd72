//! Every key, once: its path, what it takes, its default, and what it is for.

use std::fmt::Write as _;

use crate::commands::KINDS;

/// One key.
pub(super) struct Key {
    /// As in `gpus.expected`; `commands.NAME.exec` stands for one of every command.
    pub(super) path: &'static str,
    pub(super) takes: &'static str,
    /// In the form of the file; `None` for one that must be there, or may be left out without a value.
    pub(super) default: Option<&'static str>,
    pub(super) required: bool,
    pub(super) doc: &'static str,
}

const fn key(path: &'static str, takes: &'static str, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, takes, default, required: false, doc }
}

const fn required(path: &'static str, takes: &'static str, doc: &'static str) -> Key {
    Key { path, takes, default: None, required: true, doc }
}

/// All keys, in the order of the reference.
pub(super) const KEYS: &[Key] = &[
    required(
        "servers",
        "a list of host:port",
        "Nodes of the installation. Any of them will do: it takes the agent to the leader of its machine's shard.",
    ),
    required(
        "agent_id",
        "a name",
        "The id in the agent's certificate (`argosy://agent/ID`): the machine's id, or its host's reference at the provider (instance id).",
    ),
    key("tls.cert", "a path", None, "The agent's certificate. `argosy pki issue --identity agent/ID` makes one."),
    key("tls.key", "a path", None, "Its private key."),
    key("tls.ca", "a path", None, "The authority of the installation."),
    key(
        "join.addresses",
        "a list of host:port",
        None,
        "In place of `tls`: where nodes take join tokens (their `join.listen`). The agent makes a key, gets a certificate for `agent_id` with a token, and renews it by itself; see [joining](join.md).",
    ),
    key("join.token", "a join token", None, "The token, as `argosy token create` prints it."),
    key(
        "join.token_file",
        "a path",
        None,
        "A file that holds the token and nothing else, in place of `join.token`. It is read when a certificate is needed and may be gone later.",
    ),
    key("join.ca", "a path", None, "The authority of the installation."),
    key(
        "join.ca_fingerprint",
        "SHA-256 in hexadecimal",
        None,
        "The fingerprint of that authority, in place of `join.ca`, as `argosy token create` prints it.",
    ),
    key(
        "join.folder",
        "a path",
        None,
        "Where key and certificate lie, for the agent's user alone: `identity` in `state_dir` unless it is written. Who empties it makes the machine a new one.",
    ),
    key("plaintext", "true or false", Some("false"), "Connect without TLS. Only to servers on this very machine."),
    key(
        "shard",
        "a name",
        Some(""),
        "The shard to ask first. Without it each is asked in turn, which costs a moment at every connection.",
    ),
    key(
        "instance_id",
        "a name",
        Some(""),
        "The host's reference at its provider, for the inventory. Without it the firmware is asked (EC2).",
    ),
    key(
        "state_dir",
        "a path",
        Some("/var/lib/argosy-agent"),
        "Where the journal lies: records that no leader has taken yet, and where each source was read to. It must survive a reboot.",
    ),
    key("sample_interval", "a duration", Some("10s"), "Between two looks at the GPUs and the machine."),
    key(
        "heartbeat_interval",
        "a duration",
        Some("10s"),
        "Between two signs of life. A leader that is silent for three of them is left for another node.",
    ),
    key(
        "driver_timeout",
        "a duration",
        Some("30s"),
        "How long the GPU driver may take for one look before it counts as lost.",
    ),
    key(
        "journal_limit",
        "a size",
        Some("16MiB"),
        "Most that the journal holds while the agent is cut off. The oldest samples go first, events last.",
    ),
    key(
        "gpus.expected",
        "auto, or a number",
        Some("auto"),
        "How many GPUs the machine should have. `auto` believes the PCI bus; 0 leaves GPUs alone.",
    ),
    key(
        "gpus.library",
        "a path, or a name",
        None,
        "NVIDIA's management library, where the system does not find `libnvidia-ml.so.1` by itself. A name without any folder is looked for by the system's loader; for a file beside this one write `./NAME`.",
    ),
    key("gpus.nvml_events", "true or false", Some("true"), "Wait for XIDs in the driver, beside the kernel's log."),
    key(
        "kernel_log",
        "a path, or none",
        Some("/dev/kmsg"),
        "Where XIDs are read. A file of lines will do where only a log daemon may read the device; `none` leaves it alone.",
    ),
    key(
        "thresholds.temperature_celsius",
        "a list of numbers",
        Some("[85, 95]"),
        "Reaching each of them is an event. Rising.",
    ),
    key(
        "thresholds.noise_interval",
        "a duration",
        Some("60s"),
        "Corrected memory errors, PCIe replays and link errors are told at most this often for each device, as a sum.",
    ),
    key(
        "commands.NAME.exec",
        "a list of words",
        None,
        "What to run for the command NAME: an executable and its arguments. A command without it is refused. It finds `ARGOSY_COMMAND`, `ARGOSY_COMMAND_ID`, `ARGOSY_GPUS` (UUIDs, with commas) and `ARGOSY_REASON` in its environment, beside all that the agent has in its own.",
    ),
    key("commands.NAME.timeout", "a duration", Some("10m"), "It is ended after this, with everything that it started."),
    key("log.format", "text or json", Some("text"), "The form of the agent's own log lines, on standard error."),
    key("log.filter", "a filter", Some("info"), "What is logged: a level, or levels by module."),
];

/// The key at a path.
pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// The keys and tables directly below `table`.
pub(super) fn below(table: &str) -> Vec<&'static str> {
    let inside = |key: &Key| {
        let rest = if table.is_empty() { Some(key.path) } else { key.path.strip_prefix(table)?.strip_prefix('.') };
        rest.map(|rest| &key.path[key.path.len() - rest.len()..]).and_then(|rest| rest.split('.').next())
    };
    let mut names: Vec<&'static str> = KEYS.iter().filter_map(inside).collect();
    names.dedup();
    names
}

/// docs/reference/agent.md.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Configuration of `argosy agent`\n\n\
         <!-- Printed by `argosy agent --reference`; change crates/agent/src/config/keys.rs instead. -->\n\n\
         One YAML file. Unknown keys are errors; everything that is wrong is reported at once, with line and column. Relative paths are\n\
         taken from the folder of the file. Durations have a unit (`250ms`, `10s`, `1h 30m`), so do sizes (`64KiB`, `16MiB`).\n\n\
         ```yaml\nservers: [eu-1.example.net:7780, eu-2.example.net:7780]\nagent_id: m-0017\ntls: {cert: agent.pem, key: agent.key, ca: ca.pem}\n\
         commands:\n  reset-gpu: {exec: [/usr/local/sbin/reset-gpu], timeout: 5m}\n```\n\n| key | takes | default | meaning |\n|---|---|---|---|\n",
    );
    for key in KEYS {
        let default = match (key.required, key.default) {
            (true, _) => "**required**".to_owned(),
            (false, Some("")) | (false, None) => String::new(),
            (false, Some(default)) => format!("`{default}`"),
        };
        let _ = writeln!(page, "| `{}` | {} | {default} | {} |", key.path, key.takes, key.doc);
    }
    let names: Vec<String> = KINDS.iter().map(|(name, _)| format!("`{name}`")).collect();
    let _ = writeln!(page, "\nNAME is one of {}.", names.join(", "));
    page
}
