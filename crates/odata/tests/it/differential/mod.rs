//! Random queries over random rows: what the databases answer has to be what some lines of Rust
//! that know nothing of SQL answer.
//!
//! `ODATA_CASES` says how many; without `BATON_TEST_POSTGRES` they are asked of SQLite only:
//!
//! ```text
//! ODATA_CASES=100000 cargo test -p baton-odata --test it differential
//! ```

mod asking;
mod formula;
mod random;
mod world;

use odata::Error;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::model::{Ask, Server, servers};
use asking::Asked;
use world::{POINTS, Row, Worlds};

/// Cases of an ordinary run.
const CASES: u32 = 400;

#[test]
fn databases_answer_what_the_protocol_says() {
    let cases = std::env::var("ODATA_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let worlds = Worlds::new();
    let servers: Vec<Server> = servers();
    servers.iter().for_each(|server| worlds.fill(server));
    let mut runner = TestRunner::new(Config {
        cases,
        // A failure is told soon, if not in its very smallest form.
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..Config::default()
    });
    let refused = std::cell::Cell::new(0);
    let case = (0..worlds.0.len(), random::asked());
    let result = runner.run(&case, |(tenant, asked)| {
        for server in &servers {
            let answered = check(server, tenant as i64, &worlds.0[tenant], &asked)?;
            refused.set(refused.get() + u32::from(!answered));
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let refused = refused.get();
    let all = cases * u32::try_from(servers.len()).unwrap();
    assert!(refused <= all / 10, "{refused} of {all} were refused");
}

/// Compares one answer; `false` if it was refused for its size alone.
fn check(
    server: &Server,
    tenant: i64,
    world: &[Row],
    asked: &Asked,
) -> Result<bool, TestCaseError> {
    let (query, label) = (asked.url(), server.label);
    let ask = Ask {
        tenant,
        ..Ask::default()
    };
    let text = match server.raw(&POINTS, &query, &ask) {
        Ok(text) => text,
        Err(Error::Invalid(text)) if too_large(&text) => return Ok(false),
        Err(error) => {
            return Err(TestCaseError::fail(format!("{label}: {asked}: {error}")));
        }
    };
    let mut page: serde_json::Value = serde_json::from_str(&text)
        .map_err(|error| TestCaseError::fail(format!("{label}: {asked}: {error}: {text}")))?;
    let context = page.as_object_mut().unwrap().remove("@odata.context");
    proptest::prop_assert!(context.is_some());
    let expected = asked.answer(world);
    proptest::prop_assert_eq!(&page, &expected, "{}: {}", label, asked);
    if asked.count == Some(true) {
        let count = server.count(&POINTS, &query, &ask);
        proptest::prop_assert_eq!(&expected["@odata.count"], count, "{}: {}", label, asked);
    }
    Ok(true)
}

fn too_large(text: &str) -> bool {
    let limits = ["node count limit", "too complex", "levels deep"];
    limits.iter().any(|limit| text.contains(limit))
}
