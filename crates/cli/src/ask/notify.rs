//! `argosy notify`: who is told of what happens, how far each is, and a trial.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use argosy_notify::SinkFile;
use argosy_proto::argosy::v1::notifications_client::NotificationsClient;
use argosy_proto::argosy::v1::{GetSinksRequest, SetSinksRequest, SinkRow, SinkSummary, TrySinkRequest};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::target::{Change, Target};
use super::{block_on, origin, revision, said, table, taken_from, text_of};
use crate::output;

/// Notifications: who is told of what happens in a shard, and how far each is.
#[derive(Args, Debug)]
pub(crate) struct NotifyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// The sinks, what each has still to be told, and what is in the way.
    Show(ShowArgs),
    /// Check a file of sinks, with line and column, without a server; exit status 2 if it allows what is most likely not meant.
    Lint {
        /// The file.
        file: PathBuf,
    },
    /// Put a file of sinks in force for a shard; it is checked here first.
    Apply(ApplyArgs),
    /// Send one message to a sink that says of itself that it is a trial; exit status 1 if it is not taken.
    Test(TestArgs),
}

#[derive(Args, Debug)]
struct ShowArgs {
    /// The shard.
    #[arg(long)]
    shard: String,
    /// Print the file in force only.
    #[arg(long)]
    file: bool,
    /// As JSON.
    #[arg(long, conflicts_with = "file")]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Args, Debug)]
struct ApplyArgs {
    /// The file; `none` is no sink.
    file: PathBuf,
    #[command(flatten)]
    change: Change,
}

#[derive(Args, Debug)]
struct TestArgs {
    /// The sink.
    sink: String,
    /// The shard.
    #[arg(long)]
    shard: String,
    #[command(flatten)]
    target: Target,
}

fn client(target: &Target) -> Result<NotificationsClient<Channel>> {
    Ok(NotificationsClient::new(target.channel()?))
}

/// Runs `argosy notify`.
pub(crate) fn run(args: NotifyArgs) -> Result<ExitCode> {
    match args.what {
        What::Show(args) => show(args),
        What::Lint { file } => lint(&file),
        What::Apply(args) => apply(args),
        What::Test(args) => test(args),
    }
}

fn lint(path: &Path) -> Result<ExitCode> {
    let file = SinkFile::parse(&path.display().to_string(), &text_of(path)?)?;
    let warnings = file.warnings();
    warnings.iter().try_for_each(output::line)?;
    output::line(format_args!("{} sinks, {} remarks", file.sinks.len(), warnings.len()))?;
    Ok(if warnings.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

fn apply(args: ApplyArgs) -> Result<ExitCode> {
    block_on(async move {
        let ApplyArgs { file, change: Change { shard, reason, target } } = args;
        let file = if file.as_os_str() == "none" {
            String::new()
        } else {
            let text = text_of(&file)?;
            SinkFile::parse(&file.display().to_string(), &text)?;
            text
        };
        let ask = target.request(SetSinksRequest { shard, file, reason });
        let answer = client(&target)?.set_sinks(ask).await.map_err(|status| said(&status))?;
        revision(answer.into_inner().revision)
    })
}

fn test(args: TestArgs) -> Result<ExitCode> {
    block_on(async move {
        let TestArgs { sink, shard, target } = args;
        let ask = target.request(TrySinkRequest { shard, sink });
        let answer = client(&target)?.try_sink(ask).await.map_err(|status| said(&status))?.into_inner();
        if !answer.taken {
            bail!("not taken: {}", answer.answer);
        }
        output::line("taken")
    })
}

const SINKS: [&str; 8] = ["sink", "format", "pending", "delivered", "dead", "lost", "trouble", "last_dead"];

fn row(sink: &SinkRow) -> Vec<Value> {
    let trouble = if sink.trouble.is_empty() { &sink.refusal } else { &sink.trouble };
    vec![
        json!(sink.name),
        json!(sink.format),
        json!(sink.pending),
        json!(sink.delivered),
        json!(sink.dead),
        json!(sink.lost),
        json!(trouble),
        json!(sink.dead_letter),
    ]
}

fn show(args: ShowArgs) -> Result<ExitCode> {
    block_on(async move {
        let ask = args.target.request(GetSinksRequest { shard: args.shard });
        let answer = client(&args.target)?.get_sinks(ask).await.map_err(|status| said(&status))?.into_inner();
        if args.file {
            return output::line(answer.file.trim_end());
        }
        if args.json {
            return output::line(serde_json::to_string_pretty(&whole(&answer))?);
        }
        let from = answer.as_of.as_ref().map(taken_from).unwrap_or_default();
        output::line(format_args!("{from}; sinks set at revision {}", answer.revision))?;
        table::print(&SINKS, answer.sinks.iter().map(row).collect(), false)
    })
}

fn whole(answer: &SinkSummary) -> Value {
    let sink = |sink: &SinkRow| {
        json!({
            "sink": sink.name,
            "format": sink.format,
            "pending": sink.pending,
            "delivered": sink.delivered,
            "dead": sink.dead,
            "lost": sink.lost,
            "trouble": sink.trouble,
            "refusal": sink.refusal,
            "last_dead": sink.dead_letter,
        })
    };
    json!({
        "as_of": answer.as_of.as_ref().map(origin),
        "revision": answer.revision,
        "sinks": answer.sinks.iter().map(sink).collect::<Vec<_>>(),
    })
}
