//! What a job is told while it is under way.
//!
//! Orders only ever get stricter: a kill that follows a soft stop wins, a soft stop that follows a
//! kill changes nothing. Hence one value with an order on it, in a channel that keeps the last.

use tokio::sync::watch;

/// Why a job ends early, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// Nobody told it to.
    Itself,
    /// The agent shuts down.
    Shutdown,
    /// It was asked to stop.
    SoftStop,
    /// It was ordered to stop at once.
    Kill,
    /// The attempt belongs to another robot now; nothing it does counts any more.
    Fenced,
}

impl Cause {
    /// Whether the program is asked before it is killed.
    pub fn is_soft(self) -> bool {
        matches!(self, Cause::Shutdown | Cause::SoftStop)
    }
}

/// The giving end, held by the supervisor.
#[derive(Clone)]
pub(crate) struct Commander(watch::Sender<Cause>);

/// The receiving end, held by the job.
#[derive(Clone)]
pub(crate) struct Orders(watch::Receiver<Cause>);

/// A new pair without an order.
pub(crate) fn channel() -> (Commander, Orders) {
    let (sender, receiver) = watch::channel(Cause::Itself);
    (Commander(sender), Orders(receiver))
}

impl Commander {
    /// Gives an order; a milder one than before is ignored.
    pub fn order(&self, cause: Cause) {
        self.0.send_if_modified(|current| {
            let stricter = cause > *current;
            *current = cause.max(*current);
            stricter
        });
    }
}

impl Orders {
    /// The strictest order so far.
    pub fn current(&self) -> Cause {
        *self.0.borrow()
    }

    /// Does `work`, unless an order is there or comes first.
    pub async fn unless_given<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Cause> {
        tokio::select! {
            biased;
            order = self.beyond(Cause::Itself) => Err(order),
            result = work => Ok(result),
        }
    }

    /// Waits for an order stricter than `known`. Never returns if none comes.
    pub async fn beyond(&mut self, known: Cause) -> Cause {
        let order = self
            .0
            .wait_for(|current| *current > known)
            .await
            .map(|current| *current);
        match order {
            Ok(order) => order,
            // Nobody is left to give one.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn orders_only_get_stricter() {
        let (commander, mut orders) = channel();
        commander.order(Cause::Kill);
        commander.order(Cause::SoftStop);
        assert_eq!(orders.beyond(Cause::Itself).await, Cause::Kill);
        assert_eq!(orders.current(), Cause::Kill);
    }

    #[tokio::test]
    async fn an_order_interrupts_work_and_comes_before_work_that_is_done() {
        let (commander, mut orders) = channel();
        assert_eq!(orders.unless_given(async { 1 }).await, Ok(1));
        let endless = std::future::pending::<()>();
        let order = async { commander.order(Cause::SoftStop) };
        let (result, ()) = tokio::join!(orders.unless_given(endless), order);
        assert_eq!(result, Err(Cause::SoftStop));
        assert_eq!(orders.unless_given(async { 1 }).await, Err(Cause::SoftStop));
    }

    #[tokio::test]
    async fn the_last_order_stands_when_the_supervisor_is_gone() {
        let (commander, mut orders) = channel();
        commander.order(Cause::Shutdown);
        drop(commander);
        assert_eq!(orders.beyond(Cause::Itself).await, Cause::Shutdown);
    }
}
