//! What callers may do with a queue, at random. Operations name items by a number that is taken
//! modulo those there are, so that any part of a sequence is a sequence, and failures shrink.

use std::time::Duration;

use odata::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;

use super::model::{Commit, Config, Failure, Priority, Review};

/// A queue, and what is done with it.
pub type Case = (Config, Vec<Operation>);

/// One thing that a caller does.
#[derive(Debug, Clone)]
pub enum Operation {
    Add(Added),
    AddMany(Commit, Vec<Added>),
    Take(Option<Match>, Taker),
    AddAndTake(Added, Taker),
    End(Which, Ended),
    Progress(Which, Text),
    Edit(Which, Meant, Added),
    RemoveContent(Which, Meant),
    Delete(Which),
    DeleteMany(Vec<(Which, Meant)>),
    Review(Review, Vec<(Which, Meant)>),
    /// Takes an item and lets it be abandoned.
    Abandon,
    /// Waits until whatever falls due soon is due.
    Sleep,
    Stop,
    Kill,
}

/// An item.
#[derive(Debug, Clone, Copy)]
pub enum Which {
    /// One of those that wait.
    New(u8),
    /// One of those that somebody works on.
    InProgress(u8),
    /// One of those that are over.
    Over(u8),
    Nowhere,
}

/// The version of an item that a caller means.
#[derive(Debug, Clone, Copy)]
pub enum Meant {
    Any,
    Seen,
    Wrong,
}

/// A date, seen from when it is sent.
#[derive(Debug, Clone, Copy)]
pub enum When {
    LongAgo(u8),
    Soon,
    Far(u8),
}

/// How long [`When::Soon`] is.
pub const SOON: Duration = Duration::from_millis(150);

impl When {
    pub fn from(self, now: Timestamp) -> Timestamp {
        let at = |year: &str, day: u8| {
            let text = format!("{year}-01-{:02}T00:00:00Z", day + 1);
            Timestamp::parse(&text).unwrap()
        };
        match self {
            Self::LongAgo(day) => at("2020", day),
            Self::Soon => now.plus(SOON),
            Self::Far(day) => at("2050", day),
        }
    }
}

/// A text, or one that is too long.
#[derive(Debug, Clone, Copy)]
pub enum Text {
    Short(&'static str),
    TooLong,
}

/// What a new item is about.
#[derive(Debug, Clone, Copy)]
pub enum Content {
    None,
    Empty,
    Number(i8),
    Text(&'static str),
    BadKey,
    Nested,
    TooLarge,
}

/// A new item; [`None`] is left out of the request.
#[derive(Debug, Clone)]
pub struct Added {
    pub reference: Option<Text>,
    /// `Some(None)` is a word that is none.
    pub priority: Option<Option<Priority>>,
    pub content: Content,
    pub defer: Option<When>,
    pub due: Option<When>,
    pub risk: Option<When>,
    pub progress: Option<Text>,
}

/// Which items a taker wants.
#[derive(Debug, Clone, Copy)]
pub struct Match {
    pub reference: &'static str,
    /// [`None`] is left out of the request, and means the whole reference.
    pub prefix: Option<bool>,
}

/// Who takes.
#[derive(Debug, Clone, Copy)]
pub enum Taker {
    Application,
    Robot,
    UnknownRobot,
    /// Names a queue that is not there.
    Elsewhere,
}

/// How an attempt ends.
#[derive(Debug, Clone)]
pub struct Ended {
    pub how: How,
    pub output: Option<Content>,
    pub analytics: Option<Content>,
    pub progress: Option<Text>,
    pub operation: Option<&'static str>,
    pub defer: Option<When>,
    pub due: Option<When>,
}

#[derive(Debug, Clone, Copy)]
pub enum How {
    Success,
    /// Without an exception; postponed, if there is a date.
    Failure,
    Exception {
        kind: Option<Failure>,
        reason: Option<Text>,
        details: Option<Text>,
    },
}

// --- at random ----------------------------------------------------------------------------------

/// References that are alike in all the ways that texts are compared.
const REFERENCES: &[&str] = &[
    "a", "A", "ab", "a_b", "axb", "a%", "\u{c4}1", "\u{e4}1", "b", "'",
];

const TEXTS: &[&str] = &["", "x", "\u{e4}\"\\\n", "null"];

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        3 => (0_u8..4).prop_map(When::LongAgo),
        2 => Just(When::Soon),
        3 => (0_u8..4).prop_map(When::Far),
    ]
}

fn maybe<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>>
where
    S::Value: Clone,
{
    prop_oneof![2 => Just(None), 1 => strategy.prop_map(Some)]
}

fn text() -> impl Strategy<Value = Text> {
    prop_oneof![20 => select(TEXTS).prop_map(Text::Short), 1 => Just(Text::TooLong)]
}

fn reference() -> impl Strategy<Value = Option<Text>> {
    prop_oneof![
        6 => Just(None),
        20 => select(REFERENCES).prop_map(|r| Some(Text::Short(r))),
        1 => Just(Some(Text::TooLong)),
    ]
}

fn priority() -> impl Strategy<Value = Priority> {
    select(vec![Priority::High, Priority::Normal, Priority::Low])
}

fn good_content() -> impl Strategy<Value = Content> {
    prop_oneof![
        Just(Content::None),
        Just(Content::Empty),
        any::<i8>().prop_map(Content::Number),
        select(TEXTS).prop_map(Content::Text),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let bad = select(vec![Content::BadKey, Content::Nested, Content::TooLarge]);
    prop_oneof![15 => good_content(), 1 => bad]
}

fn result() -> impl Strategy<Value = Content> {
    prop_oneof![20 => good_content(), 1 => Just(Content::TooLarge)]
}

prop_compose! {
    fn added()(
        reference in reference(),
        priority in prop_oneof![
            10 => Just(None),
            20 => priority().prop_map(|p| Some(Some(p))),
            1 => Just(Some(None)),
        ],
        content in content(),
        defer in maybe(when()),
        due in maybe(when()),
        risk in maybe(when()),
        progress in maybe(text()),
    ) -> Added {
        Added { reference, priority, content, defer, due, risk, progress }
    }
}

fn how() -> impl Strategy<Value = How> {
    let kind = select(vec![
        None,
        Some(Failure::ApplicationException),
        Some(Failure::ApplicationException),
        Some(Failure::BusinessException),
    ]);
    let told = (kind, maybe(text()), maybe(text()));
    prop_oneof![
        2 => Just(How::Success),
        2 => Just(How::Failure),
        4 => told.prop_map(|(kind, reason, details)| How::Exception { kind, reason, details }),
    ]
}

prop_compose! {
    fn ended()(
        how in how(),
        output in maybe(result()),
        analytics in maybe(result()),
        progress in maybe(text()),
        operation in maybe(select(&["op-1", "op-2"][..])),
        defer in maybe(when()),
        due in maybe(when()),
    ) -> Ended {
        // A date on success says nothing.
        let defer = defer.filter(|_| !matches!(how, How::Success));
        let due = due.filter(|_| defer.is_some());
        Ended { how, output, analytics, progress, operation, defer, due }
    }
}

fn which() -> impl Strategy<Value = Which> {
    prop_oneof![
        8 => any::<u8>().prop_map(Which::New),
        8 => any::<u8>().prop_map(Which::InProgress),
        8 => any::<u8>().prop_map(Which::Over),
        1 => Just(Which::Nowhere),
    ]
}

fn in_progress() -> impl Strategy<Value = Which> {
    prop_oneof![9 => any::<u8>().prop_map(Which::InProgress), 1 => which()]
}

fn meant() -> impl Strategy<Value = Meant> {
    prop_oneof![3 => Just(Meant::Any), 3 => Just(Meant::Seen), 1 => Just(Meant::Wrong)]
}

fn taker() -> impl Strategy<Value = Taker> {
    prop_oneof![
        10 => Just(Taker::Application),
        10 => Just(Taker::Robot),
        1 => Just(Taker::UnknownRobot),
        1 => Just(Taker::Elsewhere),
    ]
}

fn wanted() -> impl Strategy<Value = Match> {
    let prefix = select(vec![None, Some(false), Some(true)]);
    (select(REFERENCES), prefix).prop_map(|(reference, prefix)| Match { reference, prefix })
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let commit = select(vec![
        Commit::AllOrNothing,
        Commit::StopOnFirstFailure,
        Commit::ProcessAllIndependently,
    ]);
    let review = select(vec![
        Review::None,
        Review::InReview,
        Review::Verified,
        Review::Retried,
        Review::Retried,
    ]);
    let failed = (any::<u8>().prop_map(Which::Over), meant());
    let some = prop::collection::vec(prop_oneof![3 => failed, 1 => (which(), meant())], 0..4);
    prop_oneof![
        30 => added().prop_map(O::Add),
        8 => (commit, prop::collection::vec(added(), 0..4)).prop_map(|(c, a)| O::AddMany(c, a)),
        40 => (prop::option::weighted(0.3, wanted()), taker()).prop_map(|(m, t)| O::Take(m, t)),
        6 => (added(), taker()).prop_map(|(a, t)| O::AddAndTake(a, t)),
        45 => (in_progress(), ended()).prop_map(|(w, e)| O::End(w, e)),
        8 => (in_progress(), text()).prop_map(|(w, t)| O::Progress(w, t)),
        8 => (which(), meant(), added()).prop_map(|(w, m, a)| O::Edit(w, m, a)),
        4 => (which(), meant()).prop_map(|(w, m)| O::RemoveContent(w, m)),
        6 => which().prop_map(O::Delete),
        4 => prop::collection::vec((which(), meant()), 0..4).prop_map(O::DeleteMany),
        12 => (review, some).prop_map(|(r, w)| O::Review(r, w)),
        1 => Just(O::Abandon),
        2 => Just(O::Sleep),
        1 => prop_oneof![Just(O::Stop), Just(O::Kill)],
    ]
}

prop_compose! {
    fn config()(
        retries in 0_i64..4,
        retry_failed in any::<bool>(),
        retry_abandoned in any::<bool>(),
        unique in any::<bool>(),
        encrypted in any::<bool>(),
        sla in prop::option::weighted(0.3, Just((60, 30))),
    ) -> Config {
        Config { retries, retry_failed, retry_abandoned, unique, encrypted, sla }
    }
}

/// A queue and up to `most` operations.
pub fn case(most: usize) -> impl Strategy<Value = Case> {
    (config(), prop::collection::vec(operation(), 1..most))
}
