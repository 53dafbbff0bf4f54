//! What is asked, at random: small, but anything that can be written.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::asking::{Asked, MEMBERS, Sort};
use super::formula::{Bool, Int, Place, Real, Span, Text, When};
use super::world::{instant, word};

fn place() -> impl Strategy<Value = Place> {
    let parents = prop_oneof![5 => Just(0_u8), 2 => Just(1), 1 => Just(2)];
    (any::<u8>(), parents).prop_map(|(row, parents)| Place { row, parents })
}

fn text() -> impl Strategy<Value = Text> {
    let leaf = prop_oneof![
        place().prop_map(Text::S),
        place().prop_map(Text::T),
        place().prop_map(Text::P),
        word().prop_map(Text::Const),
    ];
    leaf.prop_recursive(2, 5, 2, |inner| {
        let len = prop::option::of(-1_i64..3);
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Text::Concat(a.into(), b.into())),
            (inner.clone(), -1_i64..4, len).prop_map(|(s, from, len)| Text::Substring(
                s.into(),
                from,
                len
            )),
            inner.clone().prop_map(|s| Text::Lower(s.into())),
            inner.prop_map(|s| Text::Trim(s.into())),
        ]
    })
}

fn int() -> impl Strategy<Value = Int> {
    let part = select(vec!["year", "month", "day", "hour", "minute", "second"]);
    let leaf = prop_oneof![
        3 => place().prop_map(Int::N),
        3 => place().prop_map(Int::M),
        3 => (-4_i64..5).prop_map(Int::Const),
        1 => text().prop_map(|s| Int::Length(s.into())),
        1 => (text(), text()).prop_map(|(a, b)| Int::IndexOf(a.into(), b.into())),
        1 => (part, place()).prop_map(|(part, at)| Int::Part(part, at)),
    ];
    leaf.prop_recursive(2, 5, 2, |inner| {
        let op = select(vec!["add", "sub", "mul", "div", "mod"]);
        (op, inner.clone(), inner).prop_map(|(op, a, b)| Int::Calculate(op, a.into(), b.into()))
    })
}

fn real() -> impl Strategy<Value = Real> {
    let leaf = prop_oneof![
        3 => place().prop_map(Real::R),
        2 => (-4_i8..5).prop_map(|n| Real::Const(f64::from(n) / 2.0)),
        1 => int().prop_map(|n| Real::Whole(n.into())),
    ];
    leaf.prop_recursive(2, 5, 2, |inner| {
        let op = select(vec!["add", "sub", "mul"]);
        let round = select(vec!["round", "floor", "ceiling"]);
        prop_oneof![
            inner.clone().prop_map(|a| Real::Negate(a.into())),
            (round, inner.clone()).prop_map(|(round, a)| Real::Round(round, a.into())),
            (op, inner.clone(), inner).prop_map(|(op, a, b)| Real::Calculate(
                op,
                a.into(),
                b.into()
            )),
        ]
    })
}

fn when() -> impl Strategy<Value = When> {
    let leaf = prop_oneof![
        3 => place().prop_map(When::At),
        3 => place().prop_map(When::Day),
        3 => instant().prop_map(When::Const),
    ];
    leaf.prop_recursive(2, 4, 1, |inner| {
        (select(vec!["add", "sub"]), inner, ticks())
            .prop_map(|(op, at, by)| When::Moved(op, at.into(), Span::Const(by)))
    })
}

/// Up to some days, often whole ones, so that something is equal now and then.
fn ticks() -> impl Strategy<Value = i64> {
    const DAY: i64 = 86_400 * 10_000_000;
    prop_oneof![(-3_i64..4).prop_map(|days| days * DAY), -5 * DAY..5 * DAY]
}

fn span() -> impl Strategy<Value = Span> {
    let leaf = prop_oneof![
        2 => ticks().prop_map(Span::Const),
        3 => (when(), when()).prop_map(|(a, b)| Span::Between(a.into(), b.into())),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        let op = select(vec!["add", "sub"]);
        prop_oneof![
            inner.clone().prop_map(|a| Span::Negate(a.into())),
            (op, inner.clone(), inner).prop_map(|(op, a, b)| Span::Calculate(
                op,
                a.into(),
                b.into()
            )),
        ]
    })
}

fn comparison() -> impl Strategy<Value = &'static str> {
    select(vec!["eq", "ne", "gt", "ge", "lt", "le"])
}

fn color() -> impl Strategy<Value = Bool> {
    let one = select(vec![("Clear", 0), ("red", 1), ("2", 2), ("Blue", 4)]);
    let mixed = select(vec![("Red", 1), ("4", 4), ("Red,Blue", 5), ("Clear", 0)]);
    prop_oneof![
        (comparison(), place(), one)
            .prop_map(|(op, at, (name, number))| Bool::Color(op, at, name, number)),
        (place(), mixed).prop_map(|(at, (name, bits))| Bool::Color("has", at, name, bits)),
    ]
}

fn condition() -> impl Strategy<Value = Bool> {
    let op = comparison;
    let search = select(vec!["contains", "startswith", "endswith"]);
    let numbers = prop::collection::vec(prop::option::of(-3_i64..4), 0..4);
    let words = prop::collection::vec(word(), 0..4);
    let leaf = prop_oneof![
        2 => place().prop_map(Bool::B),
        3 => (op(), int(), int()).prop_map(|(op, a, b)| Bool::Int(op, a, b)),
        1 => (any::<bool>(), int()).prop_map(|(is, a)| Bool::IntIsNull(is, a)),
        2 => (op(), real(), real()).prop_map(|(op, a, b)| Bool::Real(op, a, b)),
        3 => (op(), text(), text()).prop_map(|(op, a, b)| Bool::Text(op, a, b)),
        1 => (any::<bool>(), text()).prop_map(|(is, a)| Bool::TextIsNull(is, a)),
        2 => (op(), when(), when()).prop_map(|(op, a, b)| Bool::When(op, a, b)),
        2 => (op(), span(), span()).prop_map(|(op, a, b)| Bool::Span(op, a, b)),
        2 => color(),
        2 => (search, text(), text()).prop_map(|(f, a, b)| Bool::Search(f, a, b)),
        1 => (int(), numbers).prop_map(|(a, list)| Bool::IntIn(a, list)),
        1 => (text(), words).prop_map(|(a, list)| Bool::TextIn(a, list)),
        1 => (any::<bool>(), place(), op(), text())
            .prop_map(|(all, at, op, text)| Bool::Words(all, at, op, text)),
        1 => place().prop_map(|at| Bool::Children(false, at, None)),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| Bool::Not(a.into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Bool::And(a.into(), b.into())),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Bool::Or(a.into(), b.into())),
            (inner.clone(), any::<bool>()).prop_map(|(a, value)| Bool::Is(a.into(), value)),
            (any::<bool>(), place(), inner).prop_map(|(all, at, body)| Bool::Children(
                all,
                at,
                Some(body.into())
            )),
        ]
    })
}

/// A constant cannot be sorted by, nor its negation, which is a constant, too.
fn constant(sort: &Sort) -> bool {
    match sort {
        Sort::Real(real) => {
            let mut real = real;
            while let Real::Negate(inner) = real {
                real = inner;
            }
            matches!(real, Real::Const(_))
        }
        Sort::Int(Int::Const(_)) | Sort::Text(Text::Const(_)) | Sort::When(When::Const(_)) => true,
        _ => false,
    }
}

fn sort() -> impl Strategy<Value = Sort> {
    let any = prop_oneof![
        3 => int().prop_map(Sort::Int),
        1 => real().prop_map(Sort::Real),
        3 => text().prop_map(Sort::Text),
        2 => when().prop_map(Sort::When),
        2 => condition().prop_map(Sort::Bool),
        1 => Just(Sort::Id),
    ];
    any.prop_map(|sort| if constant(&sort) { Sort::Id } else { sort })
}

fn names() -> impl Strategy<Value = Option<Vec<&'static str>>> {
    let mut names = MEMBERS.to_vec();
    // Selected without being expanded, it is not there.
    names.push("Parent");
    prop::option::weighted(0.4, subsequence(names, 1..4))
}

/// Options, with those of what is expanded.
fn options(
    parent: BoxedStrategy<Option<Box<Asked>>>,
    children: BoxedStrategy<Option<Box<Asked>>>,
) -> impl Strategy<Value = Asked> {
    let paging = (
        prop::option::weighted(0.4, 0_usize..8),
        prop::option::weighted(0.3, 0_usize..6),
        prop::option::weighted(0.4, any::<bool>()),
    );
    let filter = prop::option::weighted(0.6, condition());
    let order = prop_oneof![
        3 => Just(Vec::new()),
        4 => prop::collection::vec((sort(), any::<bool>()), 1..4),
    ];
    let options = (filter, order, paging, names(), parent, children);
    options.prop_map(
        |(filter, order, (top, skip, count), select, parent, children)| Asked {
            filter,
            order,
            top,
            skip,
            count,
            select,
            parent,
            children,
        },
    )
}

/// A query with up to two levels of what is expanded.
pub fn asked() -> impl Strategy<Value = Asked> {
    let mut level: BoxedStrategy<Asked> = options(Just(None).boxed(), Just(None).boxed()).boxed();
    for _ in 0..2 {
        let inner = level.clone().prop_map(Box::new);
        let only = |asked: Asked| Asked {
            select: asked.select,
            parent: asked.parent,
            children: asked.children,
            ..Asked::default()
        };
        let parent = level.prop_map(move |asked| Box::new(only(asked)));
        let parent = prop::option::weighted(0.25, parent).boxed();
        let children = prop::option::weighted(0.25, inner).boxed();
        level = options(parent, children).boxed();
    }
    level
}
