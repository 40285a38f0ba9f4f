//! The text that the example prints at its start: a curl command for each of its answers.

use tower_bearer_auth::testing::DpopKey;

use crate::authorization_server::AuthorizationServer;
use crate::proofs::Proofs;

/// Prints commands for the server at `url`, with tokens for `resource`.
pub(crate) fn print(url: &str, resource: &str, server: &AuthorizationServer, proofs: Proofs) {
    let issuer = server.issuer();
    println!("\nThe authorization server, which logs every user in, is at {issuer}.");
    match proofs {
        Proofs::Off => print_bearer(url, resource, server),
        Proofs::Optional => {
            print_bearer(url, resource, server);
            print_dpop(resource, server);
        }
        // The authorization server gives clients unbound tokens, which this server refuses.
        Proofs::Required => print_dpop(resource, server),
    }
}

/// curl commands with bearer tokens.
fn print_bearer(url: &str, resource: &str, server: &AuthorizationServer) {
    let reader = server.access_token("a reader", resource, ["notes:read"]);
    let writer = server.access_token("a writer", resource, ["notes:read", "notes:write"]);
    let admin = server.access_token("an admin", resource, ["notes:read", "notes:write", "admin"]);
    let guest = server.access_token("a guest", resource, []);
    let as_reader = "-H \"authorization: Bearer $READER\"";
    let as_writer = "-H \"authorization: Bearer $WRITER\"";

    let whoami = call(url, "whoami", "{}");
    let add = call(url, "add", r#"{"a":1,"b":2}"#);
    let delete_milk = call(url, "delete_note", r#"{"id":2}"#);
    let delete_rules = call(url, "delete_note", r#"{"id":1}"#);
    let initialize = format!(
        "curl -i {url}/mcp {JSON} -d '{}'",
        r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"curl","version":"8"}}}"#
    );
    let end_session = format!("curl -i -X DELETE {url}/mcp -H \"mcp-session-id: $SESSION\"");

    println!(
        r#"
An MCP client that supports OAuth needs only {url}/mcp.

To try it with curl, set these tokens, which expire in an hour:
READER={reader}
WRITER={writer}
ADMIN={admin}
GUEST={guest}

401, no token; the challenge has the URL of the metadata:
{whoami}

200, the metadata:
curl -i {url}/.well-known/oauth-protected-resource/mcp

200, a tool that identifies its caller:
{whoami} {as_reader}

200, another tool:
{add} {as_reader}

403, a token without any scope of this server:
{whoami} -H "authorization: Bearer $GUEST"

403, a tool that requires another scope; the challenge names it:
{delete_milk} {as_reader}

200, the same call with that scope:
{delete_milk} {as_writer}

403, a check of the tool itself, which depends on the arguments:
{delete_rules} {as_writer}

200, a session of the reader, for clients of earlier MCP versions:
{initialize} {as_reader}

404, another caller in that session; set SESSION to the mcp-session-id of the response:
{end_session} {as_writer}

202, the owner of the session:
{end_session} {as_reader}

200, the preflight request of a browser:
curl -i -X OPTIONS {url}/mcp -H 'origin: http://localhost:6274' -H 'access-control-request-method: POST' -H 'access-control-request-headers: authorization,mcp-protocol-version'

403 and 200, a plain route that requires the scope admin:
curl -i {url}/admin {as_reader}
curl -i {url}/admin -H "authorization: Bearer $ADMIN"
"#
    );
}

/// Commands with a token that is bound to a key.
fn print_dpop(resource: &str, server: &AuthorizationServer) {
    let key = DpopKey::new();
    let token = server.bound_token("a reader with a key", resource, ["notes:read"], &key);
    println!(
        r#"
To try it with a token that is bound to a key (DPoP, RFC 9449), set the key and the token, which expires in an hour:
export KEY='{key}'
export TOKEN={token}

401, no token; then 200, a tool, in front of which is another 401 if the server requires nonces; then 200:
cargo run --example dpop_client -- {resource}

401, the bound token without a proof:
curl -i -X POST {resource} -H "authorization: DPoP $TOKEN"

401, the bound token as a bearer token, which a thief of the token would try:
curl -i -X POST {resource} -H "authorization: Bearer $TOKEN"
"#,
        key = key.signing_key().private_key_pem().trim_end(),
    );
}

const JSON: &str =
    "-H 'content-type: application/json' -H 'accept: application/json, text/event-stream'";

/// A tool call of MCP version 2026-07-28, which needs no session.
fn call(url: &str, tool: &str, arguments: &str) -> String {
    let meta = r#"{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"curl","version":"8"},"io.modelcontextprotocol/clientCapabilities":{}}"#;
    format!(
        "curl -i {url}/mcp {JSON} -H 'mcp-protocol-version: 2026-07-28' \
         -H 'mcp-method: tools/call' -H 'mcp-name: {tool}' \
         -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments},\"_meta\":{meta}}}}}'"
    )
}
