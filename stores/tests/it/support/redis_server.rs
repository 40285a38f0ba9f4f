//! Redis and Valkey servers of tests.

use std::env;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use redis::{Client, Value};
use tempfile::TempDir;
use tower_bearer_auth_stores::RedisStore;

use super::eventually;

/// The servers that are installed: their paths are in `REDIS_SERVER` and `VALKEY_SERVER`, or they are in `PATH`.
pub(crate) fn programs() -> Vec<PathBuf> {
    let mut programs = Vec::new();
    for (variable, name) in [
        ("REDIS_SERVER", "redis-server"),
        ("VALKEY_SERVER", "valkey-server"),
    ] {
        match env::var_os(variable)
            .map(PathBuf::from)
            .or_else(|| in_path(name))
        {
            Some(program) => programs.push(program),
            // The macros are captured when a test passes.
            None => drop(writeln!(io::stderr(), "SKIPPED: {name} is not installed")),
        }
    }
    programs
}

pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Runs a test with each kind of server.
pub(crate) async fn with_servers(arguments: &[&str], test: impl AsyncFn(RedisServer)) {
    for program in programs() {
        test(RedisServer::start(program, arguments).await).await;
    }
}

/// A server with its data in a temporary folder. It is killed when it is dropped.
pub(crate) struct RedisServer {
    pub(crate) program: PathBuf,
    arguments: Vec<String>,
    folder: TempDir,
    pub(crate) port: u16,
    child: Child,
}

impl RedisServer {
    pub(crate) async fn start(program: PathBuf, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
        for _ in 0..10 {
            let folder = TempDir::new().expect("a temporary folder");
            let port = Self::free_port();
            let child = spawn(&program, &arguments, &folder, port);
            let mut server = Self {
                program: program.clone(),
                arguments: arguments.clone(),
                folder,
                port,
                child,
            };
            if server.is_up().await {
                return server;
            }
        }
        panic!("{} does not start", program.display());
    }

    /// A port that was free a moment ago.
    pub(crate) fn free_port() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("it is bound").port()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A store with connections of its own.
    pub(crate) fn store(&self) -> RedisStore {
        RedisStore::new(self.url()).expect("the URL is good")
    }

    /// Sends a command on a connection of its own.
    pub(crate) async fn command(&self, words: &[&str]) -> Value {
        self.try_command(words).await.expect("Redis answers")
    }

    pub(crate) async fn try_command(&self, words: &[&str]) -> Result<Value, redis::RedisError> {
        let client = Client::open(self.url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd(words[0]);
        for word in &words[1..] {
            command.arg(*word);
        }
        command.query_async(&mut connection).await
    }

    /// The folder with its data.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Kills it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts it again, with the same data.
    pub(crate) async fn restart(&mut self) {
        eventually("the port is free", async || {
            self.child = spawn(&self.program, &self.arguments, &self.folder, self.port);
            self.is_up().await.then_some(())
        })
        .await;
    }

    /// Starts it again, without its data.
    pub(crate) async fn restart_empty(&mut self) {
        self.folder = TempDir::new().expect("a temporary folder");
        self.restart().await;
    }

    /// Sends a signal: `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill")
            .args(["-s", signal, &self.child.id().to_string()])
            .status()
            .expect("there is a kill");
        assert!(status.success());
    }

    /// Waits until it answers. `false` if it has ended instead.
    async fn is_up(&mut self) -> bool {
        let client = Client::open(self.url()).expect("the URL is good");
        let process = format!("process_id:{}\r", self.child.id());
        loop {
            if self.child.try_wait().expect("it is a child").is_some() {
                return false;
            }
            if let Ok(mut connection) = client.get_multiplexed_async_connection().await {
                let info = redis::cmd("INFO")
                    .query_async::<String>(&mut connection)
                    .await;
                // Another program may have taken the port.
                if info.is_ok_and(|info| info.contains(&process) && info.contains("loading:0")) {
                    return true;
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &PathBuf, arguments: &[String], folder: &TempDir, port: u16) -> Child {
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args([
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--save",
            "",
        ])
        .arg("--dir")
        .arg(folder.path())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be run")
}
