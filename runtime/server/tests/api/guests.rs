//! Guests written as text: no toolchain, a few hundred bytes, compiled in no time.

/// The bytes of a component.
pub(crate) fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("the test's text is WAT")
}

/// `run` has the core function `run`, whose instructions are `body`; it may call `$sleep` (seconds, nanoseconds).
fn guest(body: &str) -> Vec<u8> {
    component(&GUEST.replace("BODY", body))
}

/// Returns its input.
pub(crate) fn echo() -> Vec<u8> {
    guest("(call $end (i32.const 0))")
}

/// Returns its input, and is another component than [`echo`].
pub(crate) fn other_echo() -> Vec<u8> {
    guest("(drop (i32.const 1)) (call $end (i32.const 0))")
}

/// Returns a failure: its input is the message and the details.
pub(crate) fn failing() -> Vec<u8> {
    guest("(call $end (i32.const 1))")
}

/// Traps.
pub(crate) fn trapping() -> Vec<u8> {
    guest("(unreachable)")
}

/// Sleeps 300 ms three times, then returns its input.
pub(crate) fn sleeping() -> Vec<u8> {
    let nap = "(call $sleep (i32.const 0) (i32.const 300000000))";
    guest(&format!("{nap} {nap} {nap} (call $end (i32.const 0))"))
}

/// Sleeps an hour.
pub(crate) fn sleeping_long() -> Vec<u8> {
    guest("(call $sleep (i32.const 3600) (i32.const 0)) (call $end (i32.const 0))")
}

/// An import that nobody answers.
pub(crate) fn importing(import: &str) -> Vec<u8> {
    let text = GUEST.replace("BODY", "(unreachable)");
    component(&text.replacen("(component", &format!("(component (import \"{import}\" (instance))"), 1))
}

/// Exports `start` instead of `run`.
pub(crate) fn without_run() -> Vec<u8> {
    let named = "(func (export \"run\") (param \"input\"";
    component(&GUEST.replace("BODY", "(unreachable)").replace(named, &named.replace("run", "start")))
}

const GUEST: &str = r#"
(component
  (import "reprise:workflow/time@0.1.0" (instance $time
    (type $duration' (record (field "seconds" u32) (field "nanos" u32)))
    (export "duration" (type $duration (eq $duration')))
    (export "sleep" (func (param "length" $duration)))))
  (core func $sleep (canon lower (func $time "sleep")))
  (core module $m
    (import "time" "sleep" (func $sleep (param i32 i32)))
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 1024))
    (global $at (mut i32) (i32.const 0))
    (global $length (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at))
    ;; 0: the input is the output. 1: it is the failure's message and details.
    (func $end (param $discriminant i32) (result i32)
      (i32.store (i32.const 0) (local.get $discriminant))
      (i32.store (i32.const 4) (global.get $at))
      (i32.store (i32.const 8) (global.get $length))
      (i32.store (i32.const 12) (global.get $at))
      (i32.store (i32.const 16) (global.get $length))
      (i32.const 0))
    (func (export "run") (param i32 i32) (result i32)
      (global.set $at (local.get 0))
      (global.set $length (local.get 1))
      BODY))
  (core instance $i (instantiate $m (with "time" (instance (export "sleep" (func $sleep))))))
  (type $failure' (record (field "message" string) (field "details" (list u8))))
  (export $failure "failure" (type $failure'))
  (func (export "run") (param "input" (list u8)) (result (result (list u8) (error $failure)))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))
"#;
