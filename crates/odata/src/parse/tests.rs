//! The grammar: how expressions bind, what is refused, and that no text can harm the parser.

use proptest::prelude::*;

use super::{MAX_DEPTH, MAX_NODES, Shared};
use crate::options::Aliases;
use crate::syntax::{Expr, Literal, Op};
use crate::{Error, Result};
use crate::{Guid, Timestamp};

fn expression(text: &str) -> Result<Expr> {
    super::expression(text, &mut Shared::new(&Aliases::default()))
}

fn order(text: &str) -> Result<Vec<(Expr, bool)>> {
    super::order(text, &mut Shared::new(&Aliases::default()))
}

/// The tree of a text, printed: brackets show how it was read.
#[track_caller]
fn tree(text: &str) -> String {
    expression(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .to_string()
}

#[test]
fn operators_bind_as_the_protocol_says() {
    assert_eq!(tree("a or b and c"), "(a or (b and c))");
    assert_eq!(tree("a and b or c"), "((a and b) or c)");
    assert_eq!(tree("(a or b) and c"), "((a or b) and c)");
    assert_eq!(tree("a eq 1 and b ne 2"), "((a eq 1) and (b ne 2))");
    assert_eq!(tree("a sub b sub c"), "((a sub b) sub c)");
    assert_eq!(tree("a add b mul c mod d"), "(a add ((b mul c) mod d))");
    assert_eq!(tree("a gt b eq c lt d"), "((a gt b) eq (c lt d))");
    assert_eq!(tree("not a and b"), "((not a) and b)");
    assert_eq!(tree("not a eq b"), "(not (a eq b))");
    assert_eq!(tree("not not a"), "(not (not a))");
    assert_eq!(tree("a in (1,2) and b"), "((a in (1,2)) and b)");
    assert_eq!(tree("not a in (1)"), "(not (a in (1)))");
    assert_eq!(tree("a has 'x' eq b"), "((a has 'x') eq b)");
    assert_eq!(tree("-a add - 5"), "((- a) add -5)");
    assert_eq!(tree("- (- a)"), "(- (- a))");
}

#[test]
fn words_are_read_in_any_case() {
    assert_eq!(tree("a EQ NULL AND NOT B"), "((a eq null) and (not B))");
    assert_eq!(tree("CONTAINS(Name,'X')"), "contains(Name,'X')");
    assert_eq!(tree("True eq FALSE"), "(true eq false)");
}

#[test]
fn an_ampersand_is_an_and() {
    assert_eq!(tree("a eq 'x & y' & b"), "((a eq 'x & y') and b)");
}

#[test]
fn paths_functions_and_variables() {
    assert_eq!(
        tree("Robot / User/ UserName eq 'x'"),
        "(Robot/User/UserName eq 'x')"
    );
    assert_eq!(tree("now()"), "now()");
    assert_eq!(tree("null/x"), "null/x");
    assert_eq!(tree("Tags/any()"), "Tags/any()");
    assert_eq!(
        tree("a/Tags/ANY(t: t/Name eq 'x')"),
        "a/Tags/any(t: (t/Name eq 'x'))"
    );
    assert_eq!(tree("Tags/all(t : true)"), "Tags/all(t: true)");
    assert_eq!(tree("any/all eq 1"), "(any/all eq 1)");
}

#[test]
fn order_terms() {
    let terms = |text: &str| -> Vec<(String, bool)> {
        let terms = order(text).unwrap().into_iter();
        terms
            .map(|(expr, descending)| (expr.to_string(), descending))
            .collect()
    };
    let term = |text: &str, descending| (text.to_owned(), descending);
    assert_eq!(terms("a"), [term("a", false)]);
    assert_eq!(
        terms("a DESC, b asc,c/d"),
        [term("a", true), term("b", false), term("c/d", false)]
    );
    for text in ["", "a,", "a desc asc", ",a", "a b"] {
        assert!(order(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_no_expression_is_refused() {
    for text in [
        "",
        "(",
        ")",
        "a eq",
        "eq a",
        "a b",
        "a eq eq b",
        "a and",
        "not",
        "-",
        "f(",
        "f(a,",
        "f(a b)",
        "a/",
        "/a",
        "a/1",
        "a in",
        "a in 1",
        "a in (",
        "a in (1",
        "a in (1,)",
        "()",
        "T/all()",
        "T/any(t)",
        "T/any(t:)",
        "T/any(t: a",
        "T/any(:a)",
        "a;b",
        "a=1",
        "*",
        "'a' 'b'",
    ] {
        assert!(matches!(expression(text), Err(Error::Invalid(_))), "{text}");
    }
}

#[test]
fn depth_is_bounded_at_any_stack() {
    // A test thread has 2 MiB; a few hundred bytes of it would do.
    for part in ["(", "not ", "- ", "f(", "a/any(x: ", "a eq ("] {
        let text = part.repeat(10_000);
        let error = expression(&text).unwrap_err().to_string();
        assert!(error.contains("levels deep"), "{part}: {error}");
    }
    let nested = format!(
        "{}a{}",
        "(".repeat(MAX_DEPTH - 1),
        ")".repeat(MAX_DEPTH - 1)
    );
    assert_eq!(tree(&nested), "a");
}

#[test]
fn an_alias_is_read_in_its_place() {
    let aliases = Aliases::read("@a=5&@b=x eq @a&@loop=@loop&@c=-@a&@two=@one or @one&@bad=1 1");
    let aliases = aliases.unwrap();
    let read = |text: &str| match super::expression(text, &mut Shared::new(&aliases)) {
        Ok(expr) => expr.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(read("n eq @a"), "(n eq 5)");
    assert_eq!(read("n eq @A and @b"), "((n eq 5) and (x eq 5))");
    assert_eq!(read("n in (@a,@c)"), "(n in (5,-5))");
    assert!(read("f(@a)/@b").contains("Syntax error"));
    assert!(read("n eq @none").contains("'@none' has no value"));
    assert!(read("@bad").contains("in '1 1'"), "{}", read("@bad"));
    assert!(read("@loop").contains("levels deep"));
    assert!(read("@two").contains("'@one' has no value"));
    let many = vec!["@a"; MAX_NODES + 1].join(",");
    assert!(read(&format!("n in ({many})")).contains("limit of '100'"));
}

#[test]
fn conditions_of_a_request_count_together() {
    let aliases = Aliases::default();
    let mut shared = Shared::new(&aliases);
    let half = vec!["a"; MAX_NODES / 4].join(" or ");
    for _ in 0..2 {
        assert!(super::expression(&half, &mut shared).is_ok());
        assert!(super::order(&half, &mut shared).is_ok());
    }
    let error = super::expression("a eq 1", &mut shared).unwrap_err();
    assert!(error.to_string().contains("limit of '100'"), "{error}");
}

#[test]
fn values_of_a_request_count_together() {
    let aliases = Aliases::read(&format!("@p=a in ({})", vec!["1"; 400].join(","))).unwrap();
    let mut shared = Shared::new(&aliases);
    assert!(super::expression("@p or @p", &mut shared).is_ok());
    let rest = format!("a in ({})", vec!["1"; 200].join(","));
    assert!(super::expression(&rest, &mut shared).is_ok());
    let error = super::expression("f(a)", &mut shared).unwrap_err();
    assert!(
        error.to_string().contains("more than 1000 values"),
        "{error}"
    );
}

fn name() -> impl Strategy<Value = String> {
    "[A-Z][a-z_0-9]{2,6}".prop_filter("a word of the grammar", |name| {
        let word = name.to_ascii_lowercase();
        let words = ["not", "null", "true", "any", "all", "in"];
        Op::of(&word).is_none() && !words.contains(&word.as_str()) && word != "false"
    })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        Just(Literal::Null),
        any::<bool>().prop_map(Literal::Bool),
        any::<i64>().prop_map(Literal::Int),
        any::<f64>()
            .prop_filter("no number", |n| n.is_finite())
            .prop_map(Literal::Real),
        "[^\0]{0,12}".prop_map(Literal::Text),
        any::<u128>().prop_map(|n| Literal::Guid(Guid(n))),
        any::<i32>().prop_map(|n| Literal::Duration(i64::from(n) * 1_000_003)),
        (-62_135_596_800_000_i64..253_402_300_799_000)
            .prop_map(|ms| Literal::DateTime(Timestamp::from_millis(ms))),
        (name(), "[^\0]{0,5}")
            .prop_filter("a type of a literal", |(ty, _)| {
                let types = ["guid", "datetime", "datetimeoffset", "duration"];
                !types.contains(&ty.to_ascii_lowercase().as_str())
            })
            .prop_map(|(ty, member)| Literal::Enum(ty, member)),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let path = proptest::collection::vec(name(), 1..3);
    let leaf = prop_oneof![literal().prop_map(Expr::Literal), path.prop_map(Expr::Path)];
    leaf.prop_recursive(5, 60, 3, |inner| {
        let many = proptest::collection::vec(inner.clone(), 0..3);
        let path = proptest::collection::vec(name(), 1..3);
        let op = (0..Op::ALL.len()).prop_map(|i| Op::ALL[i].0);
        prop_oneof![
            inner.clone().prop_map(|e| Expr::Not(e.into())),
            // A negated number is a number.
            inner.clone().prop_map(|e| match e {
                Expr::Literal(_) => e,
                e => Expr::Negate(e.into()),
            }),
            (op, inner.clone(), inner.clone()).prop_map(|(op, a, b)| Expr::Binary(
                op,
                a.into(),
                b.into()
            )),
            (inner.clone(), many.clone()).prop_map(|(e, list)| Expr::In(e.into(), list)),
            ("f[a-z]{1,5}", many).prop_map(|(name, args)| Expr::Call(name, args)),
            (path, any::<bool>(), name(), inner).prop_map(|(path, all, name, body)| {
                Expr::Lambda {
                    path,
                    all,
                    body: Some((name, body.into())),
                }
            }),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(expr in expr()) {
        let text = expr.to_string();
        match expression(&text) {
            Ok(read) => prop_assert_eq!(read, expr, "{}", text),
            // Such an expression is refused for its size alone.
            Err(error) => prop_assert!(error.to_string().contains("limit"), "{}: {}", text, error),
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,80}") {
        let _ = expression(&text);
        let _ = order(&text);
    }

    #[test]
    fn no_tokens_panic(words in proptest::collection::vec(
        prop_oneof![
            Just("("), Just(")"), Just(","), Just("/"), Just(":"), Just("&"), Just("-"),
            Just("not"), Just("and"), Just("eq"), Just("in"), Just("any"), Just("all"),
            Just("a"), Just("'x'"), Just("1"), Just("null"), Just("desc"),
            Just("2018-01-15"), Just("contains"), Just("@p"), Just("$it"),
        ], 0..40)) {
        let text = words.join(" ");
        let _ = expression(&text);
        let _ = order(&text);
    }
}
