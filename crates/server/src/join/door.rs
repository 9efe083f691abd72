//! The listener for callers without a certificate. Everything about it is small and short: the messages, their number, the time that
//! one may take, and how long a connection stays.

use std::time::Duration;

use argosy_proto::argosy::v1::joining_server::JoiningServer;
use tokio_util::sync::CancellationToken;

use super::Desk;
use crate::config::{Connections, Join};
use crate::tls::{self, Credentials, Limits, Listen};

/// From the first byte of a request to the last of its answer.
const DEADLINE: Duration = Duration::from_secs(15);
/// Largest request. A token, a name and a request for a certificate have some 600 bytes.
const LARGEST: usize = 16 * 1024;
/// Requests of one connection at one time.
const AT_ONCE: u32 = 2;
/// How long a connection may stay, and how long it has to go then.
const STAY: Duration = Duration::from_secs(30);
const LEAVE: Duration = Duration::from_secs(15);
/// Handshakes going on at once, and how long one may take: nobody has shown anything yet.
const HANDSHAKES: u32 = 32;
const HANDSHAKE: Duration = Duration::from_secs(2);

/// Serves joins, and nothing else, to whoever comes, until `closing`.
pub(crate) async fn open<L: Listen>(
    listener: L,
    credentials: &Credentials,
    desk: Desk,
    settings: &Join,
    connections: &Connections,
    closing: CancellationToken,
) {
    let limits = Limits::from(Connections {
        max_connections: settings.max_callers,
        max_handshakes: HANDSHAKES.min(connections.max_handshakes),
        handshake_timeout: HANDSHAKE.min(connections.handshake_timeout),
        ..connections.clone()
    });
    let incoming = tls::accept_strangers(listener, credentials, &limits);
    let server = tls::server(&limits)
        .timeout(DEADLINE)
        .max_concurrent_streams(AT_ONCE)
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(128 * 1024)
        .http2_max_header_list_size(8 * 1024)
        .max_connection_age(STAY)
        .max_connection_age_grace(LEAVE)
        .add_service(JoiningServer::new(desk).max_decoding_message_size(LARGEST));
    if let Err(error) = server.serve_with_incoming_shutdown(incoming, closing.cancelled_owned()).await {
        tracing::error!(%error, "the listener for joins ended");
    }
}
