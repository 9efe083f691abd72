//! One mutation over the wire: the message that each of the four calls takes.

use std::time::Duration;

use argosy_proto::argosy::v1::OperationTag;
use argosy_proto::bigfleet::v1alpha1 as api;
use argosy_proto::bigfleet::v1alpha1::capacity_provider_client::CapacityProviderClient;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use crate::contract::{Ask, Call, Token};

/// Makes a call as it stands, also one that a provider has to refuse. With a limit the provider learns it too, so that it does not work for
/// a caller who has left.
pub(crate) async fn send(
    mut rpc: CapacityProviderClient<Channel>,
    call: Call,
    limit: Option<Duration>,
) -> Result<api::TransitionAck, Status> {
    let Call { machine_id, ask, token, tag } = call;
    let Token { shard: shard_id, epoch: shard_epoch, sequence: sequence_number } = token;
    let argosy = (tag != OperationTag::default()).then_some(tag);
    let answer = match ask {
        Ask::Create => {
            let message = api::CreateRequest { machine_id, shard_id, shard_epoch, sequence_number, argosy };
            rpc.create(asked(message, limit)).await
        }
        Ask::Configure { cluster: cluster_id, metadata: shard_metadata, blob: bootstrap_blob } => {
            let message = api::ConfigureRequest {
                machine_id,
                cluster_id,
                bootstrap_blob,
                shard_id,
                shard_epoch,
                sequence_number,
                shard_metadata,
                argosy,
            };
            rpc.configure(asked(message, limit)).await
        }
        Ask::Drain { grace_s: grace_period_seconds } => {
            let message =
                api::DrainRequest { machine_id, grace_period_seconds, shard_id, shard_epoch, sequence_number, argosy };
            rpc.drain(asked(message, limit)).await
        }
        Ask::Delete => {
            let message = api::DeleteRequest { machine_id, shard_id, shard_epoch, sequence_number, argosy };
            rpc.delete(asked(message, limit)).await
        }
    };
    answer.map(Response::into_inner)
}

/// A request that carries its limit.
pub(super) fn asked<A>(message: A, limit: Option<Duration>) -> Request<A> {
    let mut request = Request::new(message);
    limit.into_iter().for_each(|limit| request.set_timeout(limit));
    request
}
