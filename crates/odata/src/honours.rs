//! What an answer honours of the query options: the rest is refused by name, never ignored.
//!
//! What an operation honours follows from what it returns, so that whoever describes it and whoever
//! checks its requests say the same.

use crate::metadata::types::{Named, TypeName, Types};
use crate::metadata::{Model, OpSig};
use crate::options::options;
use crate::{Error, Result};

/// A set of query options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options(u8);

/// Their names, in the order in which they are told.
const NAMES: [(&str, Options); 8] = [
    ("filter", Options::FILTER),
    ("orderby", Options::ORDERBY),
    ("top", Options::TOP),
    ("skip", Options::SKIP),
    ("count", Options::COUNT),
    ("select", Options::SELECT),
    ("expand", Options::EXPAND),
    ("skiptoken", Options::SKIPTOKEN),
];

impl Options {
    /// None of them.
    pub const NONE: Options = Options(0);
    /// `$filter`
    pub const FILTER: Options = Options(1);
    /// `$orderby`
    pub const ORDERBY: Options = Options(1 << 1);
    /// `$top`
    pub const TOP: Options = Options(1 << 2);
    /// `$skip`
    pub const SKIP: Options = Options(1 << 3);
    /// `$count`
    pub const COUNT: Options = Options(1 << 4);
    /// `$select`
    pub const SELECT: Options = Options(1 << 5);
    /// `$expand`
    pub const EXPAND: Options = Options(1 << 6);
    /// `$skiptoken`
    pub const SKIPTOKEN: Options = Options(1 << 7);
    /// What a list of entities honours: all of them.
    pub const LIST: Options = Options(0xff);
    /// What a single entity honours: how it is shown.
    pub const ENTITY: Options = Options::SELECT.and(Options::EXPAND);
    /// What a list of plain values honours: which part of it is shown.
    pub const VALUES: Options = Options::TOP.and(Options::SKIP).and(Options::COUNT);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: Options) -> Options {
        Options(self.0 | other.0)
    }

    /// This set without the others.
    #[must_use]
    pub const fn without(self, others: Options) -> Options {
        Options(self.0 & !others.0)
    }

    /// Whether all of the others are in it.
    #[must_use]
    pub const fn has(self, others: Options) -> bool {
        self.0 & others.0 == others.0
    }

    /// What each operation of the model honours, by what it returns.
    #[must_use]
    pub fn of_operations(model: &Model<'_>) -> Vec<Options> {
        let types = Types::of(model);
        let ops = model.ops.iter();
        ops.map(|op| Options::of_operation(op, &types)).collect()
    }

    pub(crate) fn of_operation(op: &OpSig, types: &Types) -> Options {
        let Some(returned) = TypeName::parse(&op.returns) else {
            return Options::NONE;
        };
        match (types.find(returned.name), returned.collection) {
            // Nobody gets to another page of what was done once.
            (Some(Named::Entity(_)), true) if op.action => {
                Options::LIST.without(Options::SKIPTOKEN)
            }
            (Some(Named::Entity(_)), true) => Options::LIST,
            (Some(Named::Entity(_)), false) => Options::ENTITY,
            (Some(Named::Complex), false) if !op.action => Options::SELECT,
            (Some(Named::Enum | Named::Complex), true) if !op.action => Options::VALUES,
            (None, true) if returned.primitive && !op.action => Options::VALUES,
            _ => Options::NONE,
        }
    }

    /// Checks that a query string, as it came, asks for nothing else. No number is what every answer
    /// can leave out: clients put `$count=false` behind whatever they do not page.
    ///
    /// # Errors
    /// [`Error::Invalid`] that names the first option that is not honoured, or is none at all.
    pub fn check(self, raw: &str) -> Result<()> {
        for (name, value) in options(raw)? {
            if name == "count" && value.trim().eq_ignore_ascii_case("false") {
                continue;
            }
            let known = NAMES.iter().find(|(known, _)| *known == name);
            if known.is_some_and(|(_, option)| !self.has(*option)) {
                return Err(Error::query(format_args!(
                    "The query option '${name}' cannot be applied here: this answer honours {}.",
                    self.told()
                )));
            }
        }
        Ok(())
    }

    /// `none of them`, or `$select and $expand only`.
    fn told(self) -> String {
        let names: Vec<String> = NAMES
            .iter()
            .filter(|(_, option)| self.has(*option))
            .map(|(name, _)| format!("${name}"))
            .collect();
        match names.split_last() {
            None => "none of them".to_owned(),
            Some((last, [])) => format!("{last} only"),
            Some((last, before)) => format!("{} and {last} only", before.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::sample;

    #[test]
    fn what_is_not_honoured_is_refused_by_name() {
        for (honoured, raw) in [
            (Options::NONE, ""),
            (Options::NONE, "$format=json&key=5&@p=1&top=2"),
            (Options::NONE, "$count=False"),
            (Options::VALUES, "$top=1&$skip=2&%24count=true"),
            (Options::ENTITY, "$select=Id&$EXPAND=Robot($top=1)"),
            (
                Options::LIST,
                "$filter=a eq 1&$orderby=a&$top=1&$skip=1&$count=true",
            ),
        ] {
            assert!(honoured.check(raw).is_ok(), "{raw}");
        }
        for (honoured, raw, message) in [
            (
                Options::NONE,
                "$Top=x",
                "'$top' cannot be applied here: this answer honours none",
            ),
            (
                Options::SELECT,
                "$expand=A",
                "'$expand' cannot be applied here: this answer honours $select only.",
            ),
            (
                Options::ENTITY,
                "$top=1",
                "honours $select and $expand only.",
            ),
            (
                Options::VALUES,
                "$top=1$filter=a",
                "'$filter' cannot be applied here: this answer honours $top, $skip and $count only.",
            ),
            (Options::VALUES, "$nope=1", "'$nope' is not supported"),
            (Options::LIST, "$search=a", "'$search' is not supported"),
            (Options::NONE, "$format=json&$format=json", "more than once"),
        ] {
            let error = honoured.check(raw).unwrap_err();
            let Error::Invalid(text) = error else {
                panic!("{raw}: {error}")
            };
            assert!(text.contains(message), "{raw}: {text}");
        }
    }

    #[test]
    fn an_operation_honours_what_its_result_can() {
        let types = Types::of(&sample::MODEL);
        let op = |action, returns| {
            let op = OpSig {
                action,
                returns: String::from(returns),
                ..sample::OPS[0].clone()
            };
            Options::of_operation(&op, &types)
        };
        assert_eq!(op(false, "Collection(PetDto)"), Options::LIST);
        let done_once = Options::LIST.without(Options::SKIPTOKEN);
        assert_eq!(op(true, "Collection(PetDto)"), done_once);
        assert_eq!(op(false, "PetDto"), Options::ENTITY);
        assert_eq!(op(false, "Collection(Edm.String)"), Options::VALUES);
        assert_eq!(op(false, "Collection(Manner)"), Options::VALUES);
        assert_eq!(op(false, "FeedDto"), Options::SELECT);
        for (action, returns) in [
            (true, "FeedDto"),
            (true, "Collection(FeedDto)"),
            (true, "Collection(Edm.Int64)"),
            (true, ""),
            (false, "Edm.String"),
            (false, "Edm.Stream"),
            (false, "Nobody"),
        ] {
            assert_eq!(op(action, returns), Options::NONE, "{returns}");
        }
    }
}
