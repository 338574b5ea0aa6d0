//! Where a server listens, and where a client connects to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// An address of a server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `host:port`, looked up when it is used.
    Host(String),
    /// An internet address.
    Inet(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// `unix:path`, else `host:port` or `[address]:port`.
impl From<&str> for Address {
    fn from(text: &str) -> Self {
        match (text.strip_prefix("unix:"), text.parse()) {
            (Some(path), _) => Address::Unix(path.into()),
            (None, Ok(addr)) => Address::Inet(addr),
            (None, Err(_)) => Address::Host(text.into()),
        }
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Address::Inet(addr)
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from((ip, port): (I, u16)) -> Self {
        Address::Inet(SocketAddr::new(ip.into(), port))
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Address::Unix(path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Host(host) => f.write_str(host),
            Address::Inet(addr) => addr.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_by_their_form() {
        assert_eq!(Address::from("unix:/run/x"), Address::Unix("/run/x".into()));
        assert_eq!(Address::from("[::1]:80"), Address::Inet("[::1]:80".parse().unwrap()));
        assert_eq!(Address::from("localhost:80"), Address::Host("localhost:80".into()));
        assert_eq!(Address::from("unix:/run/x").to_string(), "unix:/run/x");
    }
}
