//! The clients. Most keep their connection and send one request after the other. The others break theirs.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::answers::{Tally, check};
use super::life::Hour;
use super::random::Random;
use super::revoker::Revocable;
use super::tokens::Deck;
use super::traffic::{KINDS, Kind, Message, bearer};
use crate::support::Answer;

/// What all clients share during an hour.
pub(super) struct Round {
    pub(super) hour: &'static Hour,
    pub(super) deck: Deck,
    pub(super) seed: u64,
    pub(super) number: usize,
    /// If set, the clients send only this kind of request.
    pub(super) only: Option<&'static str>,
    /// How many requests each client sends.
    pub(super) requests: usize,
    pub(super) answered: AtomicUsize,
    /// The number of responses after which `half_answered` is notified.
    pub(super) half: usize,
    pub(super) half_answered: Notify,
}

pub(super) struct Caller {
    number: usize,
    address: SocketAddr,
    connection: Connection,
}

enum Connection {
    Kept(SendRequest<Full<Bytes>>),
    /// Left open in its broken state until the next hour, and then dropped.
    Broken(TcpStream),
}

/// Of this many clients, one breaks its connections, and another one sends headers that are much too long. They are
/// the same clients in each hour, because the buffers of a connection grow with the longest request.
const ROUGH: usize = 25;

impl Caller {
    pub(super) async fn connect(address: SocketAddr, number: usize) -> Self {
        let stream = open(address).await;
        let connection = match number % ROUGH {
            0 => Connection::Broken(stream),
            _ => {
                let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
                tokio::spawn(connection);
                Connection::Kept(sender)
            }
        };
        Self {
            number,
            address,
            connection,
        }
    }

    /// Sends the requests of one hour.
    pub(super) async fn live(mut self, round: Arc<Round>) -> (Self, Tally) {
        let mut random = Random::new(round.seed, round.number, self.number);
        let mut tally = Tally::default();
        match &mut self.connection {
            Connection::Kept(sender) => {
                for _ in 0..round.requests {
                    request(sender, &round, self.number, &mut random, &mut tally).await;
                    if round.answered.fetch_add(1, Ordering::SeqCst) + 1 == round.half {
                        round.half_answered.notify_one();
                    }
                }
            }
            Connection::Broken(stream) => {
                *stream = open(self.address).await;
                if let Err(error) = abuse(stream, &round.deck, &mut random).await {
                    tally.mistake(format!("{}, a broken connection: {error}", round.hour.name));
                }
            }
        }
        (self, tally)
    }
}

async fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn request(
    sender: &mut SendRequest<Full<Bytes>>,
    round: &Round,
    caller: usize,
    random: &mut Random,
    tally: &mut Tally,
) {
    let number = match round.only {
        _ if caller % ROUGH == 1 => Kind::named(Kind::ENDLESS),
        Some(name) => Kind::named(name),
        None => Kind::draw(random),
    };
    let kind = &KINDS[number];
    let message = kind.message(&round.deck, random);
    let sent_at = message.revocable.as_ref().map(Revocable::stage);
    let answer = match send(sender, &message).await {
        Ok(answer) => answer,
        Err(error) => return tally.mistake(format!("{}, {}: {error}", round.hour.name, kind.name)),
    };
    let allowed = match (&message.revocable, sent_at) {
        (Some(token), Some(sent_at)) => token.allowed(sent_at),
        (None, _) | (_, None) => kind.allowed(&message, round.hour),
    };
    tally.count(number, answer.status);
    if let Err(problem) = check(&answer, &message, allowed) {
        tally.mistake(format!("{}, {}: {problem}", round.hour.name, kind.name));
    }
}

async fn send(sender: &mut SendRequest<Full<Bytes>>, message: &Message) -> hyper::Result<Answer> {
    let method = match message.path {
        "/mcp" => Method::POST,
        _ => Method::GET,
    };
    let mut request = Request::builder()
        .method(method)
        .uri(message.path)
        .header("host", "gateway.test");
    if !message.body.is_empty() {
        request = request.header("content-type", "application/json");
    }
    for value in &message.authorization {
        request = request.header("authorization", value);
    }
    sender.ready().await?;
    let request = request.body(Full::from(message.body)).unwrap();
    let response = sender.send_request(request).await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    let headers: HeaderMap = parts.headers;
    Ok(Answer {
        status: parts.status,
        headers,
        body: String::from_utf8_lossy(&body).into(),
    })
}

/// Breaks a connection in one of the ways in which clients and attackers break connections, and leaves it open.
async fn abuse(stream: &mut TcpStream, deck: &Deck, random: &mut Random) -> io::Result<()> {
    let card = random.pick(&deck.local).expect("there are local tokens");
    let authorization = bearer(&card.token);
    let head =
        |line: &str| format!("{line} HTTP/1.1\r\nhost: x\r\nauthorization: {authorization}\r\n");
    let begun = format!(
        "{}content-type: application/json\r\ncontent-length: 5000\r\n\r\n",
        head("POST /mcp")
    );
    match random.below(6) {
        // The request stops in the middle of its headers.
        0 => stream.write_all(&head("GET /notes").as_bytes()[..60]).await,
        1 => {
            stream
                .write_all(format!("{begun}{{\"jsonrpc\":").as_bytes())
                .await
        }
        2 => stream.write_all(&random.text(200).into_bytes()).await,
        // The client closes its side before the response arrives.
        3 => {
            stream
                .write_all(format!("{}\r\n", head("GET /notes")).as_bytes())
                .await?;
            stream.shutdown().await
        }
        // The client sends requests without reading the responses.
        4 => {
            let request = format!("{}\r\n", head("GET /notes"));
            stream.write_all(request.repeat(8).as_bytes()).await
        }
        _ => {
            stream
                .write_all(format!("{}\r\n", head("GET /events")).as_bytes())
                .await?;
            let (mut came, mut buffer) = (String::new(), [0; 1024]);
            // Reads until the end of an event, or the end of a refusal.
            while !came.contains("\n\n") && !came.ends_with('}') {
                match stream.read(&mut buffer).await? {
                    0 => break,
                    length => came.push_str(&String::from_utf8_lossy(&buffer[..length])),
                }
            }
            match came.contains(&format!("data: {}\n\n", card.subject)) {
                true => Ok(()),
                false => Err(io::Error::other(format!(
                    "no event for {}: {came}",
                    card.subject
                ))),
            }
        }
    }
}

/// The kinds of requests that never got the response that they are for.
pub(super) fn never_tried(tally: &Tally) -> Vec<&'static str> {
    let tried = |number: usize| {
        [200, 400, 401, 403]
            .iter()
            .any(|&status| tally.of(number, status) > 0)
    };
    let good = |number: usize| !KINDS[number].name.starts_with("good") || tally.of(number, 200) > 0;
    let all = KINDS.iter().enumerate();
    let missing = all.filter(|(number, _)| !tried(*number) || !good(*number));
    missing.map(|(_, kind)| kind.name).collect()
}
