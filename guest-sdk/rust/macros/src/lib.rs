//! The attribute `#[workflow]` of the crate `reprise-guest`, which documents and re-exports it.

mod workflow;

use proc_macro::TokenStream;

/// Makes an `async fn(&Transaction, Input) -> Result<Output, Failure>` the workflow of this component.
///
/// `Input` is read from JSON and `Output` written as JSON by serde; `reprise_guest::Raw` stands for bytes as they are.
/// Instead of `Failure`, any error that converts into it will do. The function stays what it is, so tests can run it
/// with `reprise_guest::testing::TestHost`. A component has one workflow.
///
/// Code for phase two that branches register by name is listed in `handlers(..)`: functions of the form
/// `async fn(&Transaction, Branch, Phase, Payload) -> Result<(), Failure>`.
#[proc_macro_attribute]
pub fn workflow(attribute: TokenStream, item: TokenStream) -> TokenStream {
    workflow::expand(attribute.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
