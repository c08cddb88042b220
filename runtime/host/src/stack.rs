//! The stack of a guest that ended, as its author reads it: functions by their names, innermost first, with file and line
//! where the component carries debug information.

use std::fmt::Write as _;

use rustc_demangle::try_demangle;
use wasmtime::{FrameInfo, WasmBacktrace};

/// Modules that the component model puts around the guest's own: their functions say nothing.
const GLUE: &str = "wit-component:";

/// One function a line. None if no function has a name: numbers help nobody.
pub(crate) fn of(backtrace: &WasmBacktrace) -> Option<String> {
    let own = |frame: &&FrameInfo| !frame.module().name().is_some_and(|name| name.starts_with(GLUE));
    let frames: Vec<&FrameInfo> = backtrace.frames().iter().filter(own).collect();
    let is_named = |frame: &&FrameInfo| frame.func_name().is_some() || !frame.symbols().is_empty();
    if !frames.iter().any(is_named) {
        return None;
    }
    let lines: Vec<String> = frames.into_iter().flat_map(lines).collect();
    Some(lines.join("\n"))
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
