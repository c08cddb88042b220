//! The branch parameters of a gRPC request: the metadata keys `dtm-gid`, `dtm-trans_type`, `dtm-branch_id`, `dtm-op`.

use tonic::{Status, metadata::MetadataMap};

use super::{Branch, BranchError};
use crate::Barrier;

impl Branch {
    /// Reads the branch parameters from the metadata of a request.
    ///
    /// # Errors
    /// Any [`BranchError`]; it converts into a [`Status`] with `INVALID_ARGUMENT`, so `?` answers the caller.
    pub fn from_metadata(metadata: &MetadataMap) -> Result<Self, BranchError> {
        let of = |name: &'static str| {
            metadata
                .get(name)
                .and_then(|value| value.to_str().ok())
                .filter(|value| !value.is_empty())
                .ok_or(BranchError::Missing { name })
        };
        let branch = Self::new(of("dtm-trans_type")?, of("dtm-gid")?, of("dtm-branch_id")?, of("dtm-op")?)?;
        Ok(if metadata.get("reprise-must-succeed").is_some() { branch.must_succeed() } else { branch })
    }
}

impl Barrier {
    /// The barrier of a request with this metadata: [`Branch::from_metadata`], then [`Barrier::new`].
    ///
    /// # Errors
    /// Any [`BranchError`]; it converts into a [`Status`] with `INVALID_ARGUMENT`, so `?` answers the caller.
    pub fn from_grpc(metadata: &MetadataMap) -> Result<Self, BranchError> {
        Ok(Self::new(Branch::from_metadata(metadata)?))
    }
}

impl From<BranchError> for Status {
    fn from(error: BranchError) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn reads_what_a_runtime_sends() {
        let mut metadata = MetadataMap::new();
        for (name, value) in
            [("dtm-gid", "g"), ("dtm-trans_type", "workflow"), ("dtm-branch_id", "02"), ("dtm-op", "action")]
        {
            metadata.insert(name, value.parse().expect("plain text"));
        }
        assert_eq!(Branch::from_metadata(&metadata), Branch::new("workflow", "g", "02", "action"));
        let barrier = Barrier::from_grpc(&metadata).expect("complete");
        assert_eq!(Ok(barrier.branch().clone()), Branch::new("workflow", "g", "02", "action"));

        metadata.remove("dtm-op");
        let error = Branch::from_metadata(&metadata).expect_err("no op");
        assert_eq!(error, BranchError::Missing { name: "dtm-op" });
        assert_eq!(Status::from(error).code(), Code::InvalidArgument);
    }
}
