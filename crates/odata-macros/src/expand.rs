//! Writing the constants.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Field, Fields, ItemStruct, LitStr, Result, parse_quote};

use crate::attrs::{self, Args};

/// `#[entity(…)] struct`.
pub fn entity(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut args: Args = syn::parse2(args)?;
    let mut item: ItemStruct = syn::parse2(item)?;
    let missing = |name: &str| Error::new(item.ident.span(), format!("`{name} = …` is missing"));

    let set = args.text("set")?.ok_or_else(|| missing("set"))?;
    let entity = args.text("name")?.ok_or_else(|| missing("name"))?;
    let table = args.constant("table")?.ok_or_else(|| missing("table"))?;
    let key = args.text("key")?.ok_or_else(|| missing("key"))?;
    let order = args.text("order")?.unwrap_or_else(|| key.clone());
    let tie = args
        .text("tie")?
        .map_or_else(Vec::new, |text| list(&text.value(), ','));
    let scope = args.word("scope")?.ok_or_else(|| missing("scope"))?;
    let scoping = match scope.to_string().as_str() {
        "none" => quote!(None),
        "tenant" => quote!(Tenant),
        "folder" => quote!(Folder),
        _ => {
            return Err(Error::new(
                scope.span(),
                "expected `none`, `tenant` or `folder`",
            ));
        }
    };
    let top = match args.number("top")? {
        Some(top) => top.base10_parse::<u32>()?,
        None => 1000,
    };
    let counts = match args.text("counts")? {
        Some(text) => {
            let (table, columns) = counts(&text)?;
            quote!(::core::option::Option::Some(&::odata::edm::Counts {
                table: #table,
                columns: &[#(#columns),*],
            }))
        }
        None => quote!(::core::option::Option::None),
    };
    let indexes = args
        .text("indexes")?
        .map_or_else(Vec::new, |text| list(&text.value(), ';'));
    args.end()?;

    let members = members(&mut item)?;
    members.require(&key, &key.value())?;
    let sorted = order.value();
    members.require(
        &order,
        sorted.trim_end_matches(" desc").trim_end_matches(" asc"),
    )?;
    let (props, navs) = (&members.props, &members.navs);
    let doc = attrs::doc(&item.attrs);
    // A program mostly streams entities and rarely builds one.
    item.attrs
        .push(parse_quote!(#[allow(dead_code, reason = "read as data")]));
    let ident = &item.ident;
    Ok(quote! {
        #item

        impl #ident {
            /// The declaration of this set.
            pub const SET: ::odata::edm::EntitySet = ::odata::edm::EntitySet {
                name: #set,
                entity: #entity,
                doc: #doc,
                table: #table,
                key: #key,
                props: &[#(#props),*],
                navs: &[#(#navs),*],
                scoping: ::odata::edm::Scoping::#scoping,
                order: #order,
                tie: &[#(#tie),*],
                top: #top,
                counts: #counts,
                indexes: &[#(#indexes),*],
            };
        }

        impl ::odata::edm::Entity for #ident {
            fn set() -> &'static ::odata::edm::EntitySet {
                static SET: ::odata::edm::EntitySet = #ident::SET;
                &SET
            }
        }
    })
}

/// `#[complex(…)] struct`.
pub fn complex(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let mut args: Args = syn::parse2(args)?;
    let mut item: ItemStruct = syn::parse2(item)?;
    let name = args
        .text("name")?
        .map_or_else(|| item.ident.to_string(), |name| name.value());
    let open = args.flag("open")?;
    args.end()?;

    let members = members(&mut item)?;
    if !members.navs.is_empty() {
        return Err(Error::new(
            item.ident.span(),
            "a complex type has no navigation properties",
        ));
    }
    let props = &members.props;
    item.attrs
        .push(parse_quote!(#[allow(dead_code, reason = "read as data")]));
    let ident = &item.ident;
    Ok(quote! {
        #item

        impl #ident {
            /// The declaration of this type.
            pub const TYPE: ::odata::edm::ComplexType = ::odata::edm::ComplexType {
                name: #name,
                props: &[#(#props),*],
                open: #open,
            };
        }

        impl ::odata::edm::Complex for #ident {
            const TYPE: &'static ::odata::edm::ComplexType = &#ident::TYPE;
        }

        impl ::odata::edm::Edm for #ident {
            const KIND: ::odata::edm::Kind = ::odata::edm::Kind::Complex(&#ident::TYPE);
        }
    })
}

/// `#[input] struct`.
pub fn input(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let args: Args = syn::parse2(args)?;
    args.end()?;
    let mut item: ItemStruct = syn::parse2(item)?;
    let ident = item.ident.clone();
    let doc = attrs::doc(&item.attrs);
    if matches!(item.fields, Fields::Unit) {
        return Ok(quote! {
            #item

            impl ::odata::edm::Input for #ident {
                const DOC: &'static str = #doc;
                const PARAMS: &'static [::odata::edm::Prop] = &[];
                const KEY: ::core::option::Option<::odata::edm::Kind> = ::core::option::Option::None;

                fn read<'de, D: ::serde::Deserializer<'de>>(
                    _: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    ::core::result::Result::Ok(#ident)
                }
            }
        });
    }
    let key = take_key(&mut item)?;
    let members = members_spelled(&mut item, attrs::camel_case)?;
    if !members.navs.is_empty() {
        return Err(Error::new(
            ident.span(),
            "an input has no navigation properties",
        ));
    }
    if let Fields::Named(fields) = &mut item.fields {
        for field in &mut fields.named {
            let required = |name: &syn::Ident| members.required.contains(name);
            // What may be left out has the value that its type has by itself.
            if !field.ident.as_ref().is_some_and(required)
                && !attrs::has_serde_default(&field.attrs)
            {
                field.attrs.push(parse_quote!(#[serde(default)]));
            }
        }
    }
    let key = match key {
        Some(ty) => quote!(::core::option::Option::Some(<#ty as ::odata::edm::Edm>::KIND)),
        None => quote!(::core::option::Option::None),
    };
    if !attrs::derives_serde(&item.attrs) {
        let derive = parse_quote!(#[derive(::serde::Deserialize)]);
        item.attrs.insert(0, derive);
    }
    let (props, query) = (&members.props, &members.query);
    let whole = match &members.whole {
        Some(name) => quote!(::core::option::Option::Some(#name)),
        None => quote!(::core::option::Option::None),
    };
    Ok(quote! {
        #item

        impl ::odata::edm::Input for #ident {
            const DOC: &'static str = #doc;
            const QUERY: &'static [&'static str] = &[#(#query),*];
            const WHOLE: ::core::option::Option<&'static str> = #whole;
            const PARAMS: &'static [::odata::edm::Prop] = &[#(#props),*];
            const KEY: ::core::option::Option<::odata::edm::Kind> = #key;

            fn read<'de, D: ::serde::Deserializer<'de>>(
                from: D,
            ) -> ::core::result::Result<Self, D::Error> {
                ::serde::Deserialize::deserialize(from)
            }
        }
    })
}

/// Marks the field that holds the key of the bound entity, `#[edm(key)]`, and gives its type.
fn take_key(item: &mut ItemStruct) -> Result<Option<syn::Type>> {
    let mut found = None;
    for field in &mut item.fields {
        let is_key = field.attrs.iter().any(|attr| {
            attr.path().is_ident("edm")
                && attr
                    .parse_args::<syn::Ident>()
                    .is_ok_and(|word| word == "key")
        });
        if !is_key {
            continue;
        }
        if found.is_some() {
            return Err(Error::new_spanned(&field.ident, "there is one key"));
        }
        field.attrs.retain(|attr| !attr.path().is_ident("edm"));
        field.attrs.push(parse_quote!(#[edm(skip)]));
        field.attrs.push(parse_quote!(#[serde(rename = "(key)")]));
        found = Some(field.ty.clone());
    }
    Ok(found)
}

/// The members of a struct as constants.
#[derive(Default)]
struct Members {
    /// The names of the properties, and whether they can be filtered and sorted.
    names: Vec<(String, bool)>,
    props: Vec<TokenStream>,
    navs: Vec<TokenStream>,
    /// Those that stand in the address whatever the method.
    query: Vec<String>,
    /// The one that is the whole body.
    whole: Option<String>,
    /// The fields that must be given.
    required: Vec<syn::Ident>,
}

impl Members {
    /// Fails unless `name` is a property that can be sorted by.
    fn require(&self, at: &LitStr, name: &str) -> Result<()> {
        let message = match self.names.iter().find(|(known, _)| known == name) {
            Some((_, true)) => return Ok(()),
            Some((_, false)) => format!("`{name}` is `nofilter`"),
            None => format!("there is no property `{name}`"),
        };
        Err(Error::new(at.span(), message))
    }
}

/// Reads the fields, and takes `#[edm(…)]` off them.
fn members(item: &mut ItemStruct) -> Result<Members> {
    let serde = attrs::derives_serde(&item.attrs);
    read_members(item, serde, attrs::pascal_case)
}

/// As [`members`], where serde is derived and names are spelled as `spell` does.
fn members_spelled(item: &mut ItemStruct, spell: fn(&str) -> String) -> Result<Members> {
    read_members(item, true, spell)
}

fn read_members(item: &mut ItemStruct, serde: bool, spell: fn(&str) -> String) -> Result<Members> {
    let Fields::Named(fields) = &mut item.fields else {
        return Err(Error::new(
            item.ident.span(),
            "expected a struct with named fields",
        ));
    };
    let mut members = Members::default();
    for field in &mut fields.named {
        let mut args = attrs::take_edm(&mut field.attrs)?;
        if args.flag("skip")? {
            args.end()?;
            continue;
        }
        let ident = field
            .ident
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let name = match args.text("name")? {
            Some(name) => name.value(),
            None => spell(&ident),
        };
        if serde && !attrs::has_serde_name(&field.attrs) {
            field.attrs.push(parse_quote!(#[serde(rename = #name)]));
        }
        if members.names.iter().any(|(known, _)| *known == name) {
            return Err(Error::new_spanned(
                &field.ident,
                format!("`{name}` is declared twice"),
            ));
        }
        if args.flag("query")? {
            members.query.push(name.clone());
        }
        if args.flag("whole")? && members.whole.replace(name.clone()).is_some() {
            return Err(Error::new_spanned(&field.ident, "there is one body"));
        }
        if args.flag("nav")? {
            members.navs.push(nav(&name, &mut args, field)?);
        } else {
            let filter = !args.flag("nofilter")?;
            let required = args.flag("required")?;
            if required {
                members.required.extend(field.ident.clone());
            }
            members
                .props
                .push(prop(&name, filter, required, &mut args, field)?);
            members.names.push((name, filter));
        }
        args.end()?;
    }
    Ok(members)
}

fn nav(name: &str, args: &mut Args, field: &Field) -> Result<TokenStream> {
    let column = args.text("column")?.ok_or_else(|| {
        Error::new_spanned(
            &field.ident,
            "`column = \"…\"` is missing: the column that refers",
        )
    })?;
    let target_column = args
        .text("target_column")?
        .map_or("id".to_owned(), |c| c.value());
    let given = match args.word("given")? {
        Some(ty) => given(name, &ty, &attrs::doc(&field.attrs)),
        None => quote!(::core::option::Option::None),
    };
    let ty = &field.ty;
    Ok(quote! {
        ::odata::edm::Nav {
            name: #name,
            target: <#ty as ::odata::edm::Link>::target,
            column: #column,
            target_column: #target_column,
            many: <#ty as ::odata::edm::Link>::MANY,
            given: #given,
        }
    })
}

/// What bodies give in place of a navigation property: at most as many structures as a request may name.
fn given(name: &str, ty: &syn::Ident, doc: &str) -> TokenStream {
    quote! {
        ::core::option::Option::Some(&::odata::edm::Prop {
            name: #name,
            source: ::odata::edm::Source::Json("[]"),
            kind: <::std::vec::Vec<#ty> as ::odata::edm::Edm>::KIND,
            nullable: true,
            doc: #doc,
            filter: false,
            filter_sql: ::core::option::Option::None,
            visible: ::odata::edm::Visible::Always,
            max_length: ::core::option::Option::None,
            required: false,
            read_only: false,
            range: ::core::option::Option::Some((0, 1000)),
            each: false,
        })
    }
}

fn prop(
    name: &str,
    filter: bool,
    required: bool,
    args: &mut Args,
    field: &Field,
) -> Result<TokenStream> {
    let source = source(args, field)?;
    let doc = attrs::doc(&field.attrs);
    let flags = [
        args.flag("single")?,
        args.flag("list")?,
        args.flag("asked")?,
    ];
    let visible = match flags {
        [false, false, false] => quote!(Always),
        [true, false, false] => quote!(Single),
        [false, true, false] => quote!(List),
        [false, false, true] => quote!(Asked),
        _ => {
            return Err(Error::new_spanned(
                &field.ident,
                "one of `single`, `list`, `asked`, not several",
            ));
        }
    };
    let max_length = match args.number("max")? {
        Some(max) => quote!(::core::option::Option::Some(#max)),
        None => quote!(::core::option::Option::None),
    };
    let range = match args.text("range")? {
        Some(text) => {
            let (least, most) = bounds(&text)?;
            quote!(::core::option::Option::Some((#least, #most)))
        }
        None => quote!(::core::option::Option::None),
    };
    let filter_sql = match args.constant("filter_sql")? {
        Some(sql) => quote!(::core::option::Option::Some(#sql)),
        None => quote!(::core::option::Option::None),
    };
    let read_only = args.flag("read_only")?;
    let ty = &field.ty;
    Ok(quote! {
        ::odata::edm::Prop {
            name: #name,
            source: ::odata::edm::Source::#source,
            kind: <#ty as ::odata::edm::Edm>::KIND,
            nullable: <#ty as ::odata::edm::Edm>::NULLABLE,
            doc: #doc,
            filter: #filter,
            filter_sql: #filter_sql,
            visible: ::odata::edm::Visible::#visible,
            max_length: #max_length,
            required: #required,
            read_only: #read_only,
            range: #range,
            each: <#ty as ::odata::edm::Edm>::EACH,
        }
    })
}

/// The parts of a text between separators, without the blanks around them.
fn list(text: &str, separator: char) -> Vec<String> {
    let parts = text.split(separator).map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

/// `"job_counts(state)"`; the table may be a `(SELECT …)`.
fn counts(text: &LitStr) -> Result<(String, Vec<String>)> {
    let value = text.value();
    let parts = value
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once('('));
    let (table, columns) =
        parts.ok_or_else(|| Error::new(text.span(), "expected `counts = \"table(column, …)\"`"))?;
    Ok((table.trim().to_owned(), list(columns, ',')))
}

/// `"0..=50"`.
fn bounds(text: &LitStr) -> Result<(i64, i64)> {
    let value = text.value();
    let number = |text: &str| text.trim().parse::<i64>().ok();
    let ends = value.split_once("..=");
    ends.and_then(|(least, most)| Some((number(least)?, number(most)?)))
        .filter(|(least, most)| least <= most)
        .ok_or_else(|| Error::new(text.span(), "expected `range = \"least..=most\"`"))
}

fn source(args: &mut Args, field: &Field) -> Result<TokenStream> {
    let given = (
        args.text("column")?,
        args.constant("sql")?,
        args.text("json")?,
    );
    match given {
        (None, None, None) => {
            let ident = field
                .ident
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            let column = ident.trim_start_matches("r#");
            Ok(quote!(Column(#column)))
        }
        (Some(column), None, None) => Ok(quote!(Column(#column))),
        (None, Some(sql), None) => Ok(quote!(Sql(#sql))),
        (None, None, Some(json)) => Ok(quote!(Json(#json))),
        _ => Err(Error::new_spanned(
            &field.ident,
            "one of `column`, `sql`, `json`, not several",
        )),
    }
}
