//! Refusals over HTTP/1 with a client that waits between the head and the body of its request.
//!
//! The client runs in a blocking thread. Paused time does not advance while such a thread runs, so the server never
//! reaches its time limit, even on a slow machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;

use axum::body::Body;
use http::Request;
use tokio::task::spawn_blocking;
use tower::ServiceExt;

use super::refusals::{Guarded, Refusal, after_reading, by_a_layer_that_reads, early};
use crate::support::{PATIENCE, serve};

/// A socket to a server that signals each call of its service.
struct Client {
    stream: BufReader<TcpStream>,
    called: mpsc::Receiver<()>,
}

/// The head of a response, in lower case, and its body.
struct Raw {
    head: String,
    body: String,
}

impl Raw {
    fn status(&self) -> u16 {
        let status = self.head.split(' ').nth(1);
        status
            .unwrap_or_else(|| panic!("{:?}", self.head))
            .parse()
            .unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = fields.filter(|(field, _)| *field == name);
        let value = values.next().map(|(_, value)| value);
        assert!(values.next().is_none(), "{name} twice");
        value
    }
}

/// Serves `service` and runs a client against it.
async fn talk(service: Guarded, client: impl FnOnce(&mut Client) + Send + 'static) {
    let (call, called) = mpsc::channel();
    let service = service.map_request(move |request: Request<hyper::body::Incoming>| {
        let _ = call.send(());
        request.map(Body::new)
    });
    let address = serve(service).await;
    spawn_blocking(move || client(&mut Client::connect(address, called)))
        .await
        .unwrap();
}

impl Client {
    fn connect(address: SocketAddr, called: mpsc::Receiver<()>) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let stream = BufReader::new(stream);
        Self { stream, called }
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// Sends the head of a request, and waits until the server has called its service with it.
    fn send_head(&mut self, refusal: &Refusal, headers: &[(&str, &str)]) {
        let mut head = format!("{} / HTTP/1.1\r\nhost: api.test\r\n", refusal.method);
        for (name, value) in refusal.headers.iter().chain(headers) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.send(head + "\r\n");
        self.called.recv_timeout(PATIENCE).unwrap();
    }

    fn answer(&mut self) -> Raw {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = self.stream.read_line(&mut head).unwrap();
            assert_ne!(read, 0, "the server hung up after {head:?}");
        }
        let head = head.to_ascii_lowercase();
        let mut raw = Raw {
            head,
            body: String::new(),
        };
        let length = raw
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        raw.body = String::from_utf8(body).unwrap();
        raw
    }

    /// The next response on this connection.
    fn next_answer(&mut self) -> Raw {
        self.send("GET /next HTTP/1.1\r\nhost: api.test\r\n\r\n");
        self.answer()
    }

    /// Whether the server has closed the connection.
    fn is_hung_up(&mut self) -> bool {
        // Unread data from the client turns the close into a reset.
        self.stream.fill_buf().map_or(true, <[u8]>::is_empty)
    }
}

fn assert_stays_open(client: &mut Client, refusal: &Refusal) {
    let answer = client.answer();
    assert_eq!(answer.status(), refusal.status, "{}", answer.head);
    assert_eq!(answer.header("connection"), None, "{}", answer.head);
    let next = client.next_answer();
    assert!(next.head.starts_with("http/1.1 "), "{}", next.head);
}

fn assert_ends(client: &mut Client, status: u16) {
    let answer = client.answer();
    assert_eq!(answer.status(), status, "{}", answer.head);
    assert_eq!(
        answer.header("connection"),
        Some("close"),
        "{}",
        answer.head
    );
    assert!(client.is_hung_up());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_after_its_refused_head_leaves_the_connection_usable() {
    for (number, refusal) in early().into_iter().chain(after_reading()).enumerate() {
        println!("{number}: {}", refusal.status);
        talk(refusal.service.clone(), move |client| {
            let (start, end) = refusal.body.as_bytes().split_at(refusal.body.len() / 2);
            let length = refusal.body.len().to_string();
            client.send_head(&refusal, &[("content-length", &length)]);
            client.send(start);
            client.send(end);
            assert_stays_open(client, &refusal);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunked_body_with_trailers_after_its_refused_head_leaves_the_connection_usable() {
    for (number, refusal) in early().into_iter().chain(after_reading()).enumerate() {
        println!("{number}: {}", refusal.status);
        talk(refusal.service.clone(), move |client| {
            let (start, end) = refusal.body.split_at(refusal.body.len() / 2);
            let chunk = |part: &str| format!("{:x}\r\n{part}\r\n", part.len());
            client.send_head(&refusal, &[("transfer-encoding", "chunked")]);
            client.send(chunk(start));
            client.send(chunk(end) + "0\r\nx-checksum: 1\r\n\r\n");
            assert_stays_open(client, &refusal);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_request_without_a_body_does_not_wait() {
    for refusal in early() {
        talk(refusal.service.clone(), move |client| {
            client.send_head(&refusal, &[]);
            assert_stays_open(client, &refusal);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_declared_length_over_the_limit_is_refused_at_once_and_closes_the_connection() {
    for refusal in early() {
        talk(refusal.service.clone(), move |client| {
            client.send_head(&refusal, &[("content-length", "65537")]);
            assert_ends(client, refusal.status);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_chunked_body_over_the_limit_closes_the_connection() {
    for refusal in early() {
        talk(refusal.service.clone(), move |client| {
            client.send_head(&refusal, &[("transfer-encoding", "chunked")]);
            client.send(format!("10001\r\n{}", "x".repeat(0x1_0001)));
            assert_ends(client, refusal.status);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_of_exactly_the_limit_is_drained() {
    for refusal in early() {
        talk(refusal.service.clone(), move |client| {
            client.send_head(&refusal, &[("content-length", "65536")]);
            client.send("x".repeat(65_536));
            assert_stays_open(client, &refusal);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_expects_100_continue_does_not_get_it() {
    for refusal in early() {
        talk(refusal.service.clone(), move |client| {
            let expects = [("expect", "100-continue"), ("content-length", "5")];
            client.send_head(&refusal, &expects);
            assert_ends(client, refusal.status);
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_guards_use_the_limit_of_the_layer() {
    let table = [
        (0, 1, false),
        (0, 0, true),
        (10, 10, true),
        (10, 11, false),
        (100_000, 100_000, true),
    ];
    for (limit, length, is_read) in table {
        for refusal in by_a_layer_that_reads(limit) {
            talk(refusal.service.clone(), move |client| {
                let announced = length.to_string();
                client.send_head(&refusal, &[("content-length", &announced)]);
                if is_read {
                    client.send("x".repeat(length));
                    assert_stays_open(client, &refusal);
                } else {
                    assert_ends(client, refusal.status);
                }
            })
            .await;
        }
    }
}
