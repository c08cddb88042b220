//! Generates the clients from the services' proto files, with a protobuf compiler in Rust: nothing to install.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=../proto");
    let files = protox::compile(["user.proto", "score.proto"], ["../proto"])?;
    // No server, and no connections of its own: those are the runtime's.
    tonic_prost_build::configure().build_server(false).build_transport(false).compile_fds(files)?;
    Ok(())
}
