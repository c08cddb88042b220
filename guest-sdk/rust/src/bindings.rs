//! What `wit-bindgen` makes of `wit/workflow.wit`. Nothing here is written by hand, and only `#[workflow]` and the
//! rooms of this crate name it: the rest of the crate puts comfortable types on top.

wit_bindgen::generate!({
    world: "workflow-handlers",
    path: "../../wit",
    pub_export_macro: true,
    additional_derives: [PartialEq],
});
