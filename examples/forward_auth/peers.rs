//! The addresses from which proxies connect.

use std::net::IpAddr;

/// The peers whose headers this server believes.
#[derive(Debug, Clone)]
pub(crate) struct TrustedPeers(Vec<Network>);

#[derive(Debug, Clone)]
struct Network {
    address: IpAddr,
    /// The number of bits that an address must share with it.
    length: u32,
}

impl TrustedPeers {
    /// Reads addresses and networks with commas between them: `10.0.0.7, 10.1.0.0/16, fd00::/8`.
    pub(crate) fn parse(list: &str) -> Result<Self, String> {
        let networks = list.split(',').map(|entry| {
            let entry = entry.trim();
            Network::parse(entry).ok_or_else(|| {
                format!("TRUSTED_PEERS has an entry that is no address or network: {entry:?}")
            })
        });
        networks.collect::<Result<_, _>>().map(Self)
    }

    /// The addresses of this machine.
    pub(crate) fn loopback() -> Self {
        Self::parse("127.0.0.0/8, ::1").expect("these are networks")
    }

    pub(crate) fn contains(&self, peer: IpAddr) -> bool {
        // A socket for both versions has IPv4 peers as `::ffff:127.0.0.1`.
        let peer = peer.to_canonical();
        self.0.iter().any(|network| network.contains(peer))
    }
}

impl Network {
    fn parse(entry: &str) -> Option<Self> {
        let (address, length) = match entry.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (entry, None),
        };
        let address: IpAddr = address.parse().ok()?;
        // Peers are compared as IPv4, so it would match none.
        if address.to_canonical() != address {
            return None;
        }
        let bits = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let length = match length {
            Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                length.parse().ok().filter(|length| *length <= bits)?
            }
            Some(_) => return None,
            None => bits,
        };
        Some(Self { address, length })
    }

    fn contains(&self, peer: IpAddr) -> bool {
        // A shift by all bits is `None`: the empty prefix is common to all addresses.
        match (self.address, peer) {
            (IpAddr::V4(own), IpAddr::V4(peer)) => {
                let difference = u32::from(own) ^ u32::from(peer);
                difference.checked_shr(32 - self.length).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(peer)) => {
                let difference = u128::from(own) ^ u128::from(peer);
                difference.checked_shr(128 - self.length).unwrap_or(0) == 0
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}
