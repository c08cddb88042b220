//! Generates the gRPC code from the two proto files, with a protobuf compiler in Rust: nothing to install.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../proto");
    let files = protox::compile(["user.proto", "score.proto"], ["../proto"])?;
    // The barrier keeps replies, as JSON.
    let kept = "#[derive(serde::Serialize, serde::Deserialize)]";
    tonic_prost_build::configure().build_client(false).message_attribute(".", kept).compile_fds(files)?;
    Ok(())
}
