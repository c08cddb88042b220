//! Generates the gRPC code from `proto/dtm.proto`, with a protobuf compiler in Rust: nothing to install. The description of
//! the service is kept for those who ask for it (server reflection).

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/dtm.proto");
    let files = protox::compile(["dtm.proto"], ["proto"])?;
    let described = std::path::PathBuf::from(std::env::var("OUT_DIR")?).join("dtm.bin");
    std::fs::write(described, files.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
