//! Reading the attributes: of the struct, of its fields, and the doc comments.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitInt, LitStr, Meta, Result, Token};

/// `name = value` or a bare `name`, separated by commas.
pub struct Args(Vec<(Ident, Option<Expr>)>);

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Args> {
        let metas = Punctuated::<Meta, Token![,]>::parse_terminated(input)?;
        let mut args = Vec::new();
        for meta in metas {
            let (path, value) = match meta {
                Meta::Path(path) => (path, None),
                Meta::NameValue(pair) => (pair.path, Some(pair.value)),
                Meta::List(list) => return Err(Error::new(list.span(), "expected `name = value`")),
            };
            let name = path.require_ident()?.clone();
            if args.iter().any(|(known, _)| *known == name) {
                return Err(Error::new(name.span(), format!("`{name}` is given twice")));
            }
            args.push((name, value));
        }
        Ok(Args(args))
    }
}

impl Args {
    /// No arguments.
    pub fn none() -> Args {
        Args(Vec::new())
    }

    fn take(&mut self, name: &str) -> Option<(Ident, Option<Expr>)> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        Some(self.0.remove(at))
    }

    /// Takes out `name = "text"`.
    pub fn text(&mut self, name: &str) -> Result<Option<LitStr>> {
        match self.take(name) {
            None => Ok(None),
            Some((
                _,
                Some(Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                })),
            )) => Ok(Some(text)),
            Some((at, _)) => Err(Error::new(at.span(), format!("expected `{name} = \"…\"`"))),
        }
    }

    /// Takes out `name = "text"`, or a constant that holds the text.
    pub fn constant(&mut self, name: &str) -> Result<Option<Expr>> {
        match self.take(name) {
            None => Ok(None),
            Some((_, Some(value @ (Expr::Lit(_) | Expr::Path(_))))) => Ok(Some(value)),
            Some((at, _)) => Err(Error::new(
                at.span(),
                format!("expected `{name} = \"…\"` or the name of a constant"),
            )),
        }
    }

    /// Takes out `name = 123`.
    pub fn number(&mut self, name: &str) -> Result<Option<LitInt>> {
        match self.take(name) {
            None => Ok(None),
            Some((
                _,
                Some(Expr::Lit(ExprLit {
                    lit: Lit::Int(number),
                    ..
                })),
            )) => Ok(Some(number)),
            Some((at, _)) => Err(Error::new(at.span(), format!("expected `{name} = number`"))),
        }
    }

    /// Takes out `name = word`.
    pub fn word(&mut self, name: &str) -> Result<Option<Ident>> {
        match self.take(name) {
            None => Ok(None),
            Some((_, Some(Expr::Path(word)))) => Ok(Some(word.path.require_ident()?.clone())),
            Some((at, _)) => Err(Error::new(at.span(), format!("expected `{name} = word`"))),
        }
    }

    /// Takes out a bare `name`.
    pub fn flag(&mut self, name: &str) -> Result<bool> {
        match self.take(name) {
            None => Ok(false),
            Some((_, None)) => Ok(true),
            Some((at, Some(_))) => Err(Error::new(at.span(), format!("`{name}` takes no value"))),
        }
    }

    /// Fails if something is left that nobody took out.
    pub fn end(self) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Error::new(
                name.span(),
                format!("unknown argument `{name}`"),
            )),
        }
    }
}

/// Takes `#[edm(…)]` off a field.
pub fn take_edm(attrs: &mut Vec<Attribute>) -> Result<Args> {
    let mut found = Args::none();
    let mut first = Ok(());
    attrs.retain(|attr| {
        if !attr.path().is_ident("edm") {
            return true;
        }
        match attr.parse_args::<Args>() {
            Ok(args) => found.0.extend(args.0),
            Err(error) => first = Err(error),
        }
        false
    });
    first.map(|()| found)
}

/// The text of the doc comments, in one line per paragraph line.
pub fn doc(attrs: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attr in attrs {
        if let Meta::NameValue(pair) = &attr.meta
            && pair.path.is_ident("doc")
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) = &pair.value
        {
            lines.push(text.value().trim().to_owned());
        }
    }
    lines.join("\n").trim().to_owned()
}

/// Whether the struct derives a trait of serde.
pub fn derives_serde(attrs: &[Attribute]) -> bool {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("derive"))
        .any(|attr| {
            let paths = Punctuated::<syn::Path, Token![,]>::parse_terminated;
            attr.parse_args_with(paths).is_ok_and(|paths| {
                paths
                    .iter()
                    .filter_map(|path| path.segments.last())
                    .any(|last| last.ident == "Serialize" || last.ident == "Deserialize")
            })
        })
}

/// Whether a field says itself what serde calls it.
pub fn has_serde_name(attrs: &[Attribute]) -> bool {
    has_serde(attrs, &["rename", "flatten", "skip"])
}

/// Whether a field says itself what it is when it is left out.
pub fn has_serde_default(attrs: &[Attribute]) -> bool {
    has_serde(attrs, &["default"])
}

fn has_serde(attrs: &[Attribute], names: &[&str]) -> bool {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("serde"))
        .any(|attr| {
            let metas = Punctuated::<Meta, Token![,]>::parse_terminated;
            attr.parse_args_with(metas).is_ok_and(|metas| {
                metas
                    .iter()
                    .any(|meta| names.iter().any(|name| meta.path().is_ident(name)))
            })
        })
}

/// `start_time` → `StartTime`, `is_64_bit` → `Is64Bit`.
pub fn pascal_case(field: &str) -> String {
    let mut name = String::new();
    for word in field.trim_start_matches("r#").split('_') {
        let mut letters = word.chars();
        if let Some(first) = letters.next() {
            name.extend(first.to_uppercase());
            name.push_str(letters.as_str());
        }
    }
    name
}

/// `start_time` → `startTime`.
pub fn camel_case(field: &str) -> String {
    let name = pascal_case(field);
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}
