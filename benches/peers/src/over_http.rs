//! Measures the requests per second that one server thread serves over loopback.
//!
//! Each configuration has a server process with one thread. The client has one thread too, so this needs two cores.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use hdrhistogram::Histogram;
use http::HeaderValue;
use tokio::net::TcpListener;
use tower_bearer_auth::Algorithm;

use crate::Result;
use crate::peers::{App, NOTES, PEERS, Setup};
use crate::support::client::{self, Target};
use crate::support::report::{Cell, Report};
use crate::support::sample::Sample;

/// The argument with which the benchmark starts itself as a server.
pub(crate) const SERVE: &str = "--serve";

/// The argument for the server without authentication, instead of the index of a peer.
const NONE: &str = "none";

const ALGORITHMS: [Algorithm; 2] = [Algorithm::RS256, Algorithm::ES256];

const CONNECTIONS: usize = 8;

/// The number of rounds. Each round runs every configuration for one turn. The figures are those of the median round.
const ROUNDS: usize = 7;
const TURN: Duration = Duration::from_millis(500);

/// Serves the app of a peer, and prints the address.
pub(crate) async fn serve(peer: &str, algorithm: &str) -> Result<()> {
    let app = if peer == NONE {
        App::Axum8(Router::new().route("/notes", get(|| async { NOTES })))
    } else {
        let peer = &PEERS[peer.parse::<usize>()?];
        peer.backend.select();
        (peer.app)(&Setup::of(algorithm.parse()?))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    app.serve(listener).await
}

/// The server process of one configuration, which is killed on drop, and its turns.
struct Server {
    process: Child,
    address: String,
    token: HeaderValue,
    turns: Vec<Histogram<u64>>,
}

impl Server {
    fn start(peer: &str, algorithm: Algorithm) -> Result<Self> {
        let mut process = Command::new(env::current_exe()?)
            .args([SERVE, peer, algorithm.as_str()])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("it has no output")?;
        let mut server = Self {
            process,
            address: String::new(),
            token: Sample::of(algorithm).header(),
            turns: Vec::new(),
        };
        let line = BufReader::new(output).lines().next();
        server.address = line.ok_or("the server ended before it listened")??;
        Ok(server)
    }

    async fn turn(&mut self) -> Result<()> {
        let latencies = client::run(&self.address, Target::Route, &self.token, CONNECTIONS, TURN);
        self.turns.push(latencies.await?);
        Ok(())
    }

    /// The requests per second and the 99th percentile of the latency, in the median round.
    fn cells(mut self) -> [Cell; 2] {
        self.turns.sort_by_key(Histogram::len);
        let median = &self.turns[ROUNDS / 2];
        let per_second = (median.len() as f64 / TURN.as_secs_f64()).round();
        let p99 = median.value_at_quantile(0.99);
        [
            Cell::new(per_second.to_string(), per_second as u64),
            Cell::new(format!("{} µs", p99 / 1_000), p99),
        ]
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let none: (&str, &str, String) = ("no authentication", "", NONE.into());
    let peers = PEERS.iter().enumerate();
    let peers = peers.map(|(index, peer)| (peer.name, peer.backend.name(), index.to_string()));
    let configurations: Vec<_> = [none].into_iter().chain(peers).collect();

    let mut servers = Vec::new();
    for (_, _, peer) in &configurations {
        let [rs256, es256] = ALGORITHMS.map(|algorithm| Server::start(peer, algorithm));
        servers.push([rs256?, es256?]);
    }
    for _ in 0..ROUNDS {
        for server in servers.iter_mut().flatten() {
            server.turn().await?;
        }
    }

    let rows: Vec<Vec<Cell>> = configurations
        .iter()
        .zip(servers)
        .map(|((name, backend, _), servers)| {
            let name = [Cell::from(*name), Cell::from(*backend)].into_iter();
            name.chain(servers.into_iter().flat_map(Server::cells))
                .collect()
        })
        .collect();
    report.table(
        "Requests per second of one server thread over HTTP, median round",
        &[
            "authentication",
            "cryptography",
            "RS256",
            "RS256, p99",
            "ES256",
            "ES256, p99",
        ],
        &rows,
    );
    Ok(())
}
