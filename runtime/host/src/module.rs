//! From a core module to a component: what compilers of C, Zig, Go or Rust write without any tool of the component model.
//!
//! The module gets the types of `wit/workflow.wit` and of WASI's HTTP client and, where it imports WASI preview 1, the
//! adapter to WASI 0.2. Types that it carries (sections `component-type`, by `wit-bindgen`) are left out: they say the
//! same, and reading them from a stranger is not safe, as packages that use each other overflow the reader's stack. The
//! same bytes always become the same component, as the versions of all of this are fixed. What is stored and named by
//! its digest is the module; this is repeated whenever it is compiled.

use std::borrow::Cow;
use std::fmt::Display;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasm_encoder::{Module, RawSection};
use wasmparser::{BinaryReaderError, Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::check::{self, ComponentError};
use crate::imports;

/// What a module may import and export: packages, each after those it uses. The last one has the worlds.
const WIT: [(&str, &str); 4] = [
    ("workflow.wit", include_str!("../../../wit/workflow.wit")),
    ("io.wit", include_str!("../wit/io.wit")),
    ("http.wit", include_str!("../wit/http.wit")),
    ("module.wit", include_str!("../wit/module.wit")),
];

/// The WASI interfaces of those packages; everything else of WASI comes by the adapter.
const HTTP: [&str; 5] =
    ["wasi:http/types", "wasi:http/outgoing-handler", "wasi:io/error", "wasi:io/poll", "wasi:io/streams"];

/// The component that an upload stands for: itself, or what a core module becomes. Nothing is compiled, and a component
/// is not looked at.
///
/// # Errors
/// [`ComponentError::CoreModule`]: what is wrong with the module and what a workflow's module needs; others: it is no
/// WebAssembly, or damaged.
pub fn component_of(upload: &[u8]) -> Result<Cow<'_, [u8]>, ComponentError> {
    check::magic(upload)?;
    if !Parser::is_core_wasm(upload) {
        return Ok(Cow::Borrowed(upload));
    }
    let shape = Shape::read(upload)?;
    shape.check()?;
    let world = shape.world();
    encode(&with_types(shape.bare.finish(), world)?).map(Cow::Owned)
}

/// The module with the types of a world of `module.wit`.
fn with_types(mut module: Vec<u8>, world: &str) -> Result<Vec<u8>, ComponentError> {
    let mut resolve = Resolve::default();
    let packages = WIT.map(|(path, text)| resolve.push_source(path, text).expect("this crate's own WIT is good"));
    let world = resolve.select_world(&packages[3..], Some(world)).expect("it has both worlds");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).map_err(wrong)?;
    Ok(module)
}

fn encode(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|it| it.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER))
        .and_then(|mut it| it.encode())
        .map_err(wrong)
}

/// The whole chain of causes is shown by `#`.
fn wrong(error: impl Display) -> ComponentError {
    ComponentError::CoreModule(format!("{error:#}"))
}

/// What a module shows of itself.
#[derive(Default)]
struct Shape {
    /// The module without types of its own.
    bare: Module,
    /// Types of its own say that texts are no UTF-8.
    is_foreign_text: bool,
    /// `module` and `name` of each import.
    imports: Vec<(String, String)>,
    exports: Vec<String>,
}

impl Shape {
    fn read(module: &[u8]) -> Result<Self, ComponentError> {
        let damaged = |error: BinaryReaderError| ComponentError::Invalid(error.to_string());
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.map_err(damaged)?;
            #[expect(clippy::wildcard_enum_match_arm, reason = "a module has many sections, and three of them matter")]
            match &payload {
                Payload::CustomSection(section) if section.name().starts_with("component-type") => {
                    shape.is_foreign_text |= !is_utf8(section.data());
                    continue;
                }
                Payload::ImportSection(section) => {
                    for import in section.clone().into_imports() {
                        let import = import.map_err(damaged)?;
                        shape.imports.push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section.clone() {
                        shape.exports.push(export.map_err(damaged)?.name.to_owned());
                    }
                }
                _ => {}
            }
            if let Some((id, range)) = payload.as_section() {
                let data = module.get(range).ok_or_else(|| ComponentError::Invalid("a section is cut off".into()))?;
                shape.bare.section(&RawSection { id, data });
            }
        }
        Ok(shape)
    }

    /// Whether a function of the world is exported, by its own name or as the component model's standard mangles it.
    fn exports(&self, name: &str) -> bool {
        self.exports.iter().any(|export| export == name || export.strip_prefix("cm32p2||") == Some(name))
    }

    fn world(&self) -> &'static str {
        if self.exports("handle") { "workflow-handlers" } else { "workflow" }
    }

    /// Finds the mistakes of those who link such a module for the first time; others are found by its types.
    fn check(&self) -> Result<(), ComponentError> {
        if self.exports("_start") {
            return Err(wrong(
                "it exports `_start`, so it is a program; link it as a library (clang: `-mexec-model=reactor`, Go: \
                 `-buildmode=c-shared`)",
            ));
        }
        if !self.exports("run") {
            return Err(wrong(format!("it does not export `run`; it exports {}", list(&self.exports))));
        }
        if self.is_foreign_text {
            return Err(wrong("its texts are UTF-16; generate its bindings with UTF-8"));
        }
        let foreign: Vec<_> = self.imports.iter().filter(|(module, _)| !is_served(module)).collect();
        if !foreign.is_empty() {
            let names: Vec<_> = foreign.iter().map(|(module, name)| format!("{module}.{name}")).collect();
            return Err(wrong(format!("it imports {}, which nobody answers", list(&names))));
        }
        Ok(())
    }
}

/// Whether types that a module carries, which are a component, say that texts are UTF-8, as they do by default.
fn is_utf8(types: &[u8]) -> bool {
    const UTF_8: u8 = 0;
    let sections = Parser::new(0).parse_all(types).map_while(Result::ok);
    let mut encodings = sections.filter_map(|section| {
        let Payload::CustomSection(section) = section else { return None };
        (section.name() == "wit-component-encoding").then(|| section.data().get(1).copied()).flatten()
    });
    encodings.all(|encoding| encoding == UTF_8)
}

/// Whether functions of an imported core module come from the world or from the adapter.
fn is_served(module: &str) -> bool {
    let interface = module.strip_prefix("cm32p2|").unwrap_or(module);
    let interface = interface.split_once('@').map_or(interface, |(interface, _)| interface);
    module == WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME || imports::SERVED.contains(&interface) || HTTP.contains(&interface)
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
