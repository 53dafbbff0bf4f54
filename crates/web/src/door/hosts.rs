//! What a request says of where it comes from and goes to, and how much of that is believed.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::{Extensions, HeaderMap, Request};

use super::{Door, Ends};
use crate::request::header;

/// A network: an address, and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!("'{text}' is neither an address nor a network, such as 10.0.0.5 or 10.0.0.0/8")
        };
        let (address, bits) = match text.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text.trim(), None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| wrong())?,
            None => most,
        };
        match bits <= most {
            true => Ok(Self { address, bits }),
            false => Err(wrong()),
        }
    }
}

impl Door {
    /// Where a request comes from: its connection or, behind a trusted proxy, the last address in
    /// `X-Forwarded-For` that is none.
    pub fn address(&self, headers: &HeaderMap, extensions: &Extensions) -> IpAddr {
        let ends = extensions.get::<Ends>();
        let peer = ends.map_or(IpAddr::from([0; 4]), |ends| ends.peer.ip().to_canonical());
        if !self.trusts(peer) {
            return peer;
        }
        let mut at = peer;
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let texts = lines.filter_map(|line| line.to_str().ok());
        for text in texts.flat_map(|line| line.rsplit(',')) {
            // What is no address was not written by a proxy that is trusted.
            let Some(address) = forwarded(text.trim()) else {
                return at;
            };
            at = address;
            if !self.trusts(at) {
                return at;
            }
        }
        at
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|proxy| proxy.holds(address))
    }

    /// What links begin with: `--public-url`, else the `Host` of the request if this server may be called
    /// so, else the address at which the connection came in.
    pub fn origin<B>(&self, public_url: Option<&str>, request: &Request<B>) -> String {
        if let Some(url) = public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let ends = request.extensions().get::<Ends>();
        let host = header(request.headers(), "host")
            .or_else(|| request.uri().authority().map(|a| a.as_str().into()));
        let scheme = match ends.is_some_and(|ends| ends.secure) || self.is_forwarded_https(request)
        {
            true => "https",
            false => "http",
        };
        match (host, ends) {
            (Some(host), _) if self.is_called(&host, ends) => format!("{scheme}://{host}"),
            (_, Some(ends)) => format!("{scheme}://{}", plain(ends.own)),
            (_, None) => format!("{scheme}://localhost"),
        }
    }

    fn is_forwarded_https<B>(&self, request: &Request<B>) -> bool {
        let ends = request.extensions().get::<Ends>();
        ends.is_some_and(|ends| self.trusts(ends.peer.ip().to_canonical()))
            && header(request.headers(), "x-forwarded-proto")
                .is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
    }

    /// Whether this is a name or an address of this server, with or without a port.
    fn is_called(&self, host: &str, ends: Option<&Ends>) -> bool {
        let Some(name) = without_port(host) else {
            return false;
        };
        if let Ok(address) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
            let own = ends.is_some_and(|ends| ends.own.ip().to_canonical() == address);
            if own || address.is_loopback() {
                return true;
            }
        }
        let is = |allowed: &str| match allowed.strip_prefix('*') {
            Some("") => true,
            Some(end) => ends_with(name, end),
            None => name.eq_ignore_ascii_case(allowed),
        };
        is("localhost") || self.allowed_hosts.iter().any(|allowed| is(allowed))
    }
}

/// An IPv4 address in the form of IPv6 is shown as what it is.
fn plain(own: SocketAddr) -> SocketAddr {
    SocketAddr::new(own.ip().to_canonical(), own.port())
}

fn ends_with(name: &str, end: &str) -> bool {
    let from = name.len().saturating_sub(end.len());
    name.len() > end.len()
        && name
            .get(from..)
            .is_some_and(|rest| rest.eq_ignore_ascii_case(end))
}

/// The name in a `Host`, if it is written as one.
fn without_port(host: &str) -> Option<&str> {
    let end = match host.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at(end);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let has_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_[]:".contains(&b);
    (has_port && !name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// An address as proxies write it, with or without a port.
fn forwarded(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bare = text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    bare.or_else(with_port)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(proxies: &[&str], hosts: &[&str]) -> Door {
        Door {
            trusted_proxies: proxies.iter().map(|text| text.parse().unwrap()).collect(),
            allowed_hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            ..Door::default()
        }
    }

    fn request(peer: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder().uri("/odata");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        request.extensions_mut().insert(Ends {
            peer: SocketAddr::new(peer.parse().unwrap(), 5000),
            own: ([192, 168, 1, 9], 8080).into(),
            secure: false,
        });
        request
    }

    #[test]
    fn only_trusted_proxies_say_where_a_request_comes_from() {
        let at = |door: &Door, peer: &str, said: &str| {
            let sent = request(peer, &[("x-forwarded-for", said)]);
            door.address(sent.headers(), sent.extensions()).to_string()
        };
        let none = door(&[], &[]);
        assert_eq!(at(&none, "10.0.0.1", "1.1.1.1"), "10.0.0.1");
        let some = door(&["10.0.0.0/24", "::1"], &[]);
        for (peer, said, expected) in [
            ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
            ("10.0.0.1", "6.6.6.6, 1.1.1.1:80, 10.0.0.2", "1.1.1.1"),
            ("10.0.0.1", "6.6.6.6, x, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.1.1", "1.1.1.1", "10.0.1.1"),
            ("::ffff:10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
            ("::1", "10.0.0.3", "10.0.0.3"),
        ] {
            assert_eq!(at(&some, peer, said), expected, "{peer} {said}");
        }
        for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0.0/", "::/129"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        assert!(
            "0.0.0.0/0"
                .parse::<Network>()
                .unwrap()
                .holds([1, 2, 3, 4].into())
        );
    }

    #[test]
    fn links_name_no_host_that_the_server_has_not() {
        let own = "http://192.168.1.9:8080";
        let door = door(&["10.0.0.1"], &["rpa.example.com", "*.corp"]);
        for (host, expected) in [
            ("localhost:9000", "http://localhost:9000"),
            ("127.0.0.1", "http://127.0.0.1"),
            ("[::1]:80", "http://[::1]:80"),
            ("192.168.1.9:8080", own),
            ("RPA.example.com", "http://RPA.example.com"),
            ("a.corp:1", "http://a.corp:1"),
            ("corp", own),
            ("evil.com", own),
            ("rpa.example.com.evil.com", own),
            ("rpa.example.com:80@evil.com", own),
            ("rpa.example.com:x", own),
            ("localhost/evil", own),
            ("192.168.1.8", own),
        ] {
            let sent = request("1.1.1.1", &[("host", host), ("x-forwarded-proto", "https")]);
            assert_eq!(door.origin(None, &sent), expected, "{host}");
        }
        let sent = request(
            "10.0.0.1",
            &[("host", "a.corp"), ("x-forwarded-proto", "https")],
        );
        assert_eq!(door.origin(None, &sent), "https://a.corp");
        assert_eq!(door.origin(Some("https://b/"), &sent), "https://b");
    }
}
