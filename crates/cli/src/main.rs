//! binnaclectl.
fn main() {}
