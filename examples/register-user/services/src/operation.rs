//! One operation of a branch: from its metadata to the barrier, and from the barrier's answer to gRPC and the log.

use reprise_barrier::{Answer, Barrier, BarrierError, Branch, Tables};
use tonic::{Request, Response, Status};

/// The barrier's table is in the services' own database.
const BARRIER: &str = "barrier";

/// Where the barrier is.
pub(crate) fn tables() -> Result<Tables, BarrierError> {
    Tables::new(BARRIER)
}

/// An operation that has arrived.
#[derive(Debug)]
pub(crate) struct Operation {
    method: &'static str,
    branch: Branch,
}

impl Operation {
    /// Which operation `request` is, and its message. `method` is for the log.
    pub(crate) fn of<M>(method: &'static str, request: Request<M>) -> Result<(Self, M), Status> {
        let (metadata, _, message) = request.into_parts();
        let branch = Branch::from_metadata(&metadata)?;
        Ok((Self { method, branch }, message))
    }

    /// What lets it take effect once.
    pub(crate) fn barrier(&self) -> Result<Barrier, Status> {
        Ok(Barrier::new(self.branch.clone()).tables(tables()?))
    }

    /// Logs what it came to, and answers.
    pub(crate) fn answer<M: Default>(
        &self,
        answer: Result<Answer<M, String>, BarrierError>,
    ) -> Result<Response<M>, Status> {
        let came_to = match &answer {
            Ok(Answer::Done(Some(_))) => "done".to_owned(),
            Ok(Answer::Done(None)) => "nothing to do".to_owned(),
            Ok(Answer::Refused(why)) => format!("refused, {why}"),
            Ok(Answer::Late) => "too late".to_owned(),
            Err(error) => format!("broken, {error}: {error:?}"),
        };
        eprintln!("{} {} {}: {came_to}", self.branch.branch_id(), self.branch.op(), self.method);
        answer?.into_grpc()
    }
}
