//! Looking host names up.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use crate::runtime::Handle;

/// The addresses of `host`, each with `port`, in the order in which the system wants them tried. The
/// system's look-up blocks, so it happens on a thread of the runtime that is `handle`'s for such work.
///
/// # Errors
/// As the system reports them; if there is no such host.
pub fn resolve(
    handle: &Handle,
    host: &str,
    port: u16,
) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + Unpin + use<> {
    let host = host.to_owned();
    handle.unblock(move || Ok((host.as_str(), port).to_socket_addrs()?.collect()))
}
