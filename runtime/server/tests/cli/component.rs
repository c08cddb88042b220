//! `reprise component`: what `deploy` does with a core module, as a file.

use crate::program::{Server, ended, path, reprise};

/// `run` returns its input.
const ECHO: &str = r#"(module
    (memory (export "memory") 2)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "run") (param i32 i32) (result i32)
      (i32.store (i32.const 4) (local.get 0))
      (i32.store (i32.const 8) (local.get 1))
      (i32.const 0)))"#;

#[test]
fn a_module_and_its_component_run_alike() {
    let server = Server::start();
    let dir = tempfile::tempdir().expect("a folder");
    let [module, component] = ["core.wasm", "component.wasm"].map(|name| dir.path().join(name));
    std::fs::write(&module, wat::parse_str(ECHO).expect("WAT")).expect("a file");
    let made = ended(&mut reprise(&["component", path(&module), "-o", path(&component)]));
    assert_eq!((made.code, made.stdout.as_str(), made.stderr.as_str()), (0, "", ""));
    for (name, file) in [("module", &module), ("component", &component)] {
        let deployed = server.run(&["deploy", name, path(file)]);
        assert_eq!(deployed.code, 0, "{deployed:?}");
        assert!(deployed.stderr.starts_with("warning: the component does not import"), "{deployed:?}");
        let run = server.run(&["run", name, "--input", "{\"n\":1}"]);
        assert_eq!((run.code, run.stdout.trim_end()), (0, "{\"n\":1}"), "{run:?}");
    }
}

#[test]
fn a_module_that_is_no_workflow_is_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let (module, component) = (dir.path().join("core.wasm"), dir.path().join("component.wasm"));
    std::fs::write(&module, wat::parse_str("(module)").expect("WAT")).expect("a file");
    let refused = ended(&mut reprise(&["component", path(&module), "-o", path(&component)]));
    assert_eq!((refused.code, refused.stdout.as_str()), (8, ""), "{refused:?}");
    assert!(refused.stderr.starts_with("error[invalid-component]: `"), "{refused:?}");
    assert!(refused.stderr.contains("does not export `run`; it exports nothing\nhelp: "), "{refused:?}");
    assert!(!component.exists());
}
