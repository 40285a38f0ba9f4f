//! Where a layer takes the token of a request from: the `Authorization` header, a cookie, another header, or the
//! subprotocols of a WebSocket.

mod cookie;
mod cross_site;
mod header;
mod token_source;
mod token_sources;
mod web_socket;

pub use self::token_source::TokenSource;
pub(crate) use self::token_sources::TokenSources;
pub(crate) use self::web_socket::OfferedProtocol;
