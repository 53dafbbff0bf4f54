use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn json_batch(requests: &Value) -> Result<Batch> {
    let body = json!({"requests": requests}).to_string();
    parse(
        "application/json; charset=utf-8",
        body.as_bytes(),
        Limits::default(),
    )
}

fn multipart_batch(body: &str) -> Result<Batch> {
    parse(
        "multipart/mixed; boundary=b",
        body.as_bytes(),
        Limits::default(),
    )
}

#[track_caller]
fn message(result: Result<Batch>) -> String {
    match result {
        Err(Error::Invalid(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(result: Result<Batch>, part: &str) {
    let text = message(result);
    assert!(text.contains(part), "'{part}' is not in: {text}");
}

/// A response as the program makes one for what is not executed.
fn refuse(status: u16, text: &str) -> Response {
    Response {
        status,
        headers: vec![("content-type".into(), "application/json".into())],
        body: json!({"message": text}).to_string().into_bytes(),
    }
}

fn response(status: u16) -> Response {
    Response {
        status,
        ..Response::default()
    }
}

fn located(url: &str) -> Response {
    Response {
        status: 201,
        headers: vec![("location".into(), url.into())],
        body: Vec::new(),
    }
}

/// Executes a batch: each address is answered as `answer` says, a group up to its first failure.
/// What was executed, and the answer.
fn execute(
    batch: &Batch,
    prefer: Option<&str>,
    answer: &dyn Fn(&str) -> Response,
) -> (Vec<String>, Rendered) {
    let mut run = Run::new(batch, "https://host/odata", prefer, &refuse);
    let mut executed = Vec::new();
    while let Some(group) = run.next_group() {
        let mut references = run.references().clone();
        let mut responses = Vec::new();
        for request in group.requests() {
            let response = match references.resolve(request) {
                Ok(address) => {
                    executed.push(format!("{} {}", request.method, address.path));
                    answer(&address.path)
                }
                Err(error) => refuse(400, &error.to_string()),
            };
            references.learn(request, &response);
            let failed = response.failed();
            responses.push(response);
            if failed {
                break;
            }
        }
        run.answer(responses);
    }
    (executed, run.finish())
}

fn statuses(rendered: &Rendered) -> Vec<(String, u64)> {
    let body: Value = serde_json::from_slice(&rendered.body).unwrap();
    let responses = body["responses"].as_array().unwrap().iter();
    responses
        .map(|one| {
            (
                one["id"].as_str().unwrap().to_owned(),
                one["status"].as_u64().unwrap(),
            )
        })
        .collect()
}

const MULTIPART: &str = "This is not looked at.\r\n\
--b\r\n\
Content-Type: application/http\r\n\
Content-Transfer-Encoding: binary\r\n\
\r\n\
GET /odata/Pets(1)?$select=Name HTTP/1.1\r\n\
Accept: application/json\r\n\
\r\n\
\r\n\
--b\r\n\
Content-Type: multipart/mixed; boundary=\"c d\"\r\n\
\r\n\
--c d\r\n\
Content-Type: application/http\r\n\
Content-ID: 1\r\n\
\r\n\
POST Pets HTTP/1.1\r\n\
Content-Type: application/json\r\n\
Content-Length: 14\r\n\
\r\n\
{\"Name\":\"Tom\"}\r\n\
--c d\r\n\
Content-Type: application/http\r\n\
Content-ID: 2\r\n\
\r\n\
POST $1/Notes HTTP/1.1\r\n\
Content-Type: text/plain\r\n\
\r\n\
two\r\n\
lines\r\n\
--c d--\r\n\
--b\r\n\
Content-Type: application/http\r\n\
\r\n\
DELETE https://HOST:443/odata/Pets(9) HTTP/1.1\r\n\
\r\n\
--b--\r\n\
Nor is this.";

#[test]
fn multipart_is_read() {
    for body in [MULTIPART.to_owned(), MULTIPART.replace("\r\n", "\n")] {
        let batch = multipart_batch(&body).unwrap();
        assert_eq!(batch.format, Format::Multipart);
        let [
            Group::Single(get),
            Group::Atomic(changes),
            Group::Single(delete),
        ] = &batch.groups[..]
        else {
            panic!("{batch:#?}");
        };
        assert_eq!(
            (get.method.as_str(), get.url.as_str()),
            ("GET", "/odata/Pets(1)?$select=Name")
        );
        assert_eq!(
            (get.id.as_str(), get.header("accept"), get.body.len()),
            ("", Some("application/json"), 0)
        );
        assert_eq!(
            (changes[0].id.as_str(), &changes[0].body[..]),
            ("1", &b"{\"Name\":\"Tom\"}"[..])
        );
        let lines = if body.contains('\r') {
            "two\r\nlines"
        } else {
            "two\nlines"
        };
        assert_eq!(
            (changes[1].url.as_str(), &changes[1].body[..]),
            ("$1/Notes", lines.as_bytes())
        );
        assert_eq!(delete.url, "https://HOST:443/odata/Pets(9)");

        let (executed, rendered) = execute(&batch, None, &|path| match path {
            "Pets" => located("https://host/odata/Pets(7)"),
            _ => response(204),
        });
        assert_eq!(
            executed,
            [
                "GET Pets(1)",
                "POST Pets",
                "POST Pets(7)/Notes",
                "DELETE Pets(9)"
            ]
        );
        let text = String::from_utf8(rendered.body).unwrap();
        assert_eq!(text.matches("HTTP/1.1 204 No Content\r\n").count(), 3);
        assert!(
            text.contains("Content-ID: 1\r\n\r\nHTTP/1.1 201 Created\r\nlocation: https://host/")
        );
    }
}

#[test]
fn what_is_rendered_as_multipart_can_be_read_again() {
    let batch = multipart_batch(MULTIPART).unwrap();
    let (_, rendered) = execute(&batch, None, &|_| Response {
        status: 200,
        headers: vec![("location".into(), "Pets(7)".into())],
        body: b"{\"a\":\"\r\n--b--\r\n\"}".to_vec(),
    });
    // A response in the place of a request: the same parts, with another first line.
    let text = String::from_utf8(rendered.body).unwrap();
    let requests = text.replace("HTTP/1.1 200 OK", "POST x HTTP/1.1");
    let again = parse(
        &rendered.content_type,
        requests.as_bytes(),
        Limits::default(),
    )
    .unwrap();
    assert_eq!(again.groups.len(), 3);
    assert_eq!(again.groups[1].requests().len(), 2);
    assert_eq!(again.groups[1].requests()[1].id, "2");
    for group in &again.groups {
        assert!(
            group
                .requests()
                .iter()
                .all(|one| one.body == b"{\"a\":\"\r\n--b--\r\n\"}")
        );
    }
}

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
fn json_is_read() {
    let batch = json_batch(&json!([
        {"id": "0", "method": "get", "url": "Pets(1)", "headers": {"Accept": "x/y"}, "body": null},
        {"id": "1", "atomicityGroup": "g", "method": "Post", "url": "/odata/Pets", "dependsOn": ["0"],
         "body": {"Name": "Tom", "n": 1.50}},
        {"id": "2", "atomicityGroup": "g", "method": "patch", "url": "$1", "unknown": true,
         "headers": {"Content-Type": "text/plain; charset=utf-8"}, "body": "a\nb"},
        {"id": "3", "atomicityGroup": "h", "method": "put", "url": "Pets(2)",
         "headers": {"content-type": "image/png"}, "body": "_-8="},
        {"id": "4", "method": "delete", "url": "Pets(2)", "dependsOn": ["g", "h"], "if": "$3/$succeeded"},
    ]))
    .unwrap();
    assert_eq!(batch.format, Format::Json);
    let sizes: Vec<_> = batch
        .groups
        .iter()
        .map(|group| group.requests().len())
        .collect();
    assert_eq!(sizes, [1, 2, 1, 1]);
    let changes = batch.groups[1].requests();
    assert_eq!(changes[0].body, br#"{"Name":"Tom","n":1.5}"#);
    assert_eq!(
        (changes[0].method.as_str(), &changes[1].body[..]),
        ("POST", &b"a\nb"[..])
    );
    assert_eq!(batch.groups[2].requests()[0].body, [0xff, 0xef]);
    assert_eq!(batch.groups[0].requests()[0].header("accept"), Some("x/y"));
    assert!(batch.groups[0].requests()[0].body.is_empty());
}

#[test]
fn bodies_are_written_as_their_type_says() {
    let batch = json_batch(&json!([
        {"id": "a", "method": "get", "url": "json"}, {"id": "b", "method": "get", "url": "text"},
        {"id": "c", "method": "get", "url": "bytes"}, {"id": "d", "method": "get", "url": "broken"},
        {"id": "e", "method": "get", "url": "none"},
    ]))
    .unwrap();
    let typed = |kind: &str, body: &[u8]| Response {
        status: 200,
        headers: vec![("content-type".into(), kind.into())],
        body: body.to_vec(),
    };
    let (_, rendered) = execute(&batch, None, &|path| match path {
        "json" => typed("application/json; odata.metadata=minimal", br#"{"x": [1]}"#),
        "text" => typed("text/plain", "größer".as_bytes()),
        "bytes" => typed("application/octet-stream", &[0xff, 0xef]),
        "broken" => typed("application/json", b"{"),
        _ => response(204),
    });
    let body: Value = serde_json::from_slice(&rendered.body).unwrap();
    let bodies: Vec<_> = body["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["body"].clone())
        .collect();
    assert_eq!(
        bodies,
        [
            json!({"x": [1]}),
            json!("größer"),
            json!("_-8"),
            json!("ew"),
            Value::Null
        ]
    );
    assert_eq!(
        body["responses"][1]["headers"]["content-type"],
        "text/plain"
    );
    assert_eq!(body["responses"][4], json!({"id": "e", "status": 204}));
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
fn addresses_below_the_service_root() {
    let base = Base::new("https://host:8443/t/odata");
    for (url, path, query) in [
        ("Pets(1)", "Pets(1)", ""),
        ("Pets?$filter=Name eq '?'", "Pets", "$filter=Name eq '?'"),
        ("/t/odata/Pets", "Pets", ""),
        ("/T/OData/Pets#part", "Pets", ""),
        (
            "https://HOST:8443/t/odata/Pets('a/b')?x",
            "Pets('a/b')",
            "x",
        ),
        ("http://host:8443/t/odata", "", ""),
        ("/t/odata?$format=json", "", "$format=json"),
        ("$metadata", "$metadata", ""),
    ] {
        let expected = Address {
            path: path.into(),
            query: query.into(),
        };
        assert_eq!(base.address(url).unwrap(), expected, "{url}");
    }
    for url in [
        "/odata/Pets",
        "/t/odataPets",
        "/t/oda",
        "/",
        "https://host/t/odata/Pets",
        "https://other:8443/t/odata/Pets",
        "https://host:8443@evil/t/odata/Pets",
        "https://host:8443",
    ] {
        assert!(matches!(base.address(url), Err(Error::Invalid(_))), "{url}");
    }
    let usual = Base::new("https://host/");
    assert_eq!(usual.address("https://host:443/Pets").unwrap().path, "Pets");
    assert_eq!(usual.address("/Pets").unwrap().path, "Pets");
    // The byte after the root is inside of a letter.
    assert!(Base::new("http://h/ab").address("/aä/x").is_err());
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
    refused(one(json!({"id": 1})), "invalid type");
    refused(one(json!({"method": "HEAD"})), "the method 'HEAD'");
    refused(one(json!({"url": null})), "invalid type");
    refused(one(json!({"url": "/odata/$batch"})), "may not hold another");
    refused(one(json!({"url": "%24Batch/?x"})), "may not hold another");
    refused(
        one(json!({"headers": {"a": 1}})),
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
    refused(deep("body", ""), "EOF");
    refused(deep("headers", ""), "invalid type");
    refused(deep("other", ""), "EOF");
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
