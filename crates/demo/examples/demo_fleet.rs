//! Runs the demo fleet by itself until it is interrupted, and prints where its registry answers.

use binnacle_demo::{Demo, DemoError};

#[tokio::main]
async fn main() -> Result<(), DemoError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let begun = std::time::Instant::now();
    let demo = Demo::start().await?;
    println!("started in {:?}", begun.elapsed());
    println!("CONSUL_HTTP_ADDR={}", demo.registry());
    let _ = tokio::signal::ctrl_c().await;
    demo.stop().await;
    Ok(())
}
