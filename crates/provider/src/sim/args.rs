//! The command line of `argosy provider sim`.

use std::net::SocketAddr;
use std::path::PathBuf;

use argosy_proto::argosy::v1::Faults;
use clap::{Args, ValueEnum};

use super::catalogue::Catalogue;
use super::error::SimError;
use super::{Interrupted, SimConfig};

/// A simulated provider on a real gRPC port, with faults on demand.
#[derive(Args, Clone, Debug)]
pub struct SimArgs {
    /// Address to listen on; loopback only, since this server speaks plaintext.
    #[arg(long, default_value = "127.0.0.1:7760", env = "ARGOSY_PROVIDER_LISTEN")]
    listen: SocketAddr,
    /// Directory for the provider's state and ledger; without it everything is lost at the end.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// What the provider offers, as TOML; the built-in catalogue when not given.
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,
    /// Scales the catalogue to about so many machines.
    #[arg(long, value_name = "N")]
    machines: Option<u64>,
    /// Seed of latencies and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Lets the clock stand still except for SimProvider.Advance.
    #[arg(long)]
    virtual_time: bool,
    /// Accepts calls with the zero token, as stock tools send them.
    #[arg(long)]
    allow_unfenced: bool,
    /// What becomes of transitions that a restart finds half done.
    #[arg(long, value_enum, default_value = "continue")]
    interrupted: Interrupted,
    #[command(flatten)]
    faults: FaultArgs,
}

/// Faults in force from the start; SimProvider.SetFaults changes them later. Rates are parts per million.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Faults (rates in parts per million)")]
struct FaultArgs {
    /// Calls refused with UNAVAILABLE before anything is looked at.
    #[arg(long, value_name = "PPM", default_value_t = 0)]
    unavailable: u32,
    /// Calls refused with RESOURCE_EXHAUSTED.
    #[arg(long, value_name = "PPM", default_value_t = 0)]
    throttle: u32,
    /// The pause that throttled callers are told, milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 500)]
    throttle_pause_ms: u32,
    /// Calls that are applied and then fail.
    #[arg(long, value_name = "PPM", default_value_t = 0)]
    lost_ack: u32,
    /// Calls that are applied and never answered.
    #[arg(long, value_name = "PPM", default_value_t = 0)]
    hang: u32,
    /// Transitions of every kind that end in FAILED.
    #[arg(long, value_name = "PPM", default_value_t = 0)]
    failure: u32,
    /// Creates that fail for want of stock.
    #[arg(long, value_name = "PPM", default_value_t = 0)]
    stock_out: u32,
    /// Transitions that never end.
    #[arg(long, value_name = "PPM", default_value_t = 0)]
    stuck: u32,
    /// Hosts that vanish, per hour.
    #[arg(long, value_name = "PPM", default_value_t = 0)]
    vanish_per_hour: u32,
    /// Interrupts spot hosts at the rates of their offerings.
    #[arg(long)]
    spot_interruptions: bool,
    /// From the notice of an interruption to the end of the host, milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 120_000)]
    notice_ms: u32,
    /// When the slot of a vanished host comes back, milliseconds; 0 for never.
    #[arg(long, value_name = "MS", default_value_t = 300_000)]
    return_ms: u64,
    /// When a FAILED machine is well again, milliseconds; 0 for never.
    #[arg(long, value_name = "MS", default_value_t = 600_000)]
    repair_ms: u64,
    /// Holds answers back by up to so many milliseconds, so that they overtake each other.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    ack_delay_ms: u32,
    /// Holds listings back by up to so many milliseconds, as they were when they were asked for.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    list_delay_ms: u32,
}

impl FaultArgs {
    fn faults(&self) -> Faults {
        Faults {
            unavailable_ppm: self.unavailable,
            throttle_ppm: self.throttle,
            throttle_pause_ms: self.throttle_pause_ms,
            lost_ack_ppm: self.lost_ack,
            hang_ppm: self.hang,
            create_failure_ppm: self.failure,
            configure_failure_ppm: self.failure,
            drain_failure_ppm: self.failure,
            delete_failure_ppm: self.failure,
            stock_out_ppm: self.stock_out,
            stuck_ppm: self.stuck,
            vanish_per_hour_ppm: self.vanish_per_hour,
            spot_interruptions: self.spot_interruptions,
            notice_ms: self.notice_ms,
            return_ms: self.return_ms,
            repair_ms: self.repair_ms,
            ack_delay_ms: self.ack_delay_ms,
            list_delay_ms: self.list_delay_ms,
        }
    }
}

impl SimArgs {
    /// Reads the catalogue and gives the address to bind and the configuration to start.
    pub fn config(&self) -> Result<(SocketAddr, SimConfig), SimError> {
        let mut catalogue = match &self.catalogue {
            None => Catalogue::builtin(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| SimError::Catalogue(format!("{}: {error}", path.display())))?;
                Catalogue::parse(&text)?
            }
        };
        if let Some(machines) = self.machines {
            catalogue = catalogue.scaled_to(machines);
        }
        let config = SimConfig {
            catalogue,
            seed: self.seed,
            data_dir: self.data_dir.clone(),
            virtual_time: self.virtual_time,
            allow_unfenced: self.allow_unfenced,
            interrupted: self.interrupted,
            faults: self.faults.faults(),
        };
        Ok((self.listen, config))
    }
}

impl ValueEnum for Interrupted {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Continue, Self::Fail]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(match self {
            Self::Continue => {
                clap::builder::PossibleValue::new("continue").help("they go on as if nothing had happened")
            }
            Self::Fail => clap::builder::PossibleValue::new("fail").help("they end in FAILED"),
        })
    }
}
