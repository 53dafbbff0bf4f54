//! Bad batches.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

#[test]
fn malformed_json_is_refused() {
    let one = |change: Value| {
        let mut request = json!({"id": "1", "method": "get", "url": "Pets"});
        for (name, value) in change.as_object().unwrap() {
            request[name] = value.clone();
        }
        json_batch(&json!([request]))
    };
    assert!(one(json!({})).is_ok());
    refused(one(json!({"id": ""})), "is empty");
    refused(one(json!({"id": 1.5})), "neither text nor a number");
    refused(one(json!({"id": null})), "neither text nor a number");
    refused(one(json!({"method": "HEAD"})), "the method 'HEAD'");
    refused(one(json!({"url": null})), "invalid type");
    refused(one(json!({"url": "/odata/$batch"})), "may not hold another");
    refused(one(json!({"url": "%24Batch/?x"})), "may not hold another");
    refused(
        one(json!({"headers": {"a": []}})),
        "the header 'a' is not text",
    );
    refused(
        one(json!({"headers": {"a": "x".repeat(1 << 20)}})),
        "longer than",
    );
    refused(one(json!({"dependsOn": ["2"]})), "depends on '2'");
    refused(one(json!({"dependsOn": ["1"]})), "depends on '1'");
    refused(one(json!({"dependsOn": "1"})), "invalid type");
    refused(one(json!({"atomicityGroup": "g"})), "holds no GET");
    refused(
        one(json!({"atomicityGroup": "1", "method": "post"})),
        "named like a request",
    );
    refused(
        one(json!({"headers": {"content-type": "image/png"}, "body": "é"})),
        "not base64url",
    );
    refused(
        one(json!({"headers": {"content-type": "text/plain"}, "body": 1})),
        "is not text",
    );

    let post = |id: &str, group: &str| json!({"id": id, "method": "post", "url": "x", "atomicityGroup": group});
    refused(
        json_batch(&json!([post("1", "g"), post("1", "h")])),
        "the id '1' is used twice",
    );
    refused(
        json_batch(&json!([post("1", "g"), post("2", "h"), post("3", "g")])),
        "do not follow each other",
    );
    refused(
        json_batch(&json!([post("1", "g"), post("g", "h")])),
        "the id 'g' is used twice",
    );
    let cycle = json!([
        {"id": "a", "method": "get", "url": "x", "dependsOn": ["b"]},
        {"id": "b", "method": "get", "url": "x", "dependsOn": ["a"]},
    ]);
    refused(
        json_batch(&cycle),
        "request 'a' depends on 'b', which does not stand before it",
    );

    let many: Vec<_> = (0..101)
        .map(|id| json!({"id": id.to_string(), "method": "get", "url": "x"}))
        .collect();
    refused(json_batch(&json!(many)), "more than 100 requests");
    assert!(json_batch(&json!(many[..100])).is_ok());
    for body in [
        "",
        "[]",
        "{}",
        "{\"requests\": 1}",
        "{\"requests\": [",
        "{\"requests\": []} x",
        "\u{feff}{}",
    ] {
        assert!(
            parse("application/json", body.as_bytes(), Limits::default()).is_err(),
            "{body}"
        );
    }
    let deep = |member: &str, rest: &str| {
        let brackets = "[".repeat(100_000);
        let body = format!(
            r#"{{"requests":[{{"id":"1","method":"post","url":"x","{member}":{brackets}{rest}"#
        );
        parse("application/json", body.as_bytes(), Limits::default())
    };
    refused(deep("body", ""), "nested too deeply");
    refused(deep("headers", ""), "nested too deeply");
    refused(deep("other", ""), "nested too deeply");
    let whole = deep("body", &format!("{}}}]}}", "]".repeat(100_000)));
    assert_eq!(whole.unwrap().groups[0].requests()[0].body.len(), 200_000);
    refused(
        parse("text/plain", b"", Limits::default()),
        "not 'text/plain'",
    );
    refused(parse("", b"", Limits::default()), "Content-Type");
    assert_eq!(json_batch(&json!([])).unwrap().groups, []);
}

#[test]
fn malformed_multipart_is_refused() {
    let limits = Limits::default();
    for (kind, part) in [
        ("multipart/mixed", "no boundary"),
        ("multipart/mixed; boundary=", "the boundary is not"),
        ("multipart/mixed; boundary=a;boundary", "cut off"),
        ("multipart/mixed; boundary=\"ä\"", "the boundary is not"),
        (
            "multipart/form-data; boundary=b",
            "not 'multipart/form-data'",
        ),
    ] {
        refused(parse(kind, MULTIPART.as_bytes(), limits), part);
    }
    let long = format!("multipart/mixed; boundary={}", "b".repeat(71));
    refused(parse(&long, b"", limits), "1 to 70");

    let request = |head: &str| {
        multipart_batch(&format!(
            "--b\r\nContent-Type: application/http\r\n\r\n{head}\r\n--b--"
        ))
    };
    assert!(request("GET x HTTP/1.1\r\n\r\n").is_ok());
    assert!(
        request("GET x HTTP/1.1").is_ok(),
        "the empty line may be left to the delimiter"
    );
    assert!(request("GET x HTTP/1.1\r\nA: b").is_ok());
    refused(request(""), "a part holds no request");
    refused(request("GET x"), "a request");
    refused(request("GET a b HTTP/1.1"), "a request");
    refused(request("OPTIONS x HTTP/1.1"), "the method 'OPTIONS'");
    refused(
        request("GET /odata/$batch HTTP/1.1"),
        "may not hold another",
    );
    refused(request("POST x HTTP/1.1\r\nno colon\r\n\r\n"), "a request");
    let sized = |length: &str| {
        request(&format!(
            "POST x HTTP/1.1\r\nContent-Length: {length}\r\n\r\nabc"
        ))
    };
    assert_eq!(sized("3").unwrap().groups[0].requests()[0].body, b"abc");
    refused(sized("4"), "shorter than its Content-Length");
    refused(sized("2"), "longer than its Content-Length");
    refused(sized("-1"), "not a number");
    refused(sized("99999999999999999999999"), "not a number");
    let header = "a".repeat(1 << 20);
    refused(
        request(&format!("GET x HTTP/1.1\r\nA: {header}\r\n\r\n")),
        "longer than",
    );
    refused(
        multipart_batch(&format!("--b\r\nA: {header}\r\n\r\n\r\n--b--")),
        "longer than",
    );
    refused(
        request(&format!("GET x HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(65))),
        "too many headers",
    );

    refused(multipart_batch(""), "cut off");
    refused(multipart_batch("--b\r\n"), "cut off");
    refused(
        multipart_batch(&MULTIPART[..MULTIPART.len() - 20]),
        "cut off",
    );
    refused(
        multipart_batch(&MULTIPART.replace("--c d--", "--c d")),
        "cut off",
    );
    refused(
        multipart_batch("--b\r\nContent-Type: application/http\r\n--b--"),
        "no empty line",
    );
    refused(
        multipart_batch("--b\r\n\r\nGET x HTTP/1.1\r\n\r\n--b--"),
        "application/http",
    );
    let nested = MULTIPART.replace(
        "Content-Type: application/http\r\nContent-ID: 2",
        "Content-Type: multipart/mixed; boundary=e",
    );
    refused(multipart_batch(&nested), "outside of a changeset");
    refused(
        multipart_batch(&MULTIPART.replace("POST Pets", "GET Pets")),
        "holds no GET",
    );
    refused(
        multipart_batch(&MULTIPART.replace("Content-ID: 2", "Content-ID: 1")),
        "used twice",
    );

    let part = "--b\r\nContent-Type: application/http\r\n\r\nGET x HTTP/1.1\r\n\r\n\r\n";
    assert_eq!(
        multipart_batch(&format!("{}--b--", part.repeat(100)))
            .unwrap()
            .groups
            .len(),
        100
    );
    refused(
        multipart_batch(&format!("{}--b--", part.repeat(101))),
        "more than 100 parts",
    );
    let change =
        "--c\r\nContent-Type: application/http\r\n\r\nPOST x HTTP/1.1\r\n\r\n\r\n".repeat(60);
    let changes =
        format!("--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{change}--c--\r\n");
    refused(
        multipart_batch(&format!("{}--b--", changes.repeat(2))),
        "more than 100 requests",
    );
    assert_eq!(multipart_batch("--b--").unwrap().groups, []);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse("application/json", &bytes, Limits::default());
        let _ = parse("multipart/mixed; boundary=b", &bytes, Limits::default());
        let text = String::from_utf8_lossy(&bytes);
        let _ = parse(&text, &bytes, Limits::default());
        let _ = Base::new("http://host/odata").address(&text);
        let _ = condition::holds(&text, &|_| Some(true));
    }

    /// What is left of a good batch after a cut, an insertion and a change is read or refused, and
    /// what is read can be executed.
    #[test]
    fn no_damage_panics(
        cut in 0..MULTIPART.len(), at in 0..MULTIPART.len(), change in "[-\\r\\n: bcd/$1\u{0}é]{0,8}",
    ) {
        let mut body = MULTIPART[..cut].to_owned();
        body.push_str(&MULTIPART[at..]);
        body.insert_str(at.min(cut), &change);
        if let Ok(batch) = multipart_batch(&body) {
            execute(&batch, None, &|path| response(if path.len() % 2 == 0 { 200 } else { 400 }));
        }
    }

    #[test]
    fn no_json_panics(ids in proptest::collection::vec("[ab$/]{0,2}", 0..6), urls in "[ab$/():?%2]{0,9}", group in "[ab]?") {
        let requests: Vec<_> = ids.iter().map(|id| json!({
            "id": id, "method": "post", "url": urls, "dependsOn": ids.get(1),
            "atomicityGroup": (!group.is_empty()).then_some(&group), "if": urls,
        })).collect();
        if let Ok(batch) = json_batch(&json!(requests)) {
            execute(&batch, None, &|_| response(200));
        }
    }
}
