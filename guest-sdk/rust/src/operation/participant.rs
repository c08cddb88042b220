//! Who performs HTTP and gRPC operations.

use super::{Grpc, Http};

/// A business service that branches call. An empty path calls its address itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    target: String,
}

impl Participant {
    /// A participant of the runtime's configuration. Workflows stay the same wherever it runs.
    pub fn named(name: impl Into<String>) -> Self {
        Self { target: name.into() }
    }

    /// A participant by its address, `http(s)://host:port`, for HTTP with an optional path before all paths.
    pub fn url(url: impl Into<String>) -> Self {
        let mut target = url.into();
        target.truncate(target.trim_end_matches('/').len());
        Self { target }
    }

    /// `GET path`; the path may have a query.
    pub fn get(&self, path: &str) -> Http {
        self.http("GET", path)
    }

    /// `POST path`.
    pub fn post(&self, path: &str) -> Http {
        self.http("POST", path)
    }

    /// `PUT path`.
    pub fn put(&self, path: &str) -> Http {
        self.http("PUT", path)
    }

    /// `PATCH path`.
    pub fn patch(&self, path: &str) -> Http {
        self.http("PATCH", path)
    }

    /// `DELETE path`.
    pub fn delete(&self, path: &str) -> Http {
        self.http("DELETE", path)
    }

    /// The unary gRPC method `package.Service/Method`.
    pub fn grpc(&self, method: &str) -> Grpc {
        Grpc::new(self.target.clone(), method.trim_start_matches('/').to_owned())
    }

    fn http(&self, method: &str, path: &str) -> Http {
        let path = path.trim_start_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        Http::new(method, format!("{}{slash}{path}", self.target))
    }
}
