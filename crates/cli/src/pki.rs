//! `argosy pki`: a small certificate authority. Keys go into files for their owner alone and are never printed.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use argosy_server::authz::Principal;
use argosy_server::pki::{AgentsAuthority, Authority, CertificateFacts, LeafPaths, LeafRequest, Validity};
use clap::{Args, Subcommand};

use crate::output;

/// Make and inspect certificates for nodes, clusters, agents, providers and people
#[derive(Debug, Args)]
pub(crate) struct PkiArgs {
    #[command(subcommand)]
    command: PkiCommand,
}

#[derive(Debug, Subcommand)]
enum PkiCommand {
    /// Make a certificate authority; never replaces one
    Init {
        /// Where its files go; created if it is not there.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Tells it from other authorities in a listing.
        #[arg(long, default_value = "argosy")]
        name: String,
    },
    /// Make the authority of agents, which nodes sign with; never replaces one
    Agents {
        /// Where its files go, beside those of the installation's authority or elsewhere.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Tells it from other authorities in a listing.
        #[arg(long, default_value = "argosy")]
        name: String,
    },
    /// Issue a certificate with a fresh key
    Issue {
        /// The authority's directory; certificate and key go there as `<role>-<id>.crt` and `.key`.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        #[command(flatten)]
        whose: Whose,
        /// A host name that peers dial the holder by; repeat for several.
        #[arg(long, value_name = "NAME")]
        dns: Vec<String>,
        /// An address that peers dial the holder by; repeat for several.
        #[arg(long, value_name = "ADDRESS")]
        ip: Vec<IpAddr>,
    },
    /// Replace a certificate by a fresh one with the same identity and names; a running server takes it up by itself
    Renew {
        /// The authority's directory, where the certificate and its key lie as well.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        #[command(flatten)]
        whose: Whose,
    },
    /// Say what the certificates in a file hold
    Show {
        /// A file in PEM.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Whose {
    /// node/ID, cluster/ID, shard/ID, agent/ID, provider/NAME, admin or readonly.
    #[arg(long, value_name = "IDENTITY", value_parser = principal)]
    identity: Principal,
    /// For how long it holds.
    #[arg(long, default_value_t = 365)]
    days: u32,
}

fn principal(text: &str) -> Result<Principal, String> {
    Principal::from_short(text).ok_or_else(|| {
        "write node/ID, cluster/ID, shard/ID, agent/ID, provider/NAME, admin or readonly; an ID is letters, digits and . _ ~ : -"
            .to_owned()
    })
}

/// Runs one of them.
pub(crate) fn run(args: PkiArgs) -> Result<ExitCode> {
    match args.command {
        PkiCommand::Init { dir, name } => {
            let authority = Authority::create(&dir, &name)?;
            output::line(format_args!("authority    {}", authority.certificate_path().display()))?;
        }
        PkiCommand::Agents { dir, name } => {
            let (certificate, key) = AgentsAuthority::create(&dir, &name)?;
            say(&LeafPaths { certificate, key })?;
        }
        PkiCommand::Issue { dir, whose, dns, ip } => {
            let paths = LeafPaths::of(&dir, &whose.identity);
            let validity = Validity::days(whose.days)?;
            let request = LeafRequest { principal: whose.identity, dns, ips: ip, validity };
            Authority::open(&dir)?.issue(&request)?.store(&paths)?;
            say(&paths)?;
        }
        PkiCommand::Renew { dir, whose } => {
            let paths = LeafPaths::of(&dir, &whose.identity);
            Authority::open(&dir)?.renew(&paths, Validity::days(whose.days)?)?;
            say(&paths)?;
        }
        PkiCommand::Show { file } => {
            for (n, facts) in CertificateFacts::read(&file)?.into_iter().enumerate() {
                let gap = if n == 0 { "" } else { "\n" };
                output::line(format_args!("{gap}{facts}"))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn say(paths: &LeafPaths) -> Result<()> {
    output::line(format_args!("certificate  {}", paths.certificate.display()))?;
    output::line(format_args!("key          {}", paths.key.display()))
}
