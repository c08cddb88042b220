//! The tests that each SDK has in its own language.

use anyhow::Result;
use reprise_tests::Language;
use rstest::rstest;

use crate::shell::bash;

#[rstest]
#[tokio::test]
async fn an_sdk_passes_its_own_tests(
    #[values(Language::Python, Language::Js, Language::Go, Language::C)] language: Language,
) -> Result<()> {
    if !language.is_selected()? {
        return Ok(());
    }
    let script = match language {
        Language::Python => "PYTHONPATH=src $REPRISE_TOOLCHAINS/python/bin/python -m pytest -q -p no:cacheprovider",
        Language::Js | Language::JsStarlingMonkey => {
            "NODE_PATH=$REPRISE_TOOLCHAINS/js/node_modules node cli/main.mjs test ."
        }
        Language::Go | Language::GoHttp => "$REPRISE_TOOLCHAINS/go/go/bin/go test ./...",
        Language::C | Language::CDebug => "make test",
        Language::Rust => unreachable!("cargo runs them"),
    };
    tokio::task::spawn_blocking(move || {
        language.toolchain()?;
        bash(language, &language.sdk(), script)
    })
    .await?
}
