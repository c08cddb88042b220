//! The stack of a guest that ended, as its author reads it: functions by their names, innermost first, with file and line
//! where the component carries debug information.

use std::fmt::Write as _;

use rustc_demangle::try_demangle;
use wasmtime::{FrameInfo, WasmBacktrace};

/// Modules that the component model puts around the guest's own: their functions say nothing.
const GLUE: &str = "wit-component:";

/// Where a panic of Rust begins on its way out, and what it comes through on the way there.
const PANIC: (&str, &str) = ("__rustc::rust_begin_unwind", "core::panicking::");

/// What the adapter from WASI preview 1 calls its own functions.
const ADAPTER: &str = "adapter ";

/// One function a line, from where a panic was called. None if no function has a name but the export: numbers help nobody.
pub(crate) fn of(backtrace: &WasmBacktrace) -> Option<String> {
    let own = |frame: &&FrameInfo| {
        let is = |name: Option<&str>, prefix: &str| name.is_some_and(|name| name.starts_with(prefix));
        !is(frame.module().name(), GLUE) && !is(frame.func_name(), ADAPTER)
    };
    let frames: Vec<&FrameInfo> = backtrace.frames().iter().filter(own).collect();
    let is_export = |name: &str| matches!(name, "run" | "handle");
    let is_named = |frame: &&FrameInfo| frame.func_name().is_some_and(|name| !is_export(name));
    if !frames.iter().any(|frame| is_named(frame) || !frame.symbols().is_empty()) {
        return None;
    }
    let lines: Vec<String> = frames.into_iter().flat_map(lines).collect();
    Some(without_panic(&lines).join("\n"))
}

fn without_panic(lines: &[String]) -> &[String] {
    let begun = lines.iter().position(|line| line.starts_with(PANIC.0)).map_or(0, |at| at + 1);
    let way = lines[begun..].iter().take_while(|line| line.starts_with(PANIC.1)).count();
    &lines[begun + way..]
}

/// The function of a frame; before it those that the compiler has put into it.
fn lines(frame: &FrameInfo) -> Vec<String> {
    let outer = || frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), name);
    if frame.symbols().is_empty() {
        return vec![outer()];
    }
    let symbols = frame.symbols().iter().map(|symbol| {
        let mut line = symbol.name().map_or_else(outer, name);
        if let (Some(file), Some(at)) = (symbol.file(), symbol.line()) {
            // Writing to a text can't fail.
            _ = write!(line, " at {file}:{at}");
        }
        line
    });
    symbols.collect()
}

/// A name as it was written.
fn name(symbol: &str) -> String {
    try_demangle(symbol).map_or_else(|_| symbol.to_owned(), |name| format!("{name:#}"))
}
