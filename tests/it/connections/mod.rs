//! How a refused request's body is drained, and whether its connection stays open.

mod bodies;
mod http1;
mod http2;
mod refusals;
