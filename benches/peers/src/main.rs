//! Measures the layer and other crates that put the verification of JWTs in front of axum and tower: README.md.
//!
//! ```sh
//! cargo bench --manifest-path benches/peers/Cargo.toml
//! ```

use std::{env, error};

use tower_bearer_auth::Algorithm;

mod backend;
mod checks;
mod over_http;
mod peers;
mod support;
mod through_layer;

use self::support::report::Report;

type Error = Box<dyn error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

/// The algorithms that are measured through the layer. Over HTTP, two are enough.
const ALGORITHMS: &[Algorithm] = &[
    Algorithm::HS256,
    Algorithm::RS256,
    Algorithm::ES256,
    Algorithm::EdDSA,
];

fn main() -> Result<()> {
    backend::install();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, peer, algorithm] = &arguments[..]
        && flag == over_http::SERVE
    {
        return runtime.block_on(over_http::serve(peer, algorithm));
    }
    let mut report = Report::default();
    {
        let _context = runtime.enter();
        checks::report(&mut report);
        through_layer::measure(&mut report);
    }
    runtime.block_on(over_http::measure(&mut report))
}
