//! Both formats, read and written; addresses.

use serde_json::{Value, json};

use super::*;

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
fn json_is_read_as_clients_write_it() {
    let text = "\u{a0}{'requests': [ // two
        {id: 1, method: 'post', url: 'Pets', headers: {'Content-Type': 'text/csv; charset=iso-8859-1;x=1',
            'a': 7}, body: 'ü'},
        {id: '2', 'method': 'post', url: 'Pets', atomicityGroup: 3, dependsOn: [1],
            headers: {'content-type': 'application/json;charset=utf-16'}, body: {'Name': 'ü',}},
    ]}";
    let batch = parse("application/json", text.as_bytes(), Limits::default()).unwrap();
    let first = &batch.groups[0].requests()[0];
    assert_eq!((first.id.as_str(), first.header("a")), ("1", Some("7")));
    assert_eq!(first.body, "ü".as_bytes());
    // The text of the document was text already.
    assert_eq!(first.header("content-type"), Some("text/csv;x=1"));
    let second = &batch.groups[1].requests()[0];
    assert_eq!(second.group.as_deref(), Some("3"));
    assert_eq!(second.depends_on, ["1"]);
    assert_eq!(second.body, r#"{"Name":"ü"}"#.as_bytes());
    assert_eq!(second.header("content-type"), Some("application/json"));
    for (text, why) in [
        (
            "{'requests': [}",
            "a value is expected at line 1, column 15",
        ),
        ("{'requests': [{}]}", "missing field `id`"),
        ("{}", "missing field `requests`"),
    ] {
        let error = parse("application/json", text.as_bytes(), Limits::default());
        let error = error.unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn headers_are_utf_8_or_latin_1() {
    assert_eq!(header_text(b"plain"), "plain");
    assert_eq!(header_text("Büro/漢".as_bytes()), "Büro/漢");
    assert_eq!(header_text(b"B\xfcro"), "Büro");
    let body = b"--b\r\nContent-Type: application/http\r\n\r\nGET Pets HTTP/1.1\r\n\
        X-Path: B\xfcro\r\n\r\n\r\n--b--";
    let batch = parse("multipart/mixed; boundary=b", body, Limits::default()).unwrap();
    assert_eq!(batch.groups[0].requests()[0].header("x-path"), Some("Büro"));
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
