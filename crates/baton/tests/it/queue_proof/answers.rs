//! Answers, held against what is expected.

use serde_json::{Value, json};
use testkit::Answer;

use super::model::{Refusal, Refusals};

/// What was otherwise than it has to be.
pub type Checked<T = ()> = Result<T, String>;

/// Expects this status, and gives the body.
pub fn done(answer: &Answer, status: u16) -> Checked<Value> {
    if answer.status != status {
        let (told, text) = (answer.status, answer.text());
        return Err(format!("expected {status}, answered {told}: {text}"));
    }
    match answer.body.is_empty() {
        true => Ok(Value::Null),
        false => Ok(answer.json()),
    }
}

/// Expects an empty answer, or a refusal.
pub fn empty(answer: &Answer, expected: Result<(), Refusals>) -> Checked {
    match expected {
        Ok(()) => match done(answer, 200)? {
            Value::Null => Ok(()),
            body => Err(format!("answered {body}")),
        },
        Err(refusals) => refused(answer, &refusals),
    }
}

/// Expects one of these refusals.
pub fn refused(answer: &Answer, refusals: &Refusals) -> Checked {
    let told = || answer.json()["errorCode"].as_i64();
    let fits =
        |Refusal(status, code, _): &Refusal| answer.status == *status && told() == Some(*code);
    match refusals.iter().any(fits) {
        true => Ok(()),
        false => {
            let (status, text) = (answer.status, answer.text());
            Err(format!("expected {refusals:?}, answered {status}: {text}"))
        }
    }
}

/// Expects that a bulk operation was refused to these items.
pub fn bulk(answer: &Answer, failed: &[i64]) -> Checked {
    let answer = done(answer, 200)?;
    let same = answer["FailedItems"] == json!(failed) && answer["Success"] == failed.is_empty();
    match same {
        true => Ok(()),
        false => Err(format!("expected that {failed:?} fail, answered {answer}")),
    }
}
