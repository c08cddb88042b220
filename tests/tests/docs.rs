//! The guide from DTM shows code that is built and tested: each block that names a file is in that file.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

#[test]
fn blocks_that_name_a_file_are_in_it() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the checkout");
    let guide = std::fs::read_to_string(root.join("docs/from-dtm.md"))?;
    let mut seen = 0;
    for part in guide.split("<!-- ").skip(1) {
        let (file, rest) = part.split_once(" -->\n```").context("a comment names the file of the block below it")?;
        let (_language, rest) = rest.split_once('\n').context("a block has lines")?;
        let (block, _) = rest.split_once("```").context("a block ends")?;
        let source = std::fs::read_to_string(root.join(file)).with_context(|| format!("{file} can't be read"))?;
        ensure!(source.contains(block), "{file} does not have this:\n{block}");
        seen += 1;
    }
    ensure!(seen > 0, "the guide has no blocks");
    Ok(())
}
