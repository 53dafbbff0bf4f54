//! Requests as they are sent, and the same as the model knows it.

use odata::Timestamp;
use serde_json::{Map, Value, json};

use super::model::{self, Refusal};
use super::operations::{Added, Content, Ended, How, Text};

pub fn members(body: Value) -> Map<String, Value> {
    match body {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A text as it is sent, and what is wrong with it.
pub fn long(text: Text, too_long: usize, refusal: Refusal) -> (String, Option<Refusal>) {
    match text {
        Text::Short(text) => (text.to_owned(), None),
        Text::TooLong => ("x".repeat(too_long), Some(refusal)),
    }
}

/// A content as it is sent, and what is wrong with it.
pub fn content(content: Content, too_large: usize, size: Refusal) -> (Value, Option<Refusal>) {
    match content {
        Content::None => (Value::Null, None),
        Content::Empty => (json!({}), None),
        Content::Number(number) => (json!({"Number": number, "Null": null}), None),
        Content::Text(text) => (json!({"Text": text}), None),
        Content::BadKey => (json!({"a.b": 1}), Some(model::INVALID)),
        Content::Nested => (json!({"a": {"b": 1}}), Some(model::INVALID)),
        Content::TooLarge => (json!({"a": "x".repeat(too_large)}), Some(size)),
    }
}

/// The body of an item, and the same as the model knows it.
pub fn item_data(added: &Added) -> (Map<String, Value>, model::Data) {
    let (mut body, mut data, now) = (Map::new(), model::Data::default(), Timestamp::now());
    if let Some(reference) = added.reference {
        let (reference, flaw) = long(reference, 129, model::INVALID);
        body.insert("Reference".into(), reference.as_str().into());
        data.flaws.extend(flaw);
        data.reference = Some(reference);
    }
    if let Some(priority) = added.priority {
        let name = priority.map_or("Sooner".into(), |p| format!("{p:?}"));
        body.insert("Priority".into(), name.into());
        data.flaws
            .extend(priority.is_none().then_some(model::INVALID));
        data.priority = priority;
    }
    let (value, flaw) = content(added.content, 256_000, model::CONTENT_SIZE);
    data.flaws.extend(flaw);
    data.content = Some(value).filter(|c| !c.is_null());
    if let Some(content) = &data.content {
        body.insert("SpecificContent".into(), content.clone());
    }
    for (member, when, date) in [
        ("DeferDate", added.defer, &mut data.defer),
        ("DueDate", added.due, &mut data.due),
        ("RiskSlaDate", added.risk, &mut data.risk),
    ] {
        *date = when.map(|when| when.from(now));
        if let Some(date) = date {
            body.insert(member.into(), date.to_string().into());
        }
    }
    if let Some(progress) = added.progress {
        let (progress, flaw) = long(progress, 104_858, model::PROGRESS_SIZE);
        body.insert("Progress".into(), progress.as_str().into());
        data.flaws.extend(flaw);
        data.progress = Some(progress);
    }
    (body, data)
}

/// The body of a result, and the same as the model knows it.
pub fn result_data(ended: &Ended) -> (Value, model::Outcome) {
    let now = Timestamp::now();
    let mut flaws = Vec::new();
    let mut read = |given: Option<(Content, usize, Refusal)>| {
        let (value, flaw) = given.map_or((Value::Null, None), |(c, n, r)| content(c, n, r));
        flaws.extend(flaw);
        Some(value).filter(|v| !v.is_null())
    };
    let output = read(ended.output.map(|c| (c, 51_200, model::OUTPUT_SIZE)));
    let analytics = read(ended.analytics.map(|c| (c, 5_120, model::ANALYTICS_SIZE)));
    let mut told = |given: Option<Text>, too_long, refusal| {
        let (text, flaw) = given.map(|t| long(t, too_long, refusal)).unzip();
        flaws.extend(flaw.flatten());
        text
    };
    let progress = told(ended.progress, 104_858, model::PROGRESS_SIZE);
    let (end, exception) = match ended.how {
        How::Success => (model::End::Success, Value::Null),
        How::Failure => (model::End::Failure(None), Value::Null),
        How::Exception {
            kind,
            reason,
            details,
        } => {
            let exception = model::Exception {
                reason: told(reason, 102_401, model::EXCEPTION_SIZE),
                details: told(details, 102_401, model::EXCEPTION_SIZE),
                kind,
            };
            let body = json!({
                "Reason": exception.reason, "Details": exception.details,
                "Type": kind.map(|k| format!("{k:?}")),
            });
            (model::End::Failure(Some(exception)), body)
        }
    };
    let outcome = model::Outcome {
        end,
        output,
        analytics,
        progress,
        operation: ended.operation.map(str::to_owned),
        defer: ended.defer.map(|when| when.from(now)),
        due: ended.due.map(|when| when.from(now)),
        flaws,
    };
    let body = json!({
        "IsSuccessful": matches!(ended.how, How::Success), "ProcessingException": exception,
        "Output": outcome.output, "Analytics": outcome.analytics, "Progress": outcome.progress,
        "OperationId": outcome.operation, "DeferDate": outcome.defer, "DueDate": outcome.due,
    });
    (body, outcome)
}
