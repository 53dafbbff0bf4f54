//! What tests of the whole product need: the real server as a child process on a database of its
//! own, clients that differ by who they are, packages of every kind, and hosts that speak the robot
//! protocol as plain robots do.
//!
//! Nothing here knows the inside of the server: whatever a test can do, a user can do, but for
//! [`Server::advance`].
//! Everything panics with a sentence instead of returning errors, because the caller is a test.

mod answer;
mod client;
pub mod contract;
mod database;
mod host;
mod package;
mod scene;
mod server;
mod zipfile;

pub use answer::{Answer, decode_claims};
pub use client::Client;
pub use database::{Backend, Database};
pub use host::Host;
pub use package::{PackageBuilder, package};
pub use scene::{Scene, eventually};
pub use server::{ADMIN_PASSWORD, APP_ID, APP_SECRET, Server, Setup, free_port, run_to_end};
pub use zipfile::{Entry, zip};

/// Makes two tests of one `async fn name(backend: Backend)`: on SQLite, and on PostgreSQL where
/// `BATON_TEST_POSTGRES` names a server. Without one the second says that it was skipped, and fails
/// if `BATON_TEST_REQUIRE_POSTGRES` is `1`.
#[macro_export]
macro_rules! both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn sqlite() {
                $crate::run($crate::Backend::Sqlite, super::$name);
            }

            #[test]
            fn postgres() {
                $crate::run($crate::Backend::Postgres, super::$name);
            }
        }
    )+};
}

/// Runs one test on one kind of database; see [`both!`].
pub fn run<F: Future<Output = ()>>(backend: Backend, test: impl FnOnce(Backend) -> F) {
    if !backend.is_there() {
        eprintln!("skipped: BATON_TEST_POSTGRES is not set");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be started");
    runtime.block_on(test(backend));
}
