//! Loopback ports for servers which cannot be started on port 0.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::LabError;

/// The lowest port that is handed out; those below belong to well-known servers.
const LOWEST: u16 = 10_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A TCP and UDP port of 127.0.0.1 that belongs to its owner until it is dropped.
///
/// The system's own ephemeral ports are avoided: a connection that leaves this machine could take such a port while
/// its server is stopped and is to come back to it. The reservation is a lock on a file, so that two test processes do
/// not get the same port, and the system takes it back from a process that dies.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _reservation: File,
}

impl Port {
    /// Reserves a port that nobody listens on now.
    pub fn reserve() -> Result<Self, LabError> {
        let folder = std::env::temp_dir().join("binnacle-lab-ports");
        fs::create_dir_all(&folder).map_err(LabError::io(format!("making {}", folder.display())))?;
        let highest = lowest_ephemeral_port();
        let span = highest - LOWEST;
        // Processes that start together begin at different places, and a process does not soon hand out a port again.
        let start = u16::try_from(std::process::id().wrapping_mul(797) % u32::from(span)).unwrap_or(0);
        for _ in 0..span {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = LOWEST + (start.wrapping_add(step) % span);
            let path = folder.join(number.to_string());
            let file = File::create(&path).map_err(LabError::io(format!("making {}", path.display())))?;
            if file.try_lock().is_ok() && is_free(number) {
                return Ok(Self { number, _reservation: file });
            }
        }
        Err(LabError::NoFreePort)
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// From the kernel's `ip_local_port_range`; its documented default where that cannot be read.
fn lowest_ephemeral_port() -> u16 {
    fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|range| range.split_whitespace().next()?.parse().ok())
        .filter(|lowest| *lowest > LOWEST + 1_000)
        .unwrap_or(32_768)
}
