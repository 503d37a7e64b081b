//! Sockets to listen on, also on nodes that have no IPv6.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// Listens on an address. `[::]` stands for all interfaces: with IPv4 whatever the node's defaults
/// are, and with IPv4 alone where there is no IPv6.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    open(address, socket).and_then(TcpListener::from_std)
}

fn socket(domain: Domain) -> io::Result<Socket> {
    Socket::new(domain, Type::STREAM, Some(Protocol::TCP))
}

/// Like [`bind`], with sockets that `socket` makes.
fn open(address: SocketAddr, socket: impl Fn(Domain) -> io::Result<Socket>) -> io::Result<std::net::TcpListener> {
    let (address, socket) = if address.ip() == Ipv6Addr::UNSPECIFIED {
        match socket(Domain::IPV6) {
            Ok(socket) => {
                socket.set_only_v6(false)?;
                (address, socket)
            }
            // A kernel that was started without IPv6 has no such sockets.
            Err(error) => {
                tracing::info!(%error, "listening without IPv6");
                (
                    SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())),
                    socket(Domain::IPV4)?,
                )
            }
        }
    } else {
        (address, socket(Domain::for_address(address))?)
    };
    // The port may still have connections of the process before.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    const ALL: SocketAddr = SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

    #[test]
    fn a_node_without_ipv6_is_listened_on_by_ipv4() {
        let without = |domain: Domain| match domain {
            Domain::IPV6 => Err(io::Error::other("Address family not supported by protocol")),
            domain => socket(domain),
        };
        let listener = open(ALL, without).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(address.ip(), Ipv4Addr::UNSPECIFIED);
        TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).unwrap();
    }

    /// As with `net.ipv6.bindv6only=1`.
    #[test]
    fn all_interfaces_have_ipv4_whatever_is_the_nodes_default() {
        let by_default = |domain| -> io::Result<Socket> {
            let socket = socket(domain)?;
            if domain == Domain::IPV6 {
                socket.set_only_v6(true)?;
            }
            Ok(socket)
        };
        let listener = open(ALL, by_default).unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    }

    #[tokio::test]
    async fn one_address_is_listened_on_alone() {
        let listener = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
        let (client, server) = tokio::join!(tokio::net::TcpStream::connect(address), listener.accept());
        client.unwrap();
        server.unwrap();
    }
}
