//! Reads `facts.txt` and `differences.txt`.

use std::collections::HashMap;

/// Everything the contract says.
pub struct Facts {
    /// All operations.
    pub operations: Vec<Operation>,
    schemas: HashMap<&'static str, Schema>,
}

/// One operation.
pub struct Operation {
    /// `GET`
    pub method: &'static str,
    /// `/odata/Jobs({key})`
    pub path: &'static str,
    /// Documented statuses and what is answered with them.
    pub answers: Vec<(u16, Option<Type>)>,
    /// Parameters of the query.
    pub query: Vec<Member>,
    /// The body it takes.
    pub body: Option<Type>,
}

/// One structure.
#[derive(Debug)]
pub struct Schema {
    /// Its name.
    pub name: &'static str,
    /// Its members.
    pub members: Vec<Member>,
    /// Whether it may have others, too.
    pub open: bool,
}

impl Schema {
    /// The member of this name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// One member of a structure, or one parameter.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub ty: Type,
    /// Always there.
    pub required: bool,
    /// Not taken from bodies.
    pub read_only: bool,
}

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// Anything.
    Any,
    /// Bytes.
    File,
    /// Yes or no.
    Bool,
    /// A text, and how long it may be at most.
    Text(Option<u64>),
    /// A GUID.
    Uuid,
    /// A time.
    Time,
    /// Base64.
    Bytes,
    /// A whole number of 32 bits.
    Int32,
    /// A whole number of 64 bits.
    Int64,
    /// Any number.
    Number,
    /// One of these.
    Enum(Vec<&'static str>),
    /// A list.
    List(Box<Type>),
    /// A dictionary.
    Map(Box<Type>),
    /// A structure, by name.
    Schema(&'static str),
}

impl Facts {
    pub(super) fn read(text: &'static str) -> Self {
        let mut facts = Self {
            operations: Vec::new(),
            schemas: HashMap::new(),
        };
        for line in lines(text) {
            let mut words = line.split(' ');
            let first = words.next().unwrap_or_default();
            match first {
                "GET" | "POST" | "PUT" | "PATCH" | "DELETE" => {
                    facts.operations.push(operation(first, words));
                }
                name => {
                    facts.schemas.insert(name, schema(name, words));
                }
            }
        }
        facts
    }

    /// The structure of this name.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<&Schema> {
        self.schemas.get(name)
    }

    /// The operation that a request calls.
    #[must_use]
    pub fn called(&self, method: &str, path: &str) -> Option<&Operation> {
        let fits = |op: &&Operation| op.method == method && same_operation(op.path, path);
        self.operations.iter().find(fits)
    }
}

/// Whether a path, or the address of a request, is that of a documented operation. Either may have
/// anything before its area.
#[must_use]
pub fn same_operation(documented: &str, path: &str) -> bool {
    let (named, wanted) = (segments(documented), segments(path));
    let mut both = named.iter().zip(&wanted);
    !named.is_empty() && named.len() == wanted.len() && both.all(|(n, w)| same_segment(n, w))
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn operation(method: &'static str, words: impl Iterator<Item = &'static str>) -> Operation {
    let mut op = Operation {
        method,
        path: "",
        answers: Vec::new(),
        query: Vec::new(),
        body: None,
    };
    let mut in_query = false;
    for (at, word) in words.enumerate() {
        if at == 0 {
            op.path = word;
        } else if word == "?" {
            in_query = true;
        } else if let Some(body) = word.strip_prefix('<') {
            op.body = Some(ty(body));
        } else if in_query {
            op.query.push(member(word));
        } else {
            let (status, of) = word
                .split_once('=')
                .map_or((word, None), |(s, t)| (s, Some(t)));
            let status = status
                .parse()
                .unwrap_or_else(|_| panic!("{word} is no status"));
            op.answers.push((status, of.map(ty)));
        }
    }
    op
}

fn schema(name: &'static str, words: impl Iterator<Item = &'static str>) -> Schema {
    let words: Vec<_> = words.collect();
    Schema {
        name,
        members: words
            .iter()
            .filter(|w| **w != "...")
            .map(|w| member(w))
            .collect(),
        open: words.contains(&"..."),
    }
}

fn member(word: &'static str) -> Member {
    let (bare, required) = word.strip_prefix('*').map_or((word, false), |w| (w, true));
    let (bare, read_only) = bare.strip_suffix('~').map_or((bare, false), |w| (w, true));
    let (name, of) = bare
        .split_once(':')
        .unwrap_or_else(|| panic!("{word} has no type"));
    Member {
        name,
        ty: ty(of),
        required,
        read_only,
    }
}

fn ty(word: &'static str) -> Type {
    let inner = |open, close| word.strip_prefix(open).and_then(|w| w.strip_suffix(close));
    if let Some(element) = inner('[', ']') {
        return Type::List(Box::new(ty(element)));
    }
    if let Some(value) = inner('{', '}') {
        return Type::Map(Box::new(ty(value)));
    }
    let (plain, bounds) = word.split_once('(').unwrap_or((word, ""));
    let most = bounds.trim_end_matches(')').rsplit("..").next();
    match plain {
        "any" => Type::Any,
        "file" => Type::File,
        "bool" => Type::Bool,
        "string" => Type::Text(most.and_then(|m| m.parse().ok())),
        "uuid" => Type::Uuid,
        "date-time" => Type::Time,
        "byte" => Type::Bytes,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "number" => Type::Number,
        _ if word.contains('|') => Type::Enum(word.trim_end_matches('|').split('|').collect()),
        name => Type::Schema(name),
    }
}

/// The segments from the area on, without the query.
fn segments(path: &str) -> Vec<&str> {
    let path = path.split('?').next().unwrap_or_default();
    let all: Vec<_> = path.split('/').filter(|s| !s.is_empty()).collect();
    let areas = ["odata", "api", "tasks", "forms", "identity_"];
    let area = |s: &&str| areas.iter().any(|a| s.eq_ignore_ascii_case(a));
    let from = all.iter().position(area).unwrap_or(all.len());
    all[from..].to_vec()
}

/// `Jobs({key})` and `jobs(1)`, `Ns.GetByKey(identifier={identifier})` and `getbykey(…)`, `{id}` and
/// anything.
fn same_segment(named: &str, wanted: &str) -> bool {
    if named.starts_with('{') {
        return true;
    }
    let parts = |s| -> (String, bool) {
        let (name, args) = str::split_once(s, '(').unwrap_or((s, ")"));
        (name.to_ascii_lowercase(), args != ")")
    };
    let ((named, keyed), (wanted, with_key)) = (parts(named), parts(wanted));
    let short = |s: &str| s.rsplit('.').next().unwrap_or_default().to_owned();
    match named.contains('.') {
        true => short(&named) == short(&wanted),
        false => named == wanted && keyed == with_key,
    }
}

/// Where ours is other than the contract's, on purpose; a line each with the reason.
pub struct Differences {
    lines: Vec<(Vec<&'static str>, &'static str)>,
}

impl Differences {
    pub(super) fn read(text: &'static str) -> Self {
        let line = |line: &'static str| {
            let (what, why) = line
                .split_once(" # ")
                .unwrap_or_else(|| panic!("no reason: {line}"));
            (what.split_whitespace().collect(), why)
        };
        Self {
            lines: lines(text).map(line).collect(),
        }
    }

    /// Whether ours has more members in this structure than the contract lists.
    #[must_use]
    pub fn is_open(&self, schema: &str) -> bool {
        self.know(&["open", schema])
    }

    /// Whether the difference is known, e.g. `["more", "JobDto.FolderKey"]`.
    #[must_use]
    pub fn know(&self, what: &[&str]) -> bool {
        self.lines.iter().any(|(words, _)| words[..] == *what)
    }

    /// The structure that ours has where the contract has the smaller one of this name.
    #[must_use]
    pub fn served_as(&self, schema: &str) -> Option<&'static str> {
        self.lines.iter().find_map(|(words, _)| match words[..] {
            ["as", from, to] if from == schema => Some(to),
            _ => None,
        })
    }

    /// All of a kind.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &[&'static str]> {
        let lines = self.lines.iter().filter(move |(words, _)| words[0] == kind);
        lines.map(|(words, _)| &words[1..])
    }
}
