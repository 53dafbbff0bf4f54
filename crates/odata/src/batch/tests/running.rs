//! What is executed and what is left out; references and conditions.

use serde_json::{Value, json};

use super::*;

#[test]
fn a_changeset_that_fails_is_answered_once() {
    let batch = multipart_batch(MULTIPART).unwrap();
    let (executed, rendered) = execute(
        &batch,
        Some("odata.continue-on-error"),
        &|path| match path {
            "Pets" => refuse(409, "taken"),
            _ => response(204),
        },
    );
    assert_eq!(executed, ["GET Pets(1)", "POST Pets", "DELETE Pets(9)"]);
    let text = String::from_utf8(rendered.body).unwrap();
    assert_eq!(text.matches("HTTP/1.1 ").count(), 3);
    assert!(text.contains("HTTP/1.1 409 Conflict") && !text.contains("changesetresponse"));

    let (executed, rendered) = execute(&batch, None, &|path| match path {
        "Pets" => refuse(409, "taken"),
        _ => response(204),
    });
    assert_eq!(
        executed,
        ["GET Pets(1)", "POST Pets"],
        "the first failure ends it"
    );
    assert_eq!(
        String::from_utf8(rendered.body)
            .unwrap()
            .matches("HTTP/1.1 ")
            .count(),
        2
    );
}

#[test]
fn what_depends_on_a_failure_is_left_out() {
    let requests = json!([
        {"id": "bad", "method": "post", "url": "bad"},
        {"id": "needs", "method": "get", "url": "x", "dependsOn": ["bad"]},
        {"id": "refers", "method": "get", "url": "$bad/y"},
        {"id": "needs needs", "method": "get", "url": "x", "dependsOn": ["needs"]},
        {"id": "group 1", "atomicityGroup": "g", "method": "post", "url": "ok"},
        {"id": "group 2", "atomicityGroup": "g", "method": "post", "url": "bad", "dependsOn": ["group 1"]},
        {"id": "group 3", "atomicityGroup": "g", "method": "post", "url": "ok"},
        {"id": "after", "method": "get", "url": "x", "dependsOn": ["g"]},
        {"id": "otherwise", "method": "get", "url": "x", "dependsOn": ["g"],
         "if": "not $g/$succeeded and ($bad/$succeeded eq false)"},
        {"id": "never", "method": "get", "url": "x", "dependsOn": ["bad"], "if": "$bad/$succeeded"},
        {"id": "free", "method": "get", "url": "x"},
    ]);
    let batch = json_batch(&requests).unwrap();
    let answer = |path: &str| response(if path == "bad" { 400 } else { 200 });
    let (executed, rendered) = execute(&batch, None, &answer);
    assert_eq!(
        executed,
        ["POST bad", "POST ok", "POST bad", "GET x", "GET x"]
    );
    let expected = [
        ("bad", 400),
        ("needs", 424),
        ("refers", 424),
        ("needs needs", 424),
        ("group 1", 424),
        ("group 2", 400),
        ("group 3", 424),
        ("after", 424),
        ("otherwise", 200),
        ("never", 424),
        ("free", 200),
    ];
    assert_eq!(
        statuses(&rendered),
        expected.map(|(id, status)| (id.to_owned(), status))
    );
    let body: Value = serde_json::from_slice(&rendered.body).unwrap();
    assert_eq!(
        body["responses"][1]["body"]["message"],
        "It depends on 'bad', which did not succeed."
    );
    assert_eq!(body["responses"][5]["atomicityGroup"], "g");

    let (executed, rendered) = execute(
        &batch,
        Some("return=minimal, continue-on-error=false"),
        &answer,
    );
    assert_eq!((executed.len(), statuses(&rendered).len()), (1, 1));
}

#[test]
fn preferences() {
    use Format::{Json, Multipart};
    for (format, prefer, expected) in [
        (Json, None, true),
        (Multipart, None, false),
        (Json, Some("odata.continue-on-error=false"), false),
        (Multipart, Some("respond-async, Continue-On-Error"), true),
        (Multipart, Some("continue-on-error=\"true\""), true),
        (Multipart, Some("continue-on-errors"), false),
        (Multipart, Some("return=minimal;continue-on-error"), true),
    ] {
        assert_eq!(
            continue_on_error(format, prefer),
            expected,
            "{format:?} {prefer:?}"
        );
    }
}

#[test]
fn references_are_replaced() {
    let request = |id: &str, method: &str, url: &str| Request {
        id: id.into(),
        method: method.into(),
        url: url.into(),
        ..Request::default()
    };
    let mut references = References::new(Base::new("https://host/odata"));
    references.learn(&request("a", "POST", "Pets"), &located("/odata/Pets(7)"));
    references.learn(&request("b", "PATCH", "Pets(8)?$select=Id"), &response(204));
    let entity_id = Response {
        status: 204,
        headers: vec![("odata-entityid".into(), "https://host/odata/Pets(9)".into())],
        body: Vec::new(),
    };
    references.learn(&request("c d", "POST", "Pets"), &entity_id);
    references.learn(&request("failed", "PUT", "Pets(1)"), &response(404));
    references.learn(&request("nowhere", "POST", "Pets/Do"), &response(204));
    references.learn(
        &request("foreign", "POST", "Pets"),
        &located("https://other/Pets(1)"),
    );
    references.learn(&request("e", "GET", "$a/Owner"), &response(200));
    for (url, path) in [
        ("$a", "Pets(7)"),
        ("$a/Owner", "Pets(7)/Owner"),
        ("$b/Ns.Feed", "Pets(8)/Ns.Feed"),
        ("https://host/odata/$a/Owner", "Pets(7)/Owner"),
        ("/odata/%24c%20d", "Pets(9)"),
        ("$e/Pets", "Pets(7)/Owner/Pets"),
    ] {
        assert_eq!(
            references.resolve(&request("", "GET", url)).unwrap().path,
            path,
            "{url}"
        );
    }
    assert_eq!(
        references
            .resolve(&request("", "GET", "$a?$top=1"))
            .unwrap()
            .query,
        "$top=1"
    );
    for url in ["$failed", "$nowhere", "$foreign/x", "$x", "$A"] {
        assert!(
            references.resolve(&request("", "GET", url)).is_err(),
            "{url}"
        );
    }
}

#[test]
fn conditions() {
    let known = |name: &str| match name {
        "t" => Some(true),
        "f" => Some(false),
        _ => None,
    };
    for (text, expected) in [
        ("$t/$succeeded", true),
        ("not $t/$succeeded", false),
        ("$f/$succeeded or $t/$succeeded and $t/$succeeded", true),
        ("($f/$succeeded or $t/$succeeded) and $f/$succeeded", false),
        ("$f/$succeeded eq false", true),
        ("$t/$succeeded ne true", false),
        ("not(not(true))", true),
    ] {
        assert_eq!(condition::holds(text, &known), Ok(expected), "{text}");
    }
    let deep = "(".repeat(10_000);
    for text in [
        "",
        "and",
        "$t",
        "$x/$succeeded",
        "$t/Name eq 'a'",
        "(true",
        "true)",
        "true true",
        "not",
        &deep,
    ] {
        assert!(condition::holds(text, &known).is_err(), "{text}");
    }
}

#[test]
fn a_program_that_answers_too_little_does_no_harm() {
    let batch = multipart_batch(MULTIPART).unwrap();
    let mut run = Run::new(
        &batch,
        "https://host/odata",
        Some("continue-on-error"),
        &refuse,
    );
    let mut groups = 0;
    while run.next_group().is_some() {
        groups += 1;
        run.answer(Vec::new());
    }
    run.answer(vec![response(200)]);
    let text = String::from_utf8(run.finish().body).unwrap();
    assert_eq!((groups, text.matches("HTTP/1.1 500 ").count()), (3, 3));
}
