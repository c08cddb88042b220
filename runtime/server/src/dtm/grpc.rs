//! The gRPC API: `dtmgimp.Dtm`.

use reprise_dtm::{Branch, Options, Protocol, Steps, Trans};
use tonic::{Request, Response, Status};

use self::pb::dtm_server::{Dtm as Service, DtmServer};
use super::Dtm;
use super::branches::BranchJson;
use super::refusal::Refusal;

/// What `proto/dtm.proto` says, as Rust: messages, a client and the server's trait.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::wildcard_enum_match_arm,
    clippy::doc_markdown,
    reason = "generated code"
)]
pub mod pb {
    tonic::include_proto!("dtmgimp");

    /// The description of the service, for server reflection.
    pub(in crate::dtm) const DESCRIPTION: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/dtm.bin"));
}

/// How a transaction's calls are made.
const PROTOCOL: &str = "grpc";

/// The gRPC service of `dtm`.
pub(super) fn service(dtm: Dtm) -> DtmServer<Dtm> {
    let most = dtm.settings.input_bytes;
    DtmServer::new(dtm).max_decoding_message_size(most)
}

#[tonic::async_trait]
impl Service for Dtm {
    async fn new_gid(&self, _: Request<()>) -> Result<Response<pb::DtmGidReply>, Status> {
        Ok(Response::new(pb::DtmGidReply { gid: super::new_gid() }))
    }

    async fn submit(&self, request: Request<pb::DtmRequest>) -> Result<Response<()>, Status> {
        answer(Self::submit(self, &trans(request.into_inner())?).await)
    }

    async fn prepare(&self, request: Request<pb::DtmRequest>) -> Result<Response<()>, Status> {
        answer(Self::prepare(self, &trans(request.into_inner())?).await)
    }

    async fn abort(&self, request: Request<pb::DtmRequest>) -> Result<Response<()>, Status> {
        answer(Self::abort(self, &trans(request.into_inner())?).await)
    }

    async fn register_branch(&self, request: Request<pb::DtmBranchRequest>) -> Result<Response<()>, Status> {
        let pb::DtmBranchRequest { gid, trans_type, branch_id, op: _, data, busi_payload } = request.into_inner();
        let fields = data.into_iter().collect();
        let branch = Branch { gid, trans_type, branch_id, fields, data: busi_payload, protocol: Protocol::Grpc };
        answer(self.register(&branch).await)
    }

    async fn prepare_workflow(
        &self,
        request: Request<pb::DtmRequest>,
    ) -> Result<Response<pb::DtmProgressesReply>, Status> {
        let seen = Self::prepare_workflow(self, &trans(request.into_inner())?).await?;
        let transaction = seen.transaction;
        let transaction = pb::DtmTransaction {
            gid: transaction.gid,
            status: transaction.status.to_owned(),
            rollback_reason: transaction.rollback_reason,
            result: transaction.result,
        };
        let progresses = seen.branches.into_iter().map(progress).collect();
        Ok(Response::new(pb::DtmProgressesReply { transaction: Some(transaction), progresses }))
    }

    async fn subscribe(&self, request: Request<pb::DtmTopicRequest>) -> Result<Response<()>, Status> {
        let pb::DtmTopicRequest { topic, url, remark } = request.into_inner();
        answer(Self::subscribe(self, &topic, url, remark).await)
    }

    async fn unsubscribe(&self, request: Request<pb::DtmTopicRequest>) -> Result<Response<()>, Status> {
        let pb::DtmTopicRequest { topic, url, .. } = request.into_inner();
        answer(Self::unsubscribe(self, &topic, &url).await)
    }

    async fn delete_topic(&self, request: Request<pb::DtmTopicRequest>) -> Result<Response<()>, Status> {
        answer(Self::delete_topic(self, &request.into_inner().topic).await)
    }
}

fn answer(done: Result<(), Refusal>) -> Result<Response<()>, Status> {
    Ok(done.map(Response::new)?)
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.message().to_owned();
        match refusal {
            Refusal::Failure(_) => Self::aborted(text),
            Refusal::Ongoing(_) => Self::failed_precondition(text),
            Refusal::Invalid(_) => Self::invalid_argument(text),
            Refusal::TooLarge(_) => Self::out_of_range(text),
            Refusal::Unknown(_) => Self::not_found(text),
            Refusal::Unavailable(_) => Self::unavailable(text),
            Refusal::Internal(_) => Self::internal(text),
        }
    }
}

fn trans(request: pb::DtmRequest) -> Result<Trans, Refusal> {
    let steps: Option<Steps> = match request.steps.as_str() {
        "" => None,
        text => serde_json::from_str(text).map_err(|error| {
            Refusal::Invalid(format!("Steps is no JSON list of a message's or saga's steps: {error}"))
        })?,
    };
    Ok(Trans {
        gid: request.gid,
        trans_type: request.trans_type,
        steps: steps.unwrap_or_default(),
        payloads: request.bin_payloads.into_iter().map(reprise_dtm::Payload).collect(),
        query_prepared: request.query_prepared,
        protocol: PROTOCOL.into(),
        custom_data: request.customed_data,
        req_extra: request.req_extra.into_iter().collect(),
        rollback_reason: request.rollback_reason,
        options: request.trans_options.map(options).unwrap_or_default(),
    })
}

fn options(options: pb::DtmTransOptions) -> Options {
    // Less than nothing is nothing, as with DTM.
    let seconds = |seconds: i64| u64::try_from(seconds).unwrap_or(0);
    Options {
        wait_result: options.wait_result,
        timeout_to_fail: seconds(options.timeout_to_fail),
        request_timeout: seconds(options.request_timeout),
        retry_interval: seconds(options.retry_interval),
        retry_limit: u32::try_from(options.retry_limit.max(0)).unwrap_or(u32::MAX),
        branch_headers: options.branch_headers.into_iter().collect(),
        concurrent: false,
    }
}

fn progress(branch: BranchJson) -> pb::DtmProgress {
    let bin_data = branch.bin_data();
    pb::DtmProgress { status: branch.status, bin_data, branch_id: branch.branch_id, op: branch.op }
}
