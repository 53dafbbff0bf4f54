//! What there is once in a server, as far as functions of the product see it.

use std::sync::Arc;

use odata::Guid;

use crate::chance::Chance;
use crate::clock::Clock;
use crate::engine::Running;

/// What there is once in a server.
pub struct Server {
    /// Seals and opens secrets.
    pub keys: identity::Keys,
    /// Tells the edge the time; functions of the product have [`Cx::now`](crate::Cx::now).
    pub clock: Clock,
    /// Makes keys; functions of the product have [`Cx::key`](crate::Cx::key).
    pub chance: Chance,
    /// What happens without a request.
    pub engines: Vec<Arc<Running>>,
    /// Names this process, and no other, in what it claims for longer than a transaction.
    pub process: Guid,
}

impl Server {
    /// A server with these keys.
    #[must_use]
    pub fn new(keys: identity::Keys) -> Self {
        Self {
            keys,
            clock: Clock::default(),
            chance: Chance::default(),
            engines: Running::all(crate::engines()),
            process: Guid::secret(),
        }
    }
}
