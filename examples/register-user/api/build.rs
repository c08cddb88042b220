//! Generates clients from the services' proto files and from DTM's, with a protobuf compiler in Rust: nothing to install.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folders = ["../proto", "../../../runtime/server/proto"];
    for folder in folders {
        println!("cargo::rerun-if-changed={folder}");
    }
    let files = protox::compile(["user.proto", "score.proto", "dtm.proto"], folders)?;
    tonic_prost_build::configure().build_server(false).compile_fds(files)?;
    Ok(())
}
