//! Explains why a token is refused: `cargo run --example explain -- --issuer URL --audience URL < token.txt`.
//!
//! It fetches the metadata and the keys of the issuer as a server does, verifies the token, and prints every check, with
//! what was expected, what the token has and what to change. `--help` lists its options.
//!
//! Give the token on the standard input, from a file or a pipe: a command line is kept in the history of the shell, and
//! other users of the machine can see it. Terminals cut pasted lines after 4095 characters. The output contains the claims
//! of the token.
//!
//! The exit code is 0 if the token is accepted, 1 if it is refused or cannot be verified, and 2 if the options are wrong.

use std::env;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use tower_bearer_auth::{Algorithm, JwtVerifier};

pub(crate) const USAGE: &str = "\
usage: explain --issuer URL --audience NAME [OPTION ..] [TOKEN]

The token is read from the standard input if it is absent or `-`.

  --issuer URL            an accepted issuer; more than one needs --jwks
  --audience NAME         an accepted audience; may be repeated
  --any-audience          accept any audience
  --jwks URL              the JWK Set; without it, the metadata of the issuer names it
  --algorithm NAME        an accepted algorithm, such as RS256; may be repeated
  --leeway SECONDS        the accepted difference of clocks; 60 by default
  --scope-claim NAME      where scopes are, instead of scope and scp; may be repeated
  --required-scope NAME   a scope that the token needs; may be repeated
  --help                  print this text
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--help") {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let input = || {
        if io::stdin().is_terminal() {
            eprintln!("Paste the token, and end with Enter and Ctrl-D.");
        }
        io::read_to_string(io::stdin())
    };
    match run(env::args().skip(1), input).await {
        Ok((text, is_accepted)) => {
            println!("{text}");
            ExitCode::from(u8::from(!is_accepted))
        }
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// The explanation, and whether the token is accepted. The error is one of the options.
pub(crate) async fn run(
    arguments: impl IntoIterator<Item = String>,
    input: impl FnOnce() -> io::Result<String>,
) -> Result<(String, bool), String> {
    let options = Options::parse(arguments)?;
    let verifier = options.verifier()?;
    let token = match options.token {
        Some(token) => token,
        None => input().map_err(|error| format!("cannot read the token: {error}"))?,
    };
    let explanation = verifier.explain(&token).await;
    let Ok(token) = explanation.verdict() else {
        return Ok((explanation.to_string(), false));
    };
    let required = options.required_scopes.iter();
    let missing: Vec<_> = required
        .filter(|scope| !token.has_scope(scope))
        .map(String::as_str)
        .collect();
    Ok(match missing.is_empty() {
        true => (explanation.to_string(), true),
        false => {
            let missing = missing.join(" ");
            let text =
                format!("{explanation}\nREFUSED: insufficient_scope. The token lacks: {missing}");
            (text, false)
        }
    })
}

#[derive(Debug, Default)]
struct Options {
    issuers: Vec<String>,
    audiences: Vec<String>,
    any_audience: bool,
    jwks: Option<String>,
    algorithms: Vec<Algorithm>,
    leeway: Option<Duration>,
    scope_claims: Vec<String>,
    required_scopes: Vec<String>,
    token: Option<String>,
}

impl Options {
    /// Every option is followed by its value, also as `--name=value`.
    fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut has_token = false;
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            if !argument.starts_with("--") {
                if std::mem::replace(&mut has_token, true) {
                    return Err("there is more than one token".into());
                }
                options.token = Some(argument).filter(|token| token != "-");
                continue;
            }
            if argument == "--any-audience" {
                options.any_audience = true;
                continue;
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (argument, arguments.next()),
            };
            let value = value.ok_or_else(|| format!("{name} needs a value"))?;
            options.set(&name, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "--issuer" => self.issuers.push(value),
            "--audience" => self.audiences.push(value),
            "--jwks" => self.jwks = Some(value),
            "--algorithm" => {
                let algorithm = value.parse::<Algorithm>();
                self.algorithms
                    .push(algorithm.map_err(|error| error.to_string())?);
            }
            "--leeway" => {
                let seconds = value.parse();
                let seconds =
                    seconds.map_err(|_| format!("--leeway {value}: no number of seconds"))?;
                self.leeway = Some(Duration::from_secs(seconds));
            }
            "--scope-claim" => self.scope_claims.push(value),
            "--required-scope" => self.required_scopes.push(value),
            _ => return Err(format!("there is no option {name}")),
        }
        Ok(())
    }

    fn verifier(&self) -> Result<JwtVerifier, String> {
        let mut builder = JwtVerifier::builder();
        builder = match (&self.jwks, &*self.issuers) {
            (Some(url), issuers) => builder.jwks_url(url).issuers(issuers),
            (None, [issuer]) => builder.discover(issuer),
            (None, []) => return Err("--issuer is missing".into()),
            (None, [..]) => return Err("more than one --issuer needs --jwks".into()),
        };
        if self.any_audience {
            builder = builder.accept_any_audience();
        }
        if !self.audiences.is_empty() {
            builder = builder.audiences(&self.audiences);
        }
        if !self.algorithms.is_empty() {
            builder = builder.algorithms(self.algorithms.iter().copied());
        }
        if let Some(leeway) = self.leeway {
            builder = builder.leeway(leeway);
        }
        if !self.scope_claims.is_empty() {
            builder = builder.scope_claims(&self.scope_claims);
        }
        builder.build().map_err(|error| error.to_string())
    }
}
