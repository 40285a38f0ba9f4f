//! A replica: the example in a process of its own.

#[path = "../../../examples/replicas/admin.rs"]
mod admin;
#[path = "../../../examples/replicas/app.rs"]
mod app;
#[path = "../../../examples/replicas/settings.rs"]
mod settings;
#[path = "../../../examples/replicas/store.rs"]
mod store;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, process, thread};

use reqwest::{Client, RequestBuilder};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use self::settings::Settings;
use super::answer::{Answer, Outcome};
use super::caller::Caller;
use super::eventually;

pub(crate) const RESOURCE: &str = "https://gateway.example.com";

/// Whether this process is a replica.
const IS_REPLICA: &str = "IS_REPLICA_OF_A_TEST";

const CHILD: &str = "support::replica::serves_until_it_is_killed";

/// The variables of the example that a test sets or leaves out.
const OTHER_VARIABLES: [&str; 8] = [
    "CLIENT_ID",
    "INTROSPECTION_CLIENT_ID",
    "INTROSPECTION_CLIENT_SECRET",
    "INTROSPECTION_URL",
    "JWKS_URL",
    "REDIS_URL",
    "STORE",
    "TOLERATE_OUTAGE",
];

/// A process that serves the example. It is killed when this is dropped.
pub(crate) struct Replica {
    client: Client,
    pub(crate) url: String,
    process: Child,
}

impl Replica {
    /// Starts a process with these variables of the example.
    pub(crate) async fn start(client: &Client, variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env::current_exe().expect("it is known"));
        for variable in OTHER_VARIABLES {
            command.env_remove(variable);
        }
        command
            .args(["--ignored", "--exact", "--nocapture", CHILD])
            .env(IS_REPLICA, "1")
            .env("RESOURCE", RESOURCE)
            .env("DPOP", "optional")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command.spawn().expect("it can be run");
        let output = BufReader::new(process.stdout.take().expect("it is piped"));
        let (found, url) = oneshot::channel();
        thread::spawn(move || {
            let mut lines = output.lines().map_while(Result::ok);
            let url = lines.find_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()));
            let _ = found.send(url);
            // The harness says when a test takes long, and ends if it cannot.
            lines.for_each(drop);
        });
        let url = url.await.expect("the thread reads until the end");
        Self {
            client: client.clone(),
            url: url.expect("the replica has started"),
            process,
        }
    }

    /// Sends a signal: `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, &self.process);
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Sends a request with a proof that is new.
    pub(crate) async fn whoami(&self, caller: &Caller) -> Outcome {
        self.whoami_with(caller, caller.proof().as_deref()).await
    }

    pub(crate) async fn whoami_with(&self, caller: &Caller, proof: Option<&str>) -> Outcome {
        let request = self.client.get(format!("{}/whoami", self.url));
        let request = match proof {
            None => request.bearer_auth(&caller.token),
            Some(proof) => request
                .header("authorization", format!("DPoP {}", caller.token))
                .header("dpop", proof),
        };
        answer(request).await.outcome()
    }

    /// Sends requests until one has this outcome. Until then they have one of the others.
    pub(crate) async fn until(
        &self,
        caller: &Caller,
        expected: Outcome,
        before: &[Outcome],
    ) -> Duration {
        let what = format!("{expected:?} at {}", self.url);
        let came = eventually(&what, async || {
            let outcome = self.whoami(caller).await;
            let is_expected = outcome == expected;
            assert!(
                is_expected || before.contains(&outcome),
                "{outcome:?}, not {what}"
            );
            is_expected.then_some(())
        });
        came.await.1
    }

    pub(crate) async fn ready(&self) -> Answer {
        answer(self.client.get(format!("{}/ready", self.url))).await
    }

    pub(crate) async fn until_ready(&self) {
        let is_ready = async || (self.ready().await.status == 200).then_some(());
        eventually("the replica is ready", is_ready).await;
        assert_eq!(self.ready().await.body, "ready\n");
    }

    /// `POST /admin/revocations` with the token of an administrator.
    pub(crate) async fn revoke(&self, admin: &str, body: &Value) -> Answer {
        let request = self.post("/admin/revocations", "application/json", body.to_string());
        answer(request.bearer_auth(admin)).await
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: String) -> RequestBuilder {
        let request = self.client.post(format!("{}{path}", self.url));
        request.header("content-type", content_type).body(body)
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the replica answers");
    Answer::read(response).await.expect("the body is complete")
}

/// Sends a signal to a process.
pub(super) fn signal(name: &str, process: &Child) {
    let status = Command::new("kill")
        .args(["-s", name, &process.id().to_string()])
        .status()
        .expect("there is a kill");
    assert!(status.success());
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process of a replica, which other tests start"]
async fn serves_until_it_is_killed() {
    if env::var_os(IS_REPLICA).is_none() {
        return;
    }
    // The pipe is closed when the process that has started this one ends, in whichever way.
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    log.with_writer(io::stderr).init();

    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let settings = Settings::from_variables(&url, variable).unwrap();
    let app = app::app(&settings).await.unwrap();
    // The harness may have begun a line.
    writeln!(io::stdout(), "\nlistening on {url}").unwrap();
    axum::serve(listener, app).await.unwrap();
}

#[tokio::test]
async fn wrong_values_of_variables_are_errors() {
    for (name, value) in [
        ("RESOURCE", "nonsense"),
        // The default for `BIND=0.0.0.0:3000`.
        ("RESOURCE", "http://0.0.0.0:3000"),
        ("ISSUER", "nonsense"),
        ("JWKS_URL", "nonsense"),
        ("INTROSPECTION_URL", "nonsense"),
        ("REDIS_URL", "nonsense"),
        ("STORE", "/"),
        ("TOLERATE_OUTAGE", "-1"),
        ("DPOP", "yes"),
    ] {
        let variable = |wanted: &str| match wanted {
            _ if wanted == name => Some(value.to_owned()),
            "ISSUER" => Some("https://issuer.example.com".to_owned()),
            "RESOURCE" => Some(RESOURCE.to_owned()),
            "INTROSPECTION_CLIENT_ID" | "INTROSPECTION_CLIENT_SECRET" => {
                (name == "INTROSPECTION_URL").then(|| "x".to_owned())
            }
            _ => None,
        };
        let result = match Settings::from_variables("http://127.0.0.1:3000", variable) {
            Ok(settings) => app::app(&settings).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        assert!(result.is_err(), "{name}={value}");
    }
}
