//! What an upload must be: a component that exports `run` and imports only what is served.

use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::Component;
use wasmtime::component::types::{self, ComponentFunc, ComponentItem, Type};

use crate::bindings::types::{Failure, Phase};
use crate::{imports, wasi};

const RUN: &str = "run: func(input: list<u8>) -> result<list<u8>, failure>";
const HANDLE: &str = "handle: func(phase: phase, branch: u32, name: string, payload: list<u8>) -> result<_, failure>";

/// Why an upload is refused. Nothing of it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ComponentError {
    /// No bytes.
    #[error("the upload is empty; send the bytes of a WebAssembly component or module")]
    Empty,
    /// Too many bytes.
    #[error("the component has {bytes} bytes, {max} are allowed (setting `limits.component_bytes`)")]
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        max: usize,
    },
    /// Something else.
    #[error(
        "this is no WebAssembly: it does not start with `\\0asm`; send the component itself, not an archive or text"
    )]
    NotWasm,
    /// A core module that can't be made a component.
    #[error(
        "the core module can't be made a component: {0}\nhelp: a workflow's module exports `memory`, `cabi_realloc`, `run` and, for handlers, `handle`, in the canonical ABI of reprise:workflow@0.1.0; it imports functions of that package and of `wasi_snapshot_preview1` and `wasi:http`"
    )]
    CoreModule(String),
    /// Broken, cut off, or beyond what the pool of instances holds.
    #[error("the component is invalid: {0}")]
    Invalid(String),
    /// No workflow.
    #[error("the component does not export `run`; it exports {}", list(exports))]
    NoRun {
        /// What it exports instead.
        exports: Vec<String>,
    },
    /// An export of another type.
    #[error(
        "the export `{export}` has another type than the world `workflow` of reprise:workflow@0.1.0 says\n  expected {expected}\n  found    {found}"
    )]
    ExportType {
        /// `run` or `handle`.
        export: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// Imports that nobody answers.
    #[error("the component imports what a workflow is not given: {}{}", imports.join(", "), hint(imports))]
    Imports {
        /// Their names.
        imports: Vec<String>,
    },
    /// An interface that is served, with something in it that is not.
    #[error("the component can't be linked: {0}; build it against reprise:workflow@0.1.0 and WASI 0.2.12 or older")]
    Link(String),
    /// A task of the host ended without an answer.
    #[error("the component was not checked: {0}; try again")]
    Interrupted(String),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

fn hint(imports: &[String]) -> &'static str {
    if imports.iter().any(|name| name.starts_with("wasi:http/")) {
        "\nhelp: a workflow is no HTTP server; it may make requests (wasi:http/outgoing-handler@0.2) and is called by `run`"
    } else if imports.iter().any(|name| name.starts_with("wasi:") && name.contains("@0.3")) {
        "\nhelp: WASI 0.2 is served; build for it (Rust: `--target wasm32-wasip2`)"
    } else if imports.iter().any(|name| name.starts_with("wasi_snapshot_preview1")) {
        "\nhelp: build for WASI 0.2, or adapt it with `wasm-tools component new --adapt`"
    } else {
        "\nhelp: a workflow may import reprise:workflow@0.1.0 and WASI 0.2; do the rest in participants"
    }
}

/// What can be said before anything is compiled.
pub(crate) fn header(bytes: &[u8], bytes_max: usize) -> Result<(), ComponentError> {
    if bytes.len() > bytes_max {
        return Err(ComponentError::TooLarge { bytes: bytes.len(), max: bytes_max });
    }
    magic(bytes)
}

/// Whether it is WebAssembly at all.
pub(crate) fn magic(bytes: &[u8]) -> Result<(), ComponentError> {
    match bytes {
        [] => Err(ComponentError::Empty),
        [b'\0', b'a', b's', b'm', ..] => Ok(()),
        _ => Err(ComponentError::NotWasm),
    }
}

/// Checks imports and exports of a compiled component.
pub(crate) fn interface(engine: &Engine, component: &Component) -> Result<(), ComponentError> {
    let ty = component.component_type();
    let unserved: Vec<String> =
        ty.imports(engine).map(|(name, _)| name.to_owned()).filter(|name| !is_served(name)).collect();
    if !unserved.is_empty() {
        return Err(ComponentError::Imports { imports: unserved });
    }
    let Some(run) = ty.get_export(engine, "run") else {
        let exports = ty.exports(engine).map(|(name, _)| format!("`{name}`")).collect();
        return Err(ComponentError::NoRun { exports });
    };
    check(&ty, "run", RUN, &run.ty, |run| {
        run.typecheck::<(Vec<u8>,), (Result<Vec<u8>, Failure>,)>(&ty.instance_type()).is_ok()
    })?;
    match ty.get_export(engine, "handle") {
        None => Ok(()),
        Some(handle) => check(&ty, "handle", HANDLE, &handle.ty, |handle| {
            handle.typecheck::<(Phase, u32, String, Vec<u8>), (Result<(), Failure>,)>(&ty.instance_type()).is_ok()
        }),
    }
}

/// What is allowed and yet may not be meant.
pub(crate) fn warnings(engine: &Engine, component: &Component) -> Vec<String> {
    let ty = component.component_type();
    let calls = ty.imports(engine).any(|(name, _)| {
        name.starts_with("reprise:workflow/transaction@") || name.starts_with("wasi:http/outgoing-handler@")
    });
    if calls {
        return Vec::new();
    }
    vec!["the component does not import `reprise:workflow/transaction`: it can compute, but call no participant".into()]
}

fn check(
    _: &types::Component,
    export: &'static str,
    expected: &'static str,
    found: &ComponentItem,
    fits: impl FnOnce(&ComponentFunc) -> bool,
) -> Result<(), ComponentError> {
    let found = match found {
        ComponentItem::ComponentFunc(func) if !func.async_() && fits(func) => return Ok(()),
        ComponentItem::ComponentFunc(func) => show_func(export, func),
        ComponentItem::ComponentInstance(_) => format!("{export}: an interface"),
        ComponentItem::CoreFunc(_)
        | ComponentItem::Module(_)
        | ComponentItem::Component(_)
        | ComponentItem::Type(_)
        | ComponentItem::Resource(_) => format!("{export}: no function"),
    };
    Err(ComponentError::ExportType { export, expected, found })
}

/// Whether an import is of an interface and a version line that is linked.
fn is_served(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else { return false };
    let line = |line: &str| version.strip_prefix(line).is_some_and(|patch| patch.parse::<u32>().is_ok());
    (imports::SERVED.contains(&interface) && line("0.1.")) || (wasi::SERVED.contains(&interface) && line("0.2."))
}

fn show_func(name: &str, func: &ComponentFunc) -> String {
    let params: Vec<_> = func.params().map(|(name, ty)| format!("{name}: {}", show(&ty))).collect();
    let result = func.results().next().map(|ty| format!(" -> {}", show(&ty))).unwrap_or_default();
    let kind = if func.async_() { "async func" } else { "func" };
    format!("{name}: {kind}({}){result}", params.join(", "))
}

/// A type as WIT writes it, without the names of types.
fn show(ty: &Type) -> String {
    let optional = |ty: Option<Type>| ty.map_or_else(|| "_".into(), |ty| show(&ty));
    match ty {
        Type::Bool => "bool".into(),
        Type::S8 => "s8".into(),
        Type::U8 => "u8".into(),
        Type::S16 => "s16".into(),
        Type::U16 => "u16".into(),
        Type::S32 => "s32".into(),
        Type::U32 => "u32".into(),
        Type::S64 => "s64".into(),
        Type::U64 => "u64".into(),
        Type::Float32 => "f32".into(),
        Type::Float64 => "f64".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
        Type::List(list) => format!("list<{}>", show(&list.ty())),
        Type::Option(option) => format!("option<{}>", show(&option.ty())),
        Type::Result(result) => format!("result<{}, {}>", optional(result.ok()), optional(result.err())),
        Type::Tuple(tuple) => format!("tuple<{}>", tuple.types().map(|ty| show(&ty)).collect::<Vec<_>>().join(", ")),
        Type::Record(record) => {
            let fields: Vec<_> = record.fields().map(|field| format!("{}: {}", field.name, show(&field.ty))).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        Type::Enum(names) => format!("enum {{ {} }}", names.names().collect::<Vec<_>>().join(", ")),
        Type::Flags(names) => format!("flags {{ {} }}", names.names().collect::<Vec<_>>().join(", ")),
        Type::Variant(_) => "variant".into(),
        Type::Map(_) => "map".into(),
        Type::FixedLengthList(_) => "list of fixed length".into(),
        Type::Own(_) | Type::Borrow(_) => "resource".into(),
        Type::Future(_) => "future".into(),
        Type::Stream(_) => "stream".into(),
        Type::ErrorContext => "error-context".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn served_lines() {
        for (import, want) in [
            ("reprise:workflow/transaction@0.1.0", true),
            ("reprise:workflow/types@0.1.7", true),
            ("reprise:workflow/types@0.2.0", false),
            ("reprise:workflow/unknown@0.1.0", false),
            ("wasi:io/poll@0.2.0", true),
            ("wasi:io/poll@0.2.12", true),
            ("wasi:io/poll@0.3.0", false),
            ("wasi:io/poll@0.2.0-rc-2023-12-05", false),
            ("wasi:http/types@0.2.0", true),
            ("wasi:http/outgoing-handler@0.2.12", true),
            ("wasi:http/incoming-handler@0.2.12", false),
            ("wasi:io/poll", false),
            ("run", false),
        ] {
            assert_eq!(is_served(import), want, "{import}");
        }
    }
}
