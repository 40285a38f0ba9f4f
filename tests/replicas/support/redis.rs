//! A Redis server.

use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::eventually;
use super::replica::signal;

/// A server with its data in a temporary folder. It is killed when it is dropped.
pub(crate) struct Redis {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    process: Child,
}

impl Redis {
    /// `None` if Redis is not installed, with a line that says so.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = installed() else {
            // The macros are captured when a test passes.
            let _ = writeln!(io::stderr(), "SKIPPED: redis-server is not installed");
            return None;
        };
        let started = eventually("Redis starts", async || {
            let folder = TempDir::new().expect("a temporary folder");
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = listener.local_addr().expect("it is bound").port();
            drop(listener);
            let mut redis = Self {
                process: spawn(&program, &folder, port),
                program: program.clone(),
                folder,
                port,
            };
            redis.is_up().await.then_some(redis)
        });
        Some(started.await.0)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Sends a command of plain words, and returns the text of the answer.
    #[track_caller]
    pub(crate) fn command(&self, command: &str) -> String {
        let answer = self.try_command(command).expect("Redis answers");
        assert!(!answer.starts_with('-'), "{command}: {answer}");
        answer
    }

    fn try_command(&self, command: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        Ok(answer.trim_end_matches("+OK\r\n").to_owned())
    }

    /// The number of revocations that it has.
    pub(crate) fn revocations(&self) -> usize {
        let answer = self.command("ZCARD tower-bearer-auth:{revocations}:set");
        let number = answer.trim().strip_prefix(':');
        number
            .and_then(|number| number.parse().ok())
            .expect(&answer)
    }

    /// Kills it, as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    /// Starts it again, with the same data.
    pub(crate) async fn restart(&mut self) {
        eventually("Redis starts again", async || {
            self.process = spawn(&self.program, &self.folder, self.port);
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
    pub(crate) fn signal(&self, name: &str) {
        signal(name, &self.process);
    }

    /// Waits until it answers. `false` if it has ended instead.
    async fn is_up(&mut self) -> bool {
        let process = format!("process_id:{}\r", self.process.id());
        loop {
            if self.process.try_wait().expect("it is a child").is_some() {
                return false;
            }
            let info = self.try_command("INFO").unwrap_or_default();
            // Another program may have taken the port.
            if info.contains(&process) && info.contains("loading:0\r") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn installed() -> Option<PathBuf> {
    let in_path = || {
        let path = env::var_os("PATH")?;
        let mut programs = env::split_paths(&path).map(|folder| folder.join("redis-server"));
        programs.find(|program| program.is_file())
    };
    env::var_os("REDIS_SERVER")
        .map(PathBuf::from)
        .or_else(in_path)
}

fn spawn(program: &PathBuf, folder: &TempDir, port: u16) -> Child {
    Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--appendonly", "yes", "--appendfsync", "always"])
        .args(["--save", ""])
        .arg("--dir")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be run")
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
