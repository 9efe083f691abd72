//! `argosy token`: what machines without a certificate join with.
//!
//! The token is made here, and only the hash of its secret is sent: no node has seen it before a machine shows it.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use argosy_proto::argosy::v1::join_tokens_client::JoinTokensClient;
use argosy_proto::argosy::v1::{CreateTokenRequest, JoinTokenRow, ListTokensRequest, RevokeTokenRequest};
use argosy_server::join::{JoinToken, fresh_token};
use argosy_server::pki::CertificateFacts;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::target::Target;
use super::{block_on, said, table};
use crate::output;

/// Join tokens: what machines without a certificate become node agents with
#[derive(Args, Debug)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Make a token, and print it once with the fingerprint of the installation's authority; nobody can show it again
    Create(CreateArgs),
    /// The tokens that there are, and what each is still good for
    List(ListArgs),
    /// Have a token let nobody in any more; agents that joined with it keep their certificates
    Revoke(RevokeArgs),
}

#[derive(Args, Debug)]
struct CreateArgs {
    /// Which agents it lets in: an id, or the beginning of one and `*`.
    #[arg(long, value_name = "PATTERN")]
    agents: String,
    /// How many.
    #[arg(long, default_value_t = 1)]
    uses: u64,
    /// A name may come again with another key, at the cost of a use: for machines that are replaced under their ids.
    #[arg(long)]
    rejoin: bool,
    /// For how long it is good.
    #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    lifetime: Duration,
    /// Why. It is kept with the token.
    #[arg(long)]
    reason: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Args, Debug)]
struct ListArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(Args, Debug)]
struct RevokeArgs {
    /// The token's id: what stands between the dots. Of a whole token its id alone is sent.
    id: String,
    /// Why. It is kept with the token.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    target: Target,
}

fn client(target: &Target) -> Result<JoinTokensClient<Channel>> {
    Ok(JoinTokensClient::new(target.channel()?).max_decoding_message_size(16 << 20))
}

/// Runs `argosy token`.
pub(crate) fn run(args: TokenArgs) -> Result<ExitCode> {
    match args.what {
        What::Create(args) => create(args),
        What::List(args) => list(args),
        What::Revoke(args) => revoke(args),
    }
}

fn create(args: CreateArgs) -> Result<ExitCode> {
    block_on(async move {
        let CreateArgs { agents, uses, rejoin, lifetime, reason, json, target } = args;
        let token = fresh_token().context("the system has no randomness")?;
        let ask = CreateTokenRequest {
            id: token.id().to_owned(),
            secret_hash: token.secret_hash().to_vec().into(),
            agents,
            uses,
            rejoin,
            lifetime_s: lifetime.as_secs(),
            reason,
        };
        let row =
            client(&target)?.create_token(target.request(ask)).await.map_err(|status| said(&status))?.into_inner();
        let prints = match target.authority()? {
            Some(path) => CertificateFacts::read(&path)?.into_iter().map(|facts| facts.fingerprint).collect(),
            None => Vec::new(),
        };
        if json {
            let shown = json!({
                "token": token.reveal(), "id": row.id, "ca_fingerprints": prints, "agents": row.agents, "uses": row.uses,
                "expires": moment(row.expires_unix_s),
            });
            return output::line(serde_json::to_string_pretty(&shown)?);
        }
        output::line(format_args!("token           {}", token.reveal()))?;
        for print in prints {
            output::line(format_args!("ca_fingerprint  {print}"))?;
        }
        output::line(format_args!("agents          {}, {} of them", row.agents, row.uses))?;
        output::line(format_args!("good until      {}", moment(row.expires_unix_s)))
    })
}

const TOKENS: [&str; 9] = ["id", "state", "agents", "used", "uses", "expires", "creator", "reason", "revoked_by"];

fn row(token: &JoinTokenRow) -> Vec<Value> {
    vec![
        json!(token.id),
        json!(token.state),
        json!(token.agents),
        json!(token.used),
        json!(token.uses),
        json!(moment(token.expires_unix_s)),
        json!(token.creator),
        json!(token.reason),
        json!(token.revoked_by),
    ]
}

fn list(args: ListArgs) -> Result<ExitCode> {
    block_on(async move {
        let ask = args.target.request(ListTokensRequest {});
        let answer = client(&args.target)?.list_tokens(ask).await.map_err(|status| said(&status))?.into_inner();
        table::print(&TOKENS, answer.tokens.iter().map(row).collect(), args.json)
    })
}

fn revoke(args: RevokeArgs) -> Result<ExitCode> {
    block_on(async move {
        let id = JoinToken::id_in(&args.id)?;
        let ask = args.target.request(RevokeTokenRequest { id, reason: args.reason });
        let answer = client(&args.target)?.revoke_token(ask).await.map_err(|status| said(&status))?.into_inner();
        table::print(&TOKENS, vec![row(&answer)], false)
    })
}

/// A moment as people write it, in UTC.
fn moment(unix_s: i64) -> String {
    let since = Duration::from_secs(u64::try_from(unix_s).unwrap_or(0));
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
}
