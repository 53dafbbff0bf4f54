//! A statement that is put together at run time.
//!
//! Both engines take `$1 … $n`, so a buffer and a list are all that is needed: there is one text for
//! both, and no value ever becomes part of the text.

use crate::Value;

/// A statement under construction: its text and the values of its placeholders.
///
/// ```
/// let mut sql = db::Sql::new();
/// sql.push("SELECT name FROM robots WHERE folder_id = ").bind(7_i64);
/// sql.push(" AND fold(name) = fold(").bind("Ärmel").push(")");
/// assert_eq!(sql.text, "SELECT name FROM robots WHERE folder_id = $1 AND fold(name) = fold($2)");
/// assert_eq!(sql.params, vec![db::Value::Int(7), db::Value::Text("Ärmel".into())]);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sql {
    /// The text, with a placeholder `$n` for every value.
    pub text: String,
    /// The values: `params[0]` is `$1`.
    pub params: Vec<Value>,
}

impl Sql {
    /// An empty statement.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends text as it stands. It must never hold anything a client sent.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends the next placeholder and remembers its value.
    pub fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.params.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.params.len().to_string());
        self
    }
}
