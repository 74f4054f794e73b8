//! The network that a request comes from, by which guesses are counted: an IPv4 address, or the first half of
//! an IPv6 address, which one customer has all of.
//!
//! `X-Forwarded-For` is believed where a trusted proxy wrote it, and as far as it did: from its end up to the
//! first address that is not a trusted proxy's.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use ipnet::IpNet;

use super::Auth;

/// The header that proxies write addresses into.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// What proxies leave on the requests that they pass on.
const MARKS_OF_PROXIES: [&str; 4] = [FORWARDED_FOR, "forwarded", "via", "x-real-ip"];

/// The most addresses of it that are looked at.
const MAX_HOPS: usize = 16;

/// Where a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Network {
    name: String,
    is_local: bool,
}

impl Network {
    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether the request comes from this machine itself: no proxy has left its mark on it.
    pub(super) fn is_local(&self) -> bool {
        self.is_local
    }
}

impl FromRequestParts<Auth> for Network {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, auth: &Auth) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
        // Not over a socket: within the process.
        let Some(peer) = peer else { return Ok(Self { name: "local".to_owned(), is_local: true }) };
        let client = client(peer, &parts.headers, &auth.0.options.trusted_proxies);
        let came_directly = !MARKS_OF_PROXIES.iter().any(|mark| parts.headers.contains_key(*mark));
        Ok(Self { name: name(client), is_local: came_directly && client.is_loopback() })
    }
}

/// The client's address, as far as it can be known.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut client = peer.to_canonical();
    let lines: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops.take(MAX_HOPS) {
        if !is_trusted(client) {
            break;
        }
        let Ok(address) = hop.trim().parse::<IpAddr>() else { break };
        client = address.to_canonical();
    }
    client
}

fn name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_of(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let headers = forwarded
            .iter()
            .map(|line| (axum::http::HeaderName::from_static(FORWARDED_FOR), line.parse().unwrap()));
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        name(client(peer.parse().unwrap(), &headers.collect(), &trusted))
    }

    #[test]
    fn the_header_is_believed_from_trusted_proxies_alone() {
        assert_eq!(client_of("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(client_of("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(client_of("10.0.0.1", &["198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        // What the client wrote itself stands further to the left.
        assert_eq!(
            client_of("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], &["10.0.0.0/8"]),
            "198.51.100.1"
        );
        assert_eq!(client_of("10.0.0.1", &["1.1.1.1", "198.51.100.1"], &["10.0.0.0/8"]), "198.51.100.1");
        assert_eq!(client_of("10.0.0.1", &["nonsense"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(client_of("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        assert_eq!(client_of("2001:db8:1:2:3:4:5:6", &[], &[]), "2001:db8:1:2::/64");
        assert_eq!(client_of("::ffff:203.0.113.9", &[], &[]), "203.0.113.9");
    }
}
