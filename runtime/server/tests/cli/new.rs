//! `reprise new`: what it writes builds and passes its tests; what it would overwrite stays.

use std::fs;

use crate::program::{ended, reprise};
use crate::project;

#[test]
fn a_new_project_passes_its_tests() {
    let (_dir, project) = project::make("cli-test-project");
    project::cargo(&project, &["test"]);
    let readme = fs::read_to_string(project.join("README.md")).expect("a README");
    assert!(readme.contains("cargo build --release --target wasm32-wasip2"), "{readme}");
}

#[test]
fn a_new_project_builds_with_the_command_of_its_readme() {
    let component = fs::read(project::order()).expect("a component");
    assert_eq!(&component[..4], b"\0asm");
}

#[test]
fn an_empty_folder_is_used_and_a_full_one_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("order")).expect("a folder");
    let mut command = reprise(&["new", "order"]);
    command.current_dir(dir.path());
    assert_eq!(ended(&mut command).code, 0);
    let again = ended(&mut command);
    assert_eq!(
        (again.code, again.stderr.as_str()),
        (
            2,
            "error[usage]: the folder `order` exists and is not empty; choose another name or place\nhelp: see --help\n"
        )
    );
}

#[test]
fn names_that_cargo_refuses_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["fn", "2nd", "../up", "a b", "über"] {
        let refused = ended(reprise(&["new", name]).current_dir(dir.path()));
        assert_eq!(refused.code, 2, "{refused:?}");
    }
    let other = ended(reprise(&["new", "x", "--sdk", "/nowhere"]).current_dir(dir.path()));
    assert!(other.code == 2 && other.stderr.contains("is not the guest SDK"), "{other:?}");
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
}
