use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn relaxed_json_becomes_standard_json() {
    let cases = [
        ("{}", "{}"),
        ("[]", "[]"),
        (" 'x' ", r#""x""#),
        (
            "{'str_taskID':'No.1','b':'it\\'s \"x\"'}",
            r#"{"str_taskID":"No.1","b":"it's \"x\""}"#,
        ),
        (r#" { "a" : 1 , b: [1, 2,], } "#, r#"{"a":1,"b":[1,2]}"#),
        (
            "// first\n{a:1,/* { \" */ \"b\":2 // last\n}//",
            r#"{"a":1,"b":2}"#,
        ),
        (
            r#"{"n":0065,"m":-010,"z":0,"f":0.50,"e":1E3}"#,
            r#"{"n":53,"m":-8,"z":0,"f":0.50,"e":1E3}"#,
        ),
        (
            "[0x1F,0Xff,-0x10,.5,-.5,5.,12.]",
            "[31,255,-16,0.5,-0.5,5.0,12.0]",
        ),
        (
            r#"{"big":12345678901234567890123,"t":true,"x":null}"#,
            r#"{"big":12345678901234567890123,"t":true,"x":null}"#,
        ),
        (r#"{"u":"\u00e4\ud83d\ude00\/"}"#, r#"{"u":"ä😀/"}"#),
        (
            "{'a\nb':'\t\\n\u{1}'}",
            r#"{"a\u000ab":"\u0009\u000a\u0001"}"#,
        ),
        ("\u{a0}[\u{2028}1]", "[1]"),
        ("{ä_$1:1}", r#"{"ä_$1":1}"#),
    ];
    for (given, expected) in cases {
        assert_eq!(standard(given).unwrap(), expected, "{given}");
    }
}

#[test]
fn what_the_standard_allows_means_what_it_says() {
    for text in [
        r#"{"a":"it's","b":[1,2.5,-3e-2],"c":{"d":null},"e":"\"\\\/\b\f\n\r\t\u0041"}"#,
        "18446744073709551615",
        "\"\u{7f}\"",
    ] {
        let strict: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text).unwrap(), strict);
        assert_eq!(
            serde_json::from_str::<Value>(&standard(text).unwrap()).unwrap(),
            strict
        );
    }
}

#[track_caller]
fn refused(text: &str, why: &str) {
    assert_eq!(parse(text).unwrap_err().to_string(), why, "{text}");
}

#[test]
fn everything_else_is_refused_with_its_place() {
    refused("", "a value is expected at line 1, column 1");
    refused("{", "a name is expected at line 1, column 2");
    refused("{'a'}", "a colon is expected at line 1, column 5");
    refused("{'a':}", "a value is expected at line 1, column 6");
    refused(
        "{'a':1 'b':2}",
        "a comma or } is expected at line 1, column 8",
    );
    refused("[1\n 2]", "a comma or ] is expected at line 2, column 2");
    refused("{'a':'x}", "a string does not end at line 1, column 6");
    refused("{'ä':'\\", "a string does not end at line 1, column 7");
    refused("{'a':1}x", "nothing more is expected at line 1, column 8");
    refused("{'a':1}}", "nothing more is expected at line 1, column 8");
    refused("[1,,2]", "a value is expected at line 1, column 4");
    refused("{,}", "a name is expected at line 1, column 2");
    refused(
        "[089]",
        "a number with leading zeros is not octal at line 1, column 2",
    );
    refused(
        "[0x]",
        "a number with 0x is not hexadecimal at line 1, column 2",
    );
    refused(
        "[0x-1]",
        "a number with 0x is not hexadecimal at line 1, column 2",
    );
    for number in [
        "1.2.3", "--1", "1e", "-", ".", "-.", "1e999", "12abc", "+1.",
    ] {
        let text = format!("[{number}]");
        let place = if number == "+1." {
            "a value is"
        } else {
            "a number is"
        };
        let said = parse(&text).unwrap_err().to_string();
        assert!(said.starts_with(place), "{text}: {said}");
    }
    refused(
        "{'a':TRUE}",
        "true, false or null, in small letters, is expected at line 1, column 6",
    );
    refused("[-Infinity]", "a number is malformed at line 1, column 2");
    refused(
        "[NaN]",
        "NaN and Infinity are no numbers at line 1, column 2",
    );
    refused("undefined", "a value is expected at line 1, column 1");
    refused("nonsense", "a value is expected at line 1, column 1");
    refused(
        "{'a':'\\x41'}",
        "an unknown escape stands at line 1, column 7",
    );
    refused(
        "['\\ud83d']",
        "half a surrogate pair stands at line 1, column 3",
    );
    refused(
        "['\\ud83d\\u0041']",
        "half a surrogate pair stands at line 1, column 3",
    );
    refused(
        "['\\udc00']",
        "half a surrogate pair stands at line 1, column 3",
    );
    refused(
        "['\\u12']",
        "four hexadecimal digits are expected at line 1, column 5",
    );
    refused(
        "['\\u+041']",
        "four hexadecimal digits are expected at line 1, column 5",
    );
    refused("\n[1] /* *", "a comment does not end at line 2, column 5");
    refused("/", "a value is expected at line 1, column 1");
}

#[test]
fn depth_has_an_end() {
    let nested = |open: &str, close: &str, depth| open.repeat(depth) + "1," + &close.repeat(depth);
    let lists = nested("[", "]", MAX_DEPTH);
    assert!(parse(&lists).is_ok());
    assert!(parse(&nested("{a:", "}", MAX_DEPTH)).is_ok());
    refused(
        &nested("[", "]", MAX_DEPTH + 1),
        "it is nested too deeply at line 1, column 65",
    );
    let strict = "[".repeat(127) + &"]".repeat(127);
    assert!(parse(&strict).is_ok());
    assert!(parse(&format!("[{strict}]")).is_err());
    assert!(parse(&"[".repeat(1_000_000)).is_err());
    assert!(parse(&"{a:".repeat(1_000_000)).is_err());
}

/// Nothing is asserted about time: what looks back or ahead would not end in that of a test.
#[test]
fn long_texts_are_read_in_one_go() {
    let many = 400_000;
    for text in [
        format!("[{}]", "'\\'\\u0041', ".repeat(many)),
        format!("[{}]", "/**/ /* x */ // y\n".repeat(many)),
        format!("{{{}}}", "a: .5, ".repeat(many)),
        format!("['{}']", "\u{1}ä".repeat(many)),
        format!("[{}1]", " \n".repeat(many)),
    ] {
        assert!(parse(&text).is_ok());
        assert!(parse(&text[..text.len() - 1]).is_err());
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((".*", inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

/// A value as a program writes it that prefers single quotes, names without any, and comments.
fn written(value: &Value, out: &mut String) {
    let quoted = |text: &str, out: &mut String| {
        out.push('\'');
        for c in text.chars() {
            match c {
                '\'' | '\\' => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
        out.push('\'');
    };
    match value {
        Value::String(text) => quoted(text, out),
        Value::Array(items) => {
            out.push('[');
            for item in items {
                written(item, out);
                out.push_str(",\n");
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push_str("{ // an object\n");
            for (name, member) in members {
                quoted(name, out);
                out.push_str("/* : */:");
                written(member, out);
                out.push(',');
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_read_is_standard(text in r#"[\[\]{},:'"\\/*\n 0-9a-fxu.+-]{0,40}|.{0,40}"#) {
        if let Ok(standard) = standard(&text) {
            prop_assert!(serde_json::from_str::<Value>(&standard).is_ok(), "{}", standard);
        }
        if let Ok(strict) = serde_json::from_str::<Value>(&text) {
            prop_assert_eq!(parse(&text), Ok(strict));
        }
    }

    #[test]
    fn what_is_written_either_way_is_read(value in value()) {
        // As it comes back: the last digit of a fraction may not.
        let value: Value = serde_json::from_str(&value.to_string()).unwrap();
        let mut text = String::new();
        written(&value, &mut text);
        let strict: Value = serde_json::from_str(&value.to_string()).unwrap();
        prop_assert_eq!(parse(&text), Ok(strict));
    }
}
