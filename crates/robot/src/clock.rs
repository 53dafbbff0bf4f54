//! The agent's clock. It waits for servers and programs, for which the time of a test would be no other.

use tokio::time::Instant;

/// The instant of this call.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the agent asks for it"
)]
pub fn now() -> Instant {
    Instant::now()
}
