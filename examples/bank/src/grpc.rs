//! The gRPC face: the four SAGA operations, parsed into [`Work`] and rendered from [`Reply`].

use reprise_barrier::Branch;
use tonic::{Request, Response, Status};

use self::pb::bank_server::{Bank as Service, BankServer};
use crate::{
    bank::{Bank, Work},
    http::step,
    operation::{Operation, Transfer},
    reply::Reply,
    request_log::{Entry, Protocol},
};

/// What `proto/bank.proto` says, as Rust: messages, a client and the server's trait.
#[allow(missing_docs, unreachable_pub, clippy::wildcard_enum_match_arm, reason = "generated code")]
pub mod pb {
    tonic::include_proto!("bank.v1");
}

/// The gRPC service of `bank`, for a tonic server.
pub fn grpc_service(bank: Bank) -> BankServer<impl Service> {
    BankServer::new(Grpc { bank })
}

#[derive(Debug)]
struct Grpc {
    bank: Bank,
}

impl Grpc {
    async fn transfer(
        &self,
        operation: Operation,
        path: &'static str,
        request: Request<pb::Transfer>,
    ) -> Result<Response<pb::Balance>, Status> {
        let (metadata, _, pb::Transfer { account, amount }) = request.into_parts();
        let branch = Branch::from_metadata(&metadata);
        let entry = Entry {
            account: Some(account.clone()),
            amount: Some(amount),
            traceparent: metadata.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned),
            ..Entry::arrived(Protocol::Grpc, path).of(branch.as_ref().ok())
        };
        let work = branch
            .map_err(|error| error.to_string())
            .and_then(|branch| step(operation, branch, Transfer { account, amount }))
            .map(Work::Move);
        match self.bank.clone().take(entry, work).await {
            Reply::Good(balance) => {
                Ok(Response::new(pb::Balance { account: balance.account, balance: balance.balance }))
            }
            Reply::Noted => Ok(Response::new(pb::Balance::default())),
            reply @ (Reply::Refused(_)
            | Reply::Ongoing
            | Reply::Invalid(_)
            | Reply::Broken(_)
            | Reply::Lost
            | Reply::Silence) => Err(Status::new(reply.grpc_code(), reply.error_text())),
        }
    }
}

#[tonic::async_trait]
impl Service for Grpc {
    async fn transfer_out(&self, request: Request<pb::Transfer>) -> Result<Response<pb::Balance>, Status> {
        self.transfer(Operation::Out, "/bank.v1.Bank/TransferOut", request).await
    }

    async fn transfer_out_revert(&self, request: Request<pb::Transfer>) -> Result<Response<pb::Balance>, Status> {
        self.transfer(Operation::OutRevert, "/bank.v1.Bank/TransferOutRevert", request).await
    }

    async fn transfer_in(&self, request: Request<pb::Transfer>) -> Result<Response<pb::Balance>, Status> {
        self.transfer(Operation::In, "/bank.v1.Bank/TransferIn", request).await
    }

    async fn transfer_in_revert(&self, request: Request<pb::Transfer>) -> Result<Response<pb::Balance>, Status> {
        self.transfer(Operation::InRevert, "/bank.v1.Bank/TransferInRevert", request).await
    }
}
