//! URLs, passwords, users and settings.

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower_bearer_auth::possession::{ProofId, ReplayStore};
use tower_bearer_auth::revocation::{RevocationStore, Revocations};
use tower_bearer_auth_stores::RedisStore;
use tracing_subscriber::fmt::MakeWriter;

use super::documented_rule;
use crate::contract::changes;
use crate::support::redis_server::with_servers;
use crate::support::{HOUR, eventually, revocation};

const PASSWORD: &str = "open-sesame";

#[test]
fn a_bad_url_is_an_error_at_once_that_does_not_repeat_it() {
    for url in [
        "",
        "localhost",
        "http://user:open-sesame@localhost",
        "redis://user:open-sesame@",
        "redis://user:open-sesame@localhost:port",
        "redis://user:open-sesame@localhost/database",
        "redis://user:open-sesame@localhost/?protocol=open-sesame",
        "redis://user:open-sesame@0.0.0.0",
    ] {
        let error = RedisStore::new(url).unwrap_err();
        let texts = [error.to_string(), format!("{error:?}")];
        assert!(
            texts.iter().all(|text| !text.contains(PASSWORD)),
            "{texts:?}"
        );
    }
    assert_eq!(
        RedisStore::new("localhost").unwrap_err().to_string(),
        "the configuration of the Redis store is wrong: Redis URL did not parse - InvalidClientConfig"
    );
}

#[test]
fn a_prefix_with_braces_is_refused() {
    let store = RedisStore::new("redis://localhost").unwrap();
    for prefix in ["", "{x}", "x}"] {
        let store = store.clone();
        let set = catch_unwind(AssertUnwindSafe(|| store.key_prefix(prefix)));
        assert!(set.is_err(), "{prefix:?}");
    }
}

/// What this thread logs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn subscribe(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

#[tokio::test]
async fn a_password_is_in_no_error_log_or_debug_output() {
    let log = Log::default();
    let _guard = log.subscribe();
    // Repeats commands that it does not know, as servers do whose AUTH was renamed.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = vec![0; 4096];
                while let Ok(length @ 1..) = client.read(&mut bytes).await {
                    let sent = String::from_utf8_lossy(&bytes[..length]).replace("\r\n", " ");
                    // Redis cuts what it repeats, so that a long password is not found in it as a whole.
                    let sent: String = sent.chars().take(128).collect();
                    let answer =
                        format!("-ERR unknown command 'X', with args beginning with: {sent}\r\n");
                    if client.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let mut texts = Vec::new();
    for url in [
        format!("redis://user:{PASSWORD}@127.0.0.1:{port}"),
        format!("redis://:{PASSWORD}@127.0.0.1:{port}"),
        format!("redis://:{}@127.0.0.1:{port}", PASSWORD.repeat(20)),
        format!(
            "redis://:{}@127.0.0.1:{port}/?protocol=resp3",
            PASSWORD.repeat(20)
        ),
        // Nothing listens there.
        format!("redis://user:{PASSWORD}@127.0.0.1:1"),
    ] {
        let store = RedisStore::new(url).unwrap();
        texts.push(format!("{store:?}"));
        let proof = ProofId::for_testing("proof");
        let error = store.first_use(&proof, HOUR).await.unwrap_err();
        texts.extend([error.to_string(), format!("{error:?}")]);
        let error = store.load().await.unwrap_err();
        texts.extend([error.to_string(), format!("{error:?}")]);
        let revocations = Revocations::open(store).await.unwrap();
        assert!(!revocations.status().is_ready());
        texts.push(format!("{revocations:?}"));
        let logged = async || {
            let text = std::mem::take(&mut *log.0.lock().unwrap());
            let text = String::from_utf8(text).unwrap();
            let is_logged = text.contains("the store of revocations cannot be reached");
            texts.push(text);
            is_logged.then_some(())
        };
        eventually("the outage is logged", logged).await;
    }
    texts.push(log.text());
    for text in texts {
        assert!(!text.contains(PASSWORD), "{text}");
    }
}

/// The rule in the documentation.
#[tokio::test]
async fn an_acl_user_needs_what_the_documentation_says_and_no_more() {
    let rule = documented_rule();
    with_servers(&[], async |server| {
        let store = {
            let mut words = vec!["ACL", "SETUSER", "app", "on", ">open-sesame"];
            words.extend(rule.split(' '));
            server.command(&words).await;
            let url = format!("redis://app:{PASSWORD}@127.0.0.1:{}", server.port);
            RedisStore::new(url).unwrap()
        };
        let use_all = async || {
            let position = store.load().await?.position;
            store.append(&[revocation(1, HOUR)]).await?;
            let (found, position) = changes(store.follow(&position).await?);
            assert_eq!(found.len(), 1);
            store.follow(&position).await?;
            // The next call removes what has ended.
            let ended = revocation(2, std::time::Duration::ZERO);
            store.append(&[ended]).await?;
            store.append(&[revocation(3, HOUR)]).await?;
            assert!(!store.load().await?.revocations.is_empty());
            store.first_use(&ProofId::for_testing("proof"), HOUR).await
        };
        use_all().await.unwrap();
        let log = server.command(&["ACL", "LOG"]).await;
        assert_eq!(log, redis::Value::Array(Vec::new()), "something was denied");

        // Each command is needed, and without it the store says so.
        for command in rule.split(' ').filter_map(|word| word.strip_prefix('+')) {
            // Without it there is a warning.
            if command == "info" {
                continue;
            }
            server.command(&["FLUSHALL"]).await;
            server
                .command(&["ACL", "SETUSER", "app", &format!("-{command}")])
                .await;
            assert!(use_all().await.is_err(), "{command} is not needed");
            server
                .command(&["ACL", "SETUSER", "app", &format!("+{command}")])
                .await;
        }
        server.command(&["FLUSHALL"]).await;
        use_all().await.unwrap();

        // A new password is accepted when the URL is right again.
        let url = format!("redis://app:other@127.0.0.1:{}", server.port);
        let store = RedisStore::new(url).unwrap();
        let proof = ProofId::for_testing("later");
        assert!(store.first_use(&proof, HOUR).await.is_err());
        server.command(&["ACL", "SETUSER", "app", ">other"]).await;
        let answer = async || store.first_use(&proof, HOUR).await.ok();
        let (is_first, _) = eventually("the password is right", answer).await;
        assert!(is_first);
    })
    .await;
}

#[tokio::test]
async fn a_redis_that_evicts_is_an_error_of_open() {
    with_servers(&["--maxmemory-policy", "allkeys-lru"], async |server| {
        let error = Revocations::open(server.store()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the store is misconfigured: the maxmemory-policy of Redis is allkeys-lru, so Redis evicts revocations \
             when its memory is full: set it to noeviction"
        );
        server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await;
        assert!(Revocations::open(server.store()).await.unwrap().status().is_ready());
    })
    .await;
}

#[tokio::test]
async fn a_policy_that_cannot_be_read_is_one_warning() {
    with_servers(&[], async |server| {
        server
            .command(&["ACL", "SETUSER", "default", "-info", "-config"])
            .await;
        let log = Log::default();
        let guard = log.subscribe();
        let store = server.store();
        store.load().await.unwrap();
        store.load().await.unwrap();
        drop(guard);
        let text = log.text();
        assert_eq!(text.matches("WARN").count(), 1, "{text}");
        assert!(
            text.contains("make sure that its maxmemory-policy is noeviction"),
            "{text}"
        );
    })
    .await;
}
