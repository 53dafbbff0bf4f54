//! From what was written to what is meant: names are looked up in the metamodel, and whatever
//! stands together has to fit (see `coerce`).

use crate::coerce::{self, Bound, Ty, accepts, constant, into_type, unify};
use crate::edm::{self, ComplexType, EntitySet, Kind, Nav, Prop};
use crate::expr::{Const, Exists, Expr, PropRef, Rows, Type};
use crate::functions;
use crate::syntax::{self, Literal, Op};
use crate::{Error, Result};

/// Navigation from property to property at most this far.
const MAX_PATH: usize = 4;

/// Checks a condition on entities of `set`.
///
/// # Errors
/// [`Error::Invalid`] for unknown names, incompatible types, and what is not a condition.
pub(crate) fn condition(set: &'static EntitySet, expr: &syntax::Expr) -> Result<Expr> {
    let mut binder = Binder::new(set, "$filter");
    let bound = binder.bind(expr)?;
    binder.require_bool(bound, "The expression of $filter is not a condition.")
}

/// Checks an expression to sort by, and gives its type.
///
/// # Errors
/// As [`condition`].
pub(crate) fn sort(set: &'static EntitySet, expr: &syntax::Expr) -> Result<(Expr, Type)> {
    let bound = Binder::new(set, "$orderby").bind(expr)?;
    match (bound.ty, &bound.expr) {
        (Ty::Is(ty), expr) if !matches!(expr, Expr::Const(_)) => Ok((bound.expr, ty)),
        _ => Err(Error::query("A constant cannot be sorted by.")),
    }
}

/// What a variable stands for.
#[derive(Clone, Copy)]
enum Row {
    Entity(&'static EntitySet),
    Struct(&'static ComplexType),
    Value(Type),
}

/// Where a path ends.
enum End {
    Prop(&'static Prop),
    /// With the set that it starts from.
    Nav(&'static EntitySet, &'static Nav),
    /// At the variable itself.
    Row,
}

struct Binder {
    /// The entity, then the variables from the outside in, with their names.
    rows: Vec<(String, Row)>,
    option: &'static str,
}

impl Binder {
    fn new(set: &'static EntitySet, option: &'static str) -> Binder {
        Binder {
            rows: vec![("$it".to_owned(), Row::Entity(set))],
            option,
        }
    }

    fn bind(&mut self, expr: &syntax::Expr) -> Result<Bound> {
        match expr {
            syntax::Expr::Literal(literal) => Ok(constant(literal)),
            syntax::Expr::Path(names) => self.path(names),
            syntax::Expr::Not(inner) => {
                let inner = self.bind(inner)?;
                let inner = self.require_bool(inner, "'not' needs a condition.")?;
                Ok(Bound::new(Expr::Not(inner.into()), Type::Bool))
            }
            syntax::Expr::Negate(inner) => match self.bind(inner)? {
                Bound {
                    expr,
                    ty: Ty::Is(ty),
                } if ty.is_number() || ty == Type::Duration => Ok(coerce::negated(expr, ty)),
                other => Err(Error::query(format_args!(
                    "A unary operator with an incompatible type was detected. Found operand type \
                     '{}' for operator kind 'Negate'.",
                    other.ty.name()
                ))),
            },
            syntax::Expr::Binary(op, left, right) => self.binary(*op, left, right),
            syntax::Expr::In(left, items) => self.within(left, items),
            syntax::Expr::Call(name, args) => self.call(name, args),
            syntax::Expr::Lambda { path, all, body } => {
                let body = body
                    .as_ref()
                    .map(|(variable, body)| (variable.as_str(), &**body));
                self.lambda(path, *all, body)
            }
        }
    }

    fn require_bool(&self, bound: Bound, message: &str) -> Result<Expr> {
        match bound.ty {
            Ty::Is(Type::Bool) => Ok(bound.expr),
            _ => Err(Error::query(message)),
        }
    }

    fn binary(&mut self, op: Op, left: &syntax::Expr, right: &syntax::Expr) -> Result<Bound> {
        if matches!(op, Op::Eq | Op::Ne) {
            self.refuse_null_navigation(op, left, right)?;
            self.refuse_null_navigation(op, right, left)?;
        }
        coerce::binary(op, self.bind(left)?, self.bind(right)?)
    }

    /// `Release ne null` cannot be asked; says what can.
    fn refuse_null_navigation(
        &self,
        op: Op,
        side: &syntax::Expr,
        other: &syntax::Expr,
    ) -> Result<()> {
        let syntax::Expr::Path(names) = side else {
            return Ok(());
        };
        if *other != syntax::Expr::Literal(Literal::Null) {
            return Ok(());
        }
        let (_, _, End::Nav(set, nav)) = self.resolve(names)? else {
            return Ok(());
        };
        let target = (nav.target)();
        let name = target.prop("Name").map_or(target.key, |prop| prop.name);
        let op = op.name();
        let before = names[..names.len() - 1]
            .iter()
            .map(|name| format!("{name}/"));
        let before: String = before.collect();
        let mut alternatives = format!("'{before}{}/{name} {op} null'", nav.name);
        if let Some(prop) = set.prop(&format!("{}Name", nav.name)) {
            alternatives = format!("'{before}{} {op} null' or {alternatives}", prop.name);
        }
        Err(Error::query(format_args!(
            "The navigation property '{}' cannot be compared to null. Use {alternatives} instead.",
            nav.name
        )))
    }

    fn within(&mut self, left: &syntax::Expr, items: &[syntax::Expr]) -> Result<Bound> {
        let left = self.bind(left)?;
        let Ty::Is(ty) = left.ty else {
            return Err(Error::query("The left operand of 'in' has no type."));
        };
        let (mut values, mut null) = (Vec::new(), false);
        for item in items {
            let item = self.bind(item)?;
            let item_ty = item.ty;
            // The operand is unified again and again, and none of that changes it.
            let probe = Bound::new(left.expr.clone(), ty);
            match unify(probe, item)? {
                Some((_, Expr::Const(Const::Null), _)) => null = true,
                Some((_, Expr::Const(value), _)) => values.push(value),
                _ => {
                    return Err(Error::query(format_args!(
                        "A list after 'in' holds constants of the type of its operand. Found \
                         '{}' for '{}'.",
                        item_ty.name(),
                        ty.name()
                    )));
                }
            }
        }
        Ok(Bound::new(
            Expr::In(left.expr.into(), ty, values, null),
            Type::Bool,
        ))
    }

    fn call(&mut self, name: &str, args: &[syntax::Expr]) -> Result<Bound> {
        if matches!(name, "cast" | "isof") {
            return Err(Error::query(format_args!(
                "The function '{name}' is not supported: a property has one type, and constants \
                 are read as that type."
            )));
        }
        let signatures = functions::signatures(name);
        if signatures.is_empty() {
            return Err(Error::query(format_args!(
                "An unknown function with name '{name}' was found."
            )));
        }
        let mut bound = Vec::new();
        for arg in args {
            bound.push(self.bind(arg)?);
        }
        for (_, function, types, result) in signatures {
            let number = types.len() == bound.len();
            if !number || !bound.iter().zip(*types).all(|(arg, ty)| accepts(*ty, arg)) {
                continue;
            }
            let result = match bound.first() {
                // Rounding a whole number changes nothing.
                Some(Bound {
                    ty: Ty::Is(Type::Int),
                    ..
                }) if *types == [Type::Real] => {
                    return Ok(bound.swap_remove(0));
                }
                _ => *result,
            };
            let args = bound
                .into_iter()
                .zip(*types)
                .map(|(arg, ty)| into_type(arg, *ty));
            return Ok(Bound::new(Expr::Call(*function, args.collect()), result));
        }
        Err(Error::query(format_args!(
            "No function signature for the function with name '{name}' matches the specified \
             arguments."
        )))
    }

    fn lambda(
        &mut self,
        names: &[String],
        all: bool,
        body: Option<(&str, &syntax::Expr)>,
    ) -> Result<Bound> {
        let (row, path, end) = self.resolve(names)?;
        let (rows, element) = match end {
            End::Nav(_, nav) if nav.many => (Rows::Nav(nav), Row::Entity((nav.target)())),
            End::Prop(prop) => {
                let element = match prop.kind {
                    Kind::Collection(ty) => Row::Struct(ty),
                    Kind::Strings => Row::Value(Type::Text),
                    Kind::Int64s | Kind::Int32s => Row::Value(Type::Int),
                    _ => return Err(not_a_collection(names)),
                };
                self.usable(prop)?;
                (Rows::Json(prop), element)
            }
            _ => return Err(not_a_collection(names)),
        };
        let mut condition = None;
        if let Some((variable, body)) = body {
            self.rows.push((variable.to_owned(), element));
            let bound = self.bind(body)?;
            self.rows.pop();
            condition = Some(self.require_bool(bound, "'any' and 'all' need a condition.")?);
        }
        let exists = Exists {
            row,
            path,
            rows,
            all,
            body: condition,
        };
        Ok(Bound::new(Expr::Exists(exists.into()), Type::Bool))
    }

    fn path(&self, names: &[String]) -> Result<Bound> {
        let (row, path, end) = self.resolve(names)?;
        match end {
            End::Prop(prop) => {
                self.usable(prop)?;
                let json = matches!(self.rows[row].1, Row::Struct(_));
                let Some(ty) = Type::of(prop.kind).filter(|ty| !json || readable(*ty)) else {
                    return Err(self.unusable(prop.name));
                };
                Ok(Bound::new(
                    Expr::Prop(PropRef {
                        row,
                        path,
                        prop,
                        json,
                    }),
                    ty,
                ))
            }
            End::Nav(_, nav) => Err(Error::query(format_args!(
                "The navigation property '{}' is no value; name one of its properties.",
                nav.name
            ))),
            End::Row => match self.rows[row].1 {
                Row::Value(ty) => Ok(Bound::new(Expr::Element(row, ty), ty)),
                _ => Err(Error::query(format_args!(
                    "'{}' is no value.",
                    names.join("/")
                ))),
            },
        }
    }

    fn usable(&self, prop: &Prop) -> Result<()> {
        if prop.filter {
            Ok(())
        } else {
            Err(self.unusable(prop.name))
        }
    }

    fn unusable(&self, name: &str) -> Error {
        let option = self.option;
        Error::query(format_args!(
            "The property '{name}' cannot be used in the {option} query option."
        ))
    }

    /// The row a path starts from, the navigations to at most one on its way, and its end.
    fn resolve(&self, names: &[String]) -> Result<(usize, Vec<&'static Nav>, End)> {
        let first = names.first().map_or("", String::as_str);
        let named = self
            .rows
            .iter()
            .rposition(|(name, _)| name.eq_ignore_ascii_case(first));
        let (row, names) = match named {
            Some(row) => (row, &names[1..]),
            None => (0, names),
        };
        if names.len() > MAX_PATH {
            return Err(Error::query(format_args!(
                "A path is longer than {MAX_PATH} names."
            )));
        }
        let Some((last, steps)) = names.split_last() else {
            return Ok((row, Vec::new(), End::Row));
        };
        let mut set = match self.rows[row].1 {
            Row::Entity(set) => set,
            Row::Struct(ty) if steps.is_empty() => {
                let prop = edm::find(ty.props, last).ok_or_else(|| no_property(last, ty.name))?;
                return Ok((row, Vec::new(), End::Prop(prop)));
            }
            Row::Struct(ty) => return Err(no_property(&steps[0], ty.name)),
            Row::Value(ty) => return Err(no_property(last, ty.name())),
        };
        let mut path = Vec::new();
        for step in steps {
            let nav = set.nav(step).ok_or_else(|| no_property(step, set.entity))?;
            if nav.many {
                return Err(Error::query(format_args!(
                    "'{}' leads to many; use any or all.",
                    nav.name
                )));
            }
            path.push(nav);
            set = (nav.target)();
        }
        if let Some(prop) = set.prop(last) {
            return Ok((row, path, End::Prop(prop)));
        }
        let nav = set.nav(last).ok_or_else(|| no_property(last, set.entity))?;
        Ok((row, path, End::Nav(set, nav)))
    }
}

/// The message for a name that a type does not have.
pub(crate) fn no_property(name: &str, ty: &str) -> Error {
    let name: String = name.chars().take(128).collect();
    Error::query(format_args!(
        "Could not find a property named '{name}' on type '{ty}'."
    ))
}

fn not_a_collection(names: &[String]) -> Error {
    Error::query(format_args!(
        "'any' and 'all' can only be applied to a collection, which '{}' is not.",
        names.join("/")
    ))
}

/// Whether a member of a JSON element can be compared: dates are text there.
fn readable(ty: Type) -> bool {
    !matches!(ty, Type::Date)
}
