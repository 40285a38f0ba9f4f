//! What becomes of a refused request's body, and of the connection that it came on.

mod bodies;
mod http1;
mod http2;
mod refusals;
