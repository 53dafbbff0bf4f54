//! Query options of structures that are no entities: they can be asked for some of their members.

use serde_json::{Map, Value};

use crate::bind::no_property;
use crate::edm::{self, ComplexType};
use crate::honours::Options;
use crate::{Result, options};

/// What `$select` asks of a structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection(Option<Vec<&'static str>>);

impl Selection {
    /// Reads the options of a query string.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for a member that the structure does not have, and for every option but
    /// `$select` and `$format`.
    pub fn parse(ty: &ComplexType, raw: &str) -> Result<Selection> {
        Options::SELECT.check(raw)?;
        Selection::among(ty, raw)
    }

    /// As [`Selection::parse`], of a request whose other options mean something else.
    ///
    /// # Errors
    /// As there, but for other options.
    pub fn among(ty: &ComplexType, raw: &str) -> Result<Selection> {
        let options = options::options(raw)?;
        let select = options.iter().find(|(name, _)| *name == "select");
        let given = select.map(|(_, value)| Selection::of(ty, value));
        Ok(given.transpose()?.unwrap_or_default())
    }

    fn of(ty: &ComplexType, text: &str) -> Result<Selection> {
        let mut names = Vec::new();
        for name in text.split(',').map(str::trim) {
            if name == "*" {
                return Ok(Selection::default());
            }
            let prop = edm::find(ty.props, name).ok_or_else(|| no_property(name, ty.name))?;
            if !names.contains(&prop.name) {
                names.push(prop.name);
            }
        }
        Ok(Selection(Some(names)))
    }

    /// Drops the members that are not selected.
    pub fn apply(&self, members: &mut Map<String, Value>) {
        if let Some(names) = &self.0 {
            members.retain(|name, _| names.contains(&name.as_str()));
        }
    }

    /// What a context says of it behind the name of the type: `(Id,Code)`, or nothing.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.0 {
            Some(names) => format!("({})", names.join(",")),
            None => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Something with members.
    #[odata::complex(name = "SizeDto")]
    struct Size {
        width: i64,
        r#type: String,
    }

    fn selected(raw: &str) -> Result<(String, Value)> {
        let selection = Selection::parse(<Size as edm::Complex>::TYPE, raw)?;
        let Value::Object(mut members) = json!({"Width": 1, "Type": "x"}) else {
            unreachable!("an object was written")
        };
        selection.apply(&mut members);
        Ok((selection.label(), members.into()))
    }

    #[test]
    fn members_are_selected_by_name() {
        let all = json!({"Width": 1, "Type": "x"});
        for raw in ["", "$format=json", "$select=*", "$select=Type,*", "a=b"] {
            assert_eq!(
                selected(raw).unwrap(),
                (String::new(), all.clone()),
                "{raw}"
            );
        }
        let one = ("(Type)".to_owned(), json!({"Type": "x"}));
        assert_eq!(selected("%24SELECT=type,%20Type").unwrap(), one);
        let both = selected("$select=type,width").unwrap();
        assert_eq!(both, ("(Type,Width)".to_owned(), all));
    }

    #[test]
    fn what_it_does_not_have_is_refused() {
        for (raw, why) in [
            ("$select=Depth", "'Depth' on type 'SizeDto'"),
            ("$select=", "'' on type"),
            ("$select=Type/Name", "'Type/Name' on type"),
            ("$expand=Type", "'$expand' cannot be applied"),
            ("$top=1", "'$top' cannot be applied"),
            ("$nope=1", "'$nope' is not supported"),
            ("$select=Type&$select=Width", "more than once"),
        ] {
            let error = selected(raw).unwrap_err().to_string();
            assert!(error.contains(why), "{raw}: {error}");
        }
    }
}
