//! Work that is set going beside its caller. What it comes to is the business of whoever holds the
//! handle; that it panicked is told in any case.

use std::future::Future;

use tokio::task::JoinHandle;

/// Sets it going.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where tasks begin, so that no panic of one is lost"
)]
pub fn spawn<F>(name: &'static str, work: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    tokio::spawn(async move {
        let _told = Told(name);
        work.await
    })
}

/// Tells of a panic that it does not survive.
struct Told(&'static str);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.0, "a task panicked");
        }
    }
}
