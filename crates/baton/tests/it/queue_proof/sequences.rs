//! Random sequences of operations, done to the server and to the model.
//!
//! `QUEUE_CASES` says how many for each database. A failure tells the shortest sequence that was
//! found, and the seed with which `QUEUE_SEED` makes the same cases again:
//!
//! ```text
//! QUEUE_CASES=2000 ./test with cargo test -p baton --test it queue_proof::sequences
//! ```

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use testkit::{Backend, both};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::driver::Driver;
use super::operations::case;

both!(a_queue_is_what_the_model_is);

/// Cases of an ordinary run.
const CASES: u32 = 12;
/// Operations of a case at most.
const OPERATIONS: usize = 80;

async fn a_queue_is_what_the_model_is(backend: Backend) {
    let cases = super::number("QUEUE_CASES").map_or(CASES, |n| n.try_into().unwrap());
    let seed = super::seed();
    let config = Config {
        cases,
        // A failure is told soon, if not in its very smallest form.
        max_shrink_iters: 400,
        failure_persistence: None,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let driver = tokio::sync::Mutex::new(Driver::start(backend).await);
    let run = |case| {
        let done = async { driver.lock().await.run(&case).await };
        let done = block_in_place(|| Handle::current().block_on(done));
        done.map_err(TestCaseError::fail)
    };
    match TestRunner::new_with_rng(config, rng).run(&case(OPERATIONS), run) {
        Ok(()) => {}
        Err(TestError::Fail(why, (config, operations))) => {
            let lines: Vec<_> = operations.iter().map(|o| format!("    {o:?}")).collect();
            let lines = lines.join("\n");
            panic!("QUEUE_SEED={seed}: {why}\n{config:?}\n{lines}");
        }
        Err(error) => panic!("QUEUE_SEED={seed}: {error}"),
    }
}
