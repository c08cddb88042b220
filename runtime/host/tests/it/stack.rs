//! Where a guest was when it trapped. Lines are looked at by the conformance kit, with a module in C.

use reprise_host::GuestFailure;

use crate::drive::{Drive, ok};
use crate::guests::host;

/// `run` calls a function that calls one that traps.
const TRAPS: &str = r#"(module
  (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
  (func $run (export "run") (param i32 i32) (result i32)
    (call $order) (i32.const 0))
  (func $order
    (call $_ZN4shop3pay17h0123456789abcdefE))
  (func $_ZN4shop3pay17h0123456789abcdefE
    unreachable))
"#;

async fn stack(module: Vec<u8>) -> Option<String> {
    let program = host().prepare(module).await.expect("a good module").program;
    match Drive::begin("stack", "", ok).run(&program).await {
        Err(GuestFailure::Trap { message, unsaid, backtrace }) => {
            assert_eq!(message, "wasm trap: wasm `unreachable` instruction executed");
            assert_eq!(unsaid, message);
            backtrace
        }
        other => panic!("no trap: {other:?}"),
    }
}

#[tokio::test]
async fn functions_have_their_names() {
    let stack = stack(wat::parse_str(TRAPS).expect("it is WAT")).await.expect("there are names");
    assert_eq!(stack, "shop::pay\norder\nrun");
}

/// Every function but the export, which has a name of its own, is called by an export: so only a start function has none.
#[tokio::test]
async fn numbers_are_not_shown() {
    let bare = r#"(module
      (memory (export "memory") 1)
      (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
      (func (export "run") (param i32 i32) (result i32) (i32.const 0))
      (func unreachable)
      (start 2))"#;
    let program = host().prepare(wat::parse_str(bare).expect("it is WAT")).await.expect("a good module").program;
    let failure = Drive::begin("stack", "", ok).run(&program).await.expect_err("it does not come up");
    assert!(matches!(failure, GuestFailure::Trap { backtrace: None, .. }), "{failure:?}");
}
