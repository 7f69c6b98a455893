//! Loopback ports for servers which cannot be started on port 0.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::atomic::{AtomicU16, Ordering};

use crate::LabError;

/// The lowest port that is handed out; those below belong to well-known servers.
const LOWEST: u16 = 10_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A TCP and UDP port of 127.0.0.1 that belongs to its owner until it is dropped.
///
/// The system's own ephemeral ports are avoided: a connection that leaves this machine could take such a port while
/// its server is stopped and is to come back to it. The reservation is the name of an abstract unix socket, so that two test
/// processes do not get the same port; the system takes it back from a process that dies, and nothing is left on disk.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _reservation: UnixListener,
}

impl Port {
    /// Reserves a port that nobody listens on now.
    pub fn reserve() -> Result<Self, LabError> {
        let highest = lowest_ephemeral_port();
        let span = highest - LOWEST;
        // Processes that start together begin at different places, and a process does not soon hand out a port again.
        let start = u16::try_from(std::process::id().wrapping_mul(797) % u32::from(span)).unwrap_or(0);
        for _ in 0..span {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = LOWEST + (start.wrapping_add(step) % span);
            let name = SocketAddr::from_abstract_name(format!("binnacle-lab-port-{number}"))
                .map_err(LabError::io(format!("naming port {number}")))?;
            let Ok(reservation) = UnixListener::bind_addr(&name) else { continue };
            if is_free(number) {
                return Ok(Self { number, _reservation: reservation });
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
