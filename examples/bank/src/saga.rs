//! The HTTP face for coordinators that name the branch in the path: `POST /transfer-in/{gid}/{branch_id}` does it, `DELETE`
//! on the same URL with the same body undoes it.
//!
//! The barrier takes transaction and branch from the path, and the op from the method.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, Method, Uri},
    response::Response,
    routing::post,
};
use bytes::Bytes;
use reprise_barrier::Branch;

use crate::{
    bank::Bank,
    http::{arrived, transfer},
    operation::Operation,
    request_log::Entry,
};

/// One URL with both halves of a branch.
#[derive(Debug, Clone, Copy)]
struct Resource {
    path: &'static str,
    action: Operation,
    undo: Operation,
}

const RESOURCES: [Resource; 2] = [
    Resource { path: "/transfer-out/{gid}/{branch_id}", action: Operation::Out, undo: Operation::OutRevert },
    Resource { path: "/transfer-in/{gid}/{branch_id}", action: Operation::In, undo: Operation::InRevert },
];

pub(crate) fn router() -> Router<Bank> {
    RESOURCES.into_iter().fold(Router::new(), |router, resource| {
        let handler = move |State(bank), method, Path(ids), uri, headers, body| {
            serve(bank, resource, method, ids, uri, headers, body)
        };
        router.route(resource.path, post(handler).delete(handler))
    })
}

async fn serve(
    bank: Bank,
    resource: Resource,
    method: Method,
    (gid, branch_id): (String, String),
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (operation, op) =
        if method == Method::DELETE { (resource.undo, "compensate") } else { (resource.action, "action") };
    let branch = Branch::new("saga", &gid, &branch_id, op);
    // Named by its route: faults and tests look for it, and the ids are in the log anyway.
    let request = Entry { path: resource.path.to_owned(), ..arrived(&uri, &headers, branch.as_ref().ok()) };
    transfer(bank, request, operation, branch.map_err(|error| error.to_string()), &body).await
}
