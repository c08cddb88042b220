//! Rust types and linker functions generated from `wit/workflow.wit`.

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package reprise:host;

        /// Everything a workflow may import. Exports are looked up by name: `handle` is optional.
        world imports {
            import reprise:workflow/types@0.1.0;
            import reprise:workflow/transaction@0.1.0;
            import reprise:workflow/time@0.1.0;
            import reprise:workflow/random@0.1.0;
            import reprise:workflow/log@0.1.0;
        }
    ",
    world: "reprise:host/imports",
    imports: {
        "reprise:workflow/transaction.call-branch": async | trappable,
        "reprise:workflow/transaction.wait-any": async | trappable,
        "reprise:workflow/transaction.wait-all": async | trappable,
        "reprise:workflow/transaction.take": async | trappable,
        "reprise:workflow/transaction.take-response": async | trappable,
        "reprise:workflow/time.sleep": async | trappable,
        default: trappable,
    },
    require_store_data_send: true,
});

pub(crate) use reprise::workflow::{log, random, time, transaction, types};
