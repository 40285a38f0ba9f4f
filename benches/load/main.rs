//! Measures a real server under load: requests over loopback to an axum app with one route and an MCP server, without
//! authentication, with RS256 tokens, and with cached RS256 tokens.
//!
//! ```sh
//! cargo bench --bench load
//! ```
//!
//! The server and the client are processes with one thread each, so the benchmark needs two cores. It takes about a
//! minute.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, error};

use hdrhistogram::Histogram;
use tower_bearer_auth::Algorithm;

#[path = "../support/mod.rs"]
mod support;

mod client;
mod server;

use self::client::Target;
use self::server::MODES;
use self::support::Sample;
use self::support::report::{Cell, Report};

const CONNECTIONS: [usize; 3] = [1, 8, 64];

/// The number of rounds. Each round runs every configuration for one turn. The figures are those of the median round.
const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_millis(500);

type Error = Box<dyn error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match env::args().nth(1).as_deref() {
        Some("--serve") => runtime.block_on(server::serve()),
        _ => runtime.block_on(measure()),
    }
}

async fn measure() -> Result<()> {
    let server = Server::start()?;
    let mut cells = Vec::new();
    for target in [Target::Route, Target::Mcp] {
        for connections in CONNECTIONS {
            for (mode, address) in MODES.iter().zip(&server.addresses) {
                cells.push((target, connections, *mode, address.clone(), Vec::new()));
            }
        }
    }
    let token = Sample::of(Algorithm::RS256).header();
    for _ in 0..ROUNDS {
        for (target, connections, _, address, turns) in &mut cells {
            let latencies = client::run(address, *target, &token, *connections, TURN).await?;
            turns.push(latencies);
        }
    }

    let rows: Vec<Vec<Cell>> = cells
        .into_iter()
        .map(|(target, connections, mode, _, mut turns)| {
            turns.sort_by_key(|latencies: &Histogram<u64>| latencies.len());
            let latencies = &turns[ROUNDS / 2];
            let per_second = latencies.len() as f64 / TURN.as_secs_f64();
            let per_request = 1e9 / per_second;
            let at = |quantile| {
                let ns = latencies.value_at_quantile(quantile);
                Cell::new(format!("{} µs", ns / 1_000), ns)
            };
            vec![
                target.name().into(),
                Cell::new(connections.to_string(), connections),
                mode.name().into(),
                Cell::new(format!("{per_second:.0}"), per_second.round() as u64),
                Cell::new(
                    format!("{:.1} µs", per_request / 1e3),
                    per_request.round() as u64,
                ),
                at(0.5),
                at(0.99),
            ]
        })
        .collect();
    Report::default().table(
        "One server thread under load",
        &[
            "target",
            "connections",
            "authentication",
            "requests/s",
            "per request",
            "p50",
            "p99",
        ],
        &rows,
    );
    Ok(())
}

/// The server process. It is killed on drop.
struct Server {
    process: Child,
    /// One address per mode.
    addresses: Vec<String>,
}

impl Server {
    fn start() -> Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .arg("--serve")
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("it has no output")?;
        let lines = BufReader::new(output).lines().take(MODES.len());
        let addresses = lines.collect::<std::io::Result<Vec<_>>>()?;
        if addresses.len() != MODES.len() {
            return Err("the server ended before it listened".into());
        }
        Ok(Self { process, addresses })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
