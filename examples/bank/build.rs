//! Generates the gRPC code from `proto/bank.proto`, with a protobuf compiler in Rust: nothing to install.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/bank.proto");
    let files = protox::compile(["bank.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(files)?;
    Ok(())
}
