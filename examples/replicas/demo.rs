//! Three replicas and one Redis: `cargo run --all-features --example replicas -- demo`, with `REDIS_URL`.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, UNIX_EPOCH};

use futures_util::future::join_all;
use reqwest::{Client, StatusCode};
use serde_json::json;
use tower::BoxError;
use tower_bearer_auth::Clock;
use tower_bearer_auth::testing::{DpopKey, TestIssuer};

const RESOURCE: &str = "https://gateway.example.com";
const REPLICAS: usize = 3;
const REVOCATIONS: usize = 200;
const PROOFS: usize = 2_000;
/// How many proofs are on their way at once.
const PROOFS_AT_ONCE: usize = 16;

/// The longest time for anything that the demonstration waits for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Revokes tokens at one replica and shows when the others refuse them, then sends DPoP proofs to all replicas at once.
pub(crate) async fn run() -> Result<(), BoxError> {
    let redis =
        env::var("REDIS_URL").map_err(|_| "set REDIS_URL, or use examples/replicas/demo")?;
    let demo = Demo {
        issuer: TestIssuer::start().await,
        client: Client::new(),
    };
    let replicas = demo.start(Some(&redis)).await?;
    demo.revoke(&replicas).await?;
    println!();
    let accepted = demo.send_proofs("one Redis", &replicas).await?;
    if accepted != PROOFS {
        return Err(format!("{PROOFS} proofs were accepted {accepted} times").into());
    }
    drop(replicas);
    let replicas = demo.start(None).await?;
    demo.send_proofs("memories of their own", &replicas).await?;
    Ok(())
}

struct Demo {
    issuer: TestIssuer,
    client: Client,
}

/// A replica in a process of its own, which ends with it.
struct Replica {
    process: Child,
    url: String,
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Demo {
    async fn start(&self, redis: Option<&str>) -> Result<Vec<Replica>, BoxError> {
        let mut replicas = Vec::new();
        for _ in 0..REPLICAS {
            let mut command = Command::new(env::current_exe()?);
            command
                .env("BIND", "127.0.0.1:0")
                .env("ISSUER", self.issuer.issuer())
                .env("RESOURCE", RESOURCE)
                .env("DPOP", "optional")
                .env("REDIS_URL", redis.unwrap_or_default())
                .stdout(Stdio::piped());
            let mut process = command.spawn()?;
            let output = process.stdout.take().ok_or("a replica has no output")?;
            let url = BufReader::new(output).lines().find_map(|line| {
                let line = line.ok()?;
                Some(line.strip_prefix("listening on ")?.to_owned())
            });
            let url = url.ok_or("a replica has not started")?;
            replicas.push(Replica { process, url });
        }
        for replica in &replicas {
            self.wait_for(&format!("{}/ready", replica.url), "", StatusCode::OK)
                .await?;
        }
        Ok(replicas)
    }

    async fn get(&self, url: &str, token: &str) -> Result<StatusCode, BoxError> {
        let request = self.client.get(url).bearer_auth(token);
        Ok(request.send().await?.status())
    }

    /// Asks until the answer has this status.
    async fn wait_for(&self, url: &str, token: &str, status: StatusCode) -> Result<(), BoxError> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if self.get(url, token).await? == status {
                return Ok(());
            }
        }
        Err(format!("{url} has not answered {status}").into())
    }

    /// Revokes tokens at the first replica, and measures how long the others accept them.
    async fn revoke(&self, replicas: &[Replica]) -> Result<(), BoxError> {
        let expires_at = Clock::system().now().duration_since(UNIX_EPOCH)?.as_secs() + 600;
        let token = || self.issuer.token().audience(RESOURCE);
        let admin = token().scopes(["admin"]).build();
        let mut delays = Vec::new();
        for number in 0..REVOCATIONS {
            let jti = format!("token-{number}");
            let token = token().jwt_id(&*jti).build();
            for Replica { url, .. } in replicas {
                let status = self.get(&format!("{url}/whoami"), &token).await?;
                if status != StatusCode::OK {
                    return Err(format!("{url} answers {status} before the revocation").into());
                }
            }
            let body =
                json!({"issuer": self.issuer.issuer(), "jti": jti, "expires_at": expires_at});
            let revoke = self
                .client
                .post(format!("{}/admin/revocations", replicas[0].url));
            let answer = revoke.bearer_auth(&admin).json(&body).send().await?;
            if answer.status() != StatusCode::NO_CONTENT {
                return Err(format!("the revocation is answered {}", answer.status()).into());
            }
            let revoked = Instant::now();
            let refusals = replicas.iter().map(async |Replica { url, .. }| {
                let whoami = format!("{url}/whoami");
                self.wait_for(&whoami, &token, StatusCode::UNAUTHORIZED)
                    .await?;
                Ok::<_, BoxError>(revoked.elapsed())
            });
            let mut delay = Duration::ZERO;
            for (refused, Replica { url, .. }) in join_all(refusals).await.into_iter().zip(replicas)
            {
                let refused = refused?;
                if number == 0 {
                    println!(
                        "revoked at {}: refused at {url} after {refused:.1?}",
                        replicas[0].url
                    );
                }
                delay = delay.max(refused);
            }
            delays.push(delay);
        }
        println!(
            "{REVOCATIONS} tokens revoked: refused at all {REPLICAS} replicas after {}",
            percentiles(&mut delays)
        );
        Ok(())
    }

    /// Sends each proof to all replicas at once. Returns how often one was accepted.
    async fn send_proofs(&self, store: &str, replicas: &[Replica]) -> Result<usize, BoxError> {
        let key = DpopKey::new();
        let token = self
            .issuer
            .token()
            .audience(RESOURCE)
            .bound_to(&key)
            .build();
        let url = format!("{RESOURCE}/whoami");
        let proofs: Vec<_> = (0..PROOFS)
            .map(|_| key.proof("GET", &url, &token).build())
            .collect();
        let (mut accepted, mut times) = (0, Vec::new());
        let start = Instant::now();
        for proofs in proofs.chunks(PROOFS_AT_ONCE) {
            let pairs = proofs
                .iter()
                .flat_map(|proof| replicas.iter().map(move |replica| (proof, replica)));
            let requests = pairs.map(async |(proof, Replica { url, .. })| {
                let sent = Instant::now();
                let request = self.client.get(format!("{url}/whoami"));
                let request = request.header("authorization", format!("DPoP {token}"));
                let status = request.header("dpop", proof).send().await?.status();
                Ok::<_, BoxError>((status, sent.elapsed()))
            });
            for answer in join_all(requests).await {
                let (status, time) = answer?;
                times.push(time);
                match status {
                    StatusCode::OK => accepted += 1,
                    StatusCode::UNAUTHORIZED => {}
                    other => return Err(format!("a proof is answered {other}").into()),
                }
            }
        }
        let rate = times.len() as f64 / start.elapsed().as_secs_f64();
        println!(
            "{PROOFS} proofs to {REPLICAS} replicas with {store}: accepted {accepted} times; {rate:.0} requests per \
             second, answered after {}",
            percentiles(&mut times)
        );
        Ok(accepted)
    }
}

fn percentiles(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    format!(
        "{:.1?} (median), {:.1?} (p99), {:.1?} (slowest)",
        at(50),
        at(99),
        at(100)
    )
}
