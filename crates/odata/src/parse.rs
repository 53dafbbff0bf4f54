//! From tokens to an expression: a Pratt parser, one function per thing that can stand.
//!
//! Two limits keep it safe against any input: an expression has at most [`MAX_NODES`] nodes, so
//! whoever walks the tree is bounded, and brackets nest at most [`MAX_DEPTH`] deep, so the parser
//! itself is.

use crate::lex::{self, Tok, Token};
use crate::options::Aliases;
use crate::syntax::{Expr, Literal, Op};
use crate::{Error, Result};

/// "The maximum number of expressions is 100": the published limit of `$filter`.
pub(crate) const MAX_NODES: usize = 100;
/// Brackets, functions and `not` within each other.
const MAX_DEPTH: usize = 50;
/// Values in the lists of a request, e.g. after `in`. They do not count as expressions, because
/// nobody walks them; but each is a parameter, and databases limit these.
const MAX_LISTED: usize = 1_000;

/// What the expressions of a request share: the values of its aliases, and how much may be said.
pub(crate) struct Shared<'a> {
    aliases: &'a Aliases,
    nodes: usize,
    listed: usize,
    /// How often an alias was read. Its text is read each time, so that is bounded, too.
    resolved: usize,
}

impl<'a> Shared<'a> {
    pub fn new(aliases: &'a Aliases) -> Shared<'a> {
        Shared {
            aliases,
            nodes: 0,
            listed: 0,
            resolved: 0,
        }
    }
}

/// Reads one condition from the whole text. All conditions of a request count together.
///
/// # Errors
/// [`Error::Invalid`] with the position of the first token that does not fit, or the limit.
pub(crate) fn expression(text: &str, shared: &mut Shared<'_>) -> Result<Expr> {
    whole(text, shared, 0)
}

fn whole(text: &str, shared: &mut Shared<'_>, depth: usize) -> Result<Expr> {
    let mut parser = Parser::new(text, shared, depth)?;
    let expr = parser.expr(0)?;
    parser.end()?;
    Ok(expr)
}

/// Reads expressions between commas, each followed by `asc`, `desc` or neither; the flag says
/// whether it was `desc`.
///
/// # Errors
/// As [`expression`].
pub(crate) fn order(text: &str, shared: &mut Shared<'_>) -> Result<Vec<(Expr, bool)>> {
    // What is sorted by does not count as a condition.
    let mut own = Shared::new(shared.aliases);
    let mut parser = Parser::new(text, &mut own, 0)?;
    let mut terms = Vec::new();
    loop {
        let expr = parser.expr(0)?;
        let descending = parser.word("desc");
        if !descending {
            parser.word("asc");
        }
        terms.push((expr, descending));
        if !parser.symbol(',') {
            parser.end()?;
            return Ok(terms);
        }
    }
}

struct Parser<'t, 's, 'a> {
    text: &'t str,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    shared: &'s mut Shared<'a>,
}

impl<'t, 's, 'a> Parser<'t, 's, 'a> {
    fn new(text: &'t str, shared: &'s mut Shared<'a>, depth: usize) -> Result<Self> {
        Ok(Parser {
            text,
            tokens: lex::tokens(text)?,
            at: 0,
            depth,
            shared,
        })
    }

    fn peek(&self) -> &Tok {
        self.ahead(0)
    }

    /// The token `n` further on; the end goes on for ever.
    fn ahead(&self, n: usize) -> &Tok {
        self.tokens
            .get(self.at + n)
            .map_or(&Tok::End, |token| &token.kind)
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    fn symbol(&mut self, symbol: char) -> bool {
        let found = *self.peek() == Tok::Symbol(symbol);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, expected: &str) -> bool {
        let found = matches!(self.peek(), Tok::Word(word) if word.eq_ignore_ascii_case(expected));
        self.at += usize::from(found);
        found
    }

    fn error(&self, why: &str) -> Error {
        let at = self
            .tokens
            .get(self.at)
            .map_or(self.text.len(), |token| token.at);
        lex::syntax_error(self.text, at, why)
    }

    fn expect(&mut self, symbol: char) -> Result<()> {
        if self.symbol(symbol) {
            return Ok(());
        }
        Err(self.error(&format!("Syntax error: '{symbol}' is expected")))
    }

    fn end(&self) -> Result<()> {
        if *self.peek() == Tok::End {
            return Ok(());
        }
        Err(self.error("Syntax error"))
    }

    /// Counts a node.
    fn node(&mut self, expr: Expr) -> Result<Expr> {
        self.shared.nodes += 1;
        if self.shared.nodes > MAX_NODES {
            return Err(too_many());
        }
        Ok(expr)
    }

    /// The value of an alias, read in its place.
    fn alias(&mut self, name: &str) -> Result<Expr> {
        self.shared.resolved += 1;
        if self.shared.resolved > MAX_NODES {
            return Err(too_many());
        }
        let aliases = self.shared.aliases;
        whole(aliases.get(name)?, self.shared, self.depth)
    }

    /// An expression whose operators bind at least as strongly as `power`.
    fn expr(&mut self, power: u8) -> Result<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::query(format_args!(
                "The expression is nested more than {MAX_DEPTH} levels deep."
            )));
        }
        let mut left = self.prefix()?;
        loop {
            if Op::IN >= power && self.word("in") {
                let items = self.list()?;
                left = self.node(Expr::In(left.into(), items))?;
                continue;
            }
            let Some(op) = self.operator().filter(|op| op.power() >= power) else {
                break;
            };
            self.advance();
            let right = self.expr(op.power() + 1)?;
            left = self.node(Expr::Binary(op, left.into(), right.into()))?;
        }
        self.depth -= 1;
        Ok(left)
    }

    /// The operator that comes next. `&` reads as `and`: a published example joins two conditions
    /// with it, and nothing else can be meant.
    fn operator(&self) -> Option<Op> {
        match self.peek() {
            Tok::Symbol('&') => Some(Op::And),
            Tok::Word(word) => Op::of(word),
            _ => None,
        }
    }

    /// An operand with what stands before it.
    fn prefix(&mut self) -> Result<Expr> {
        if self.symbol('-') {
            return match self.expr(Op::UNARY)? {
                Expr::Literal(Literal::Int(n)) if n != i64::MIN => {
                    Ok(Expr::Literal(Literal::Int(-n)))
                }
                Expr::Literal(Literal::Real(n)) => Ok(Expr::Literal(Literal::Real(-n))),
                other => self.node(Expr::Negate(other.into())),
            };
        }
        if self.symbol('(') {
            let inner = self.expr(0)?;
            self.expect(')')?;
            return Ok(inner);
        }
        // `not` binds tighter than any operator, but `not contains(…) eq true` and
        // `not Name eq 'x'` are written for `not (…)`: comparing a negated text means nothing.
        if matches!(self.peek(), Tok::Word(word) if word.eq_ignore_ascii_case("not")) {
            self.advance();
            let inner = self.expr(Op::IN)?;
            return self.node(Expr::Not(inner.into()));
        }
        match self.peek().clone() {
            Tok::Literal(literal) => {
                self.advance();
                self.node(Expr::Literal(literal))
            }
            Tok::Word(word) => {
                self.advance();
                match word.starts_with('@') {
                    true => self.alias(&word),
                    false => self.named(word),
                }
            }
            _ => Err(self.error("Syntax error: an expression is expected")),
        }
    }

    /// What starts with a word: a constant, a function or a path.
    fn named(&mut self, word: String) -> Result<Expr> {
        if *self.peek() == Tok::Symbol('(') {
            let args = self.list()?;
            return self.node(Expr::Call(word.to_ascii_lowercase(), args));
        }
        if *self.peek() != Tok::Symbol('/') {
            let constant = match word.to_ascii_lowercase().as_str() {
                "null" => Some(Literal::Null),
                "true" => Some(Literal::Bool(true)),
                "false" => Some(Literal::Bool(false)),
                _ => None,
            };
            if let Some(literal) = constant {
                return self.node(Expr::Literal(literal));
            }
        }
        let mut path = vec![word];
        while self.symbol('/') {
            let Tok::Word(name) = self.peek().clone() else {
                return Err(self.error("Syntax error: a name is expected"));
            };
            let all = name.eq_ignore_ascii_case("all");
            self.advance();
            if (all || name.eq_ignore_ascii_case("any")) && self.symbol('(') {
                return self.lambda(path, all);
            }
            path.push(name);
        }
        self.node(Expr::Path(path))
    }

    /// The inside of `any(…)` or `all(…)`, up to the closing bracket.
    fn lambda(&mut self, path: Vec<String>, all: bool) -> Result<Expr> {
        if !all && self.symbol(')') {
            return self.node(Expr::Lambda {
                path,
                all,
                body: None,
            });
        }
        let Tok::Word(variable) = self.peek().clone() else {
            return Err(self.error("Syntax error: a variable is expected"));
        };
        self.advance();
        self.expect(':')?;
        let body = self.expr(0)?;
        self.expect(')')?;
        self.node(Expr::Lambda {
            path,
            all,
            body: Some((variable, body.into())),
        })
    }

    /// Expressions in brackets; there may be none. Literals are not counted.
    fn list(&mut self) -> Result<Vec<Expr>> {
        self.expect('(')?;
        let mut items = Vec::new();
        if self.symbol(')') {
            return Ok(items);
        }
        loop {
            let before = self.shared.nodes;
            let item = self.expr(0)?;
            if matches!(item, Expr::Literal(_)) {
                self.shared.nodes = before;
            }
            items.push(item);
            self.shared.listed += 1;
            if self.shared.listed > MAX_LISTED {
                return Err(Error::query(format_args!(
                    "Lists hold more than {MAX_LISTED} values."
                )));
            }
            if !self.symbol(',') {
                self.expect(')')?;
                return Ok(items);
            }
        }
    }
}

fn too_many() -> Error {
    Error::query(format_args!(
        "The node count limit of '{MAX_NODES}' has been exceeded: the maximum number of \
         expressions is {MAX_NODES}."
    ))
}

#[cfg(test)]
mod tests;
