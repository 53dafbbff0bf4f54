//! What the attributes write, and the messages for what they cannot read. That the written code
//! compiles and means what it should is tested in the crate `odata`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attrs::pascal_case;
use crate::expand::{complex, entity};

fn good_args() -> TokenStream {
    quote!(
        set = "Jobs",
        name = "JobDto",
        table = "jobs",
        key = "Id",
        scope = folder
    )
}

/// What is written, without blanks.
fn written(result: syn::Result<TokenStream>) -> String {
    let tokens = result.unwrap_or_else(|error| panic!("{error}")).to_string();
    tokens.replace([' ', '\n'], "")
}

#[track_caller]
fn refused(args: TokenStream, item: TokenStream, part: &str) {
    match entity(args, item) {
        Ok(tokens) => panic!("{tokens}"),
        Err(error) => assert!(error.to_string().contains(part), "{error}"),
    }
}

#[test]
fn names_become_pascal_case() {
    for (field, name) in [
        ("id", "Id"),
        ("start_time", "StartTime"),
        ("r#type", "Type"),
        ("is_64_bit", "Is64Bit"),
        ("_odd__one_", "OddOne"),
    ] {
        assert_eq!(pascal_case(field), name);
    }
}

#[test]
fn an_entity_is_written_as_a_constant() {
    let item = quote! {
        /// One run
        /// of a process.
        pub struct Job {
            pub id: i64,
            #[edm(name = "OrganizationUnitId", column = "folder_id", max = 5, required)]
            #[other]
            pub folder: i64,
            #[edm(nav, column = "robot_id")]
            pub robot: odata::One<Robot>,
            #[edm(skip)]
            pub own: Vec<u8>,
        }
    };
    let text = written(entity(good_args(), item));
    for part in [
        r#"table:"jobs""#,
        r#"doc:"Onerun\nofaprocess.""#,
        r#"order:"Id""#,
        "top:1000u32",
        "Scoping::Folder",
        r#"name:"OrganizationUnitId""#,
        r#"Source::Column("folder_id")"#,
        "Option::Some(5)",
        "required:true",
        "#[other]pubfolder:i64",
        r#"target_column:"id""#,
        "staticSET",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("#[edm"), "{text}");
    assert!(!text.contains(r#""Own""#), "{text}");
}

#[test]
fn serde_gets_the_wire_name_unless_it_has_one() {
    let item = quote! {
        #[derive(Debug, serde::Deserialize)]
        struct Start { #[edm(name = "X")] a_b: i64, #[serde(default)] c: i64, #[serde(rename = "d")] e: i64 }
    };
    let text = written(complex(quote!(), item.clone()));
    assert!(text.contains(r#"#[serde(rename="X")]a_b"#), "{text}");
    assert!(
        text.contains(r#"#[serde(default)]#[serde(rename="C")]c"#),
        "{text}"
    );
    assert_eq!(text.matches("rename").count(), 3, "{text}");
    let plain = quote!(
        struct Start {
            a: i64,
        }
    );
    assert!(!written(complex(quote!(open, name = "StartDto"), plain)).contains("serde"));
}

#[test]
fn mistakes_are_named_where_they_are() {
    let item = || {
        quote!(
            struct Job {
                id: i64,
            }
        )
    };
    refused(
        quote!(name = "J", table = "t", key = "Id", scope = none),
        item(),
        "`set = …` is missing",
    );
    refused(quote!(set = 5), item(), "expected `set = \"…\"`");
    let args = good_args();
    refused(
        quote!(#args, color = "red"),
        item(),
        "unknown argument `color`",
    );
    refused(quote!(#args, set = "Jobs"), item(), "`set` is given twice");
    refused(
        quote!(#args, order = "Nope desc"),
        item(),
        "there is no property `Nope`",
    );
    refused(quote!(#args, top = "9"), item(), "expected `top = number`");
    refused(quote!(#args, set("x")), item(), "expected `name = value`");
    refused(
        quote!(
            set = "J",
            name = "J",
            table = "t",
            key = "Id",
            scope = world
        ),
        item(),
        "expected `none`, `tenant` or `folder`",
    );
    refused(
        quote!(
            set = "J",
            name = "J",
            table = "t",
            key = "Key",
            scope = none
        ),
        item(),
        "there is no property `Key`",
    );
    refused(
        args.clone(),
        quote!(
            struct Job(i64);
        ),
        "named fields",
    );
    refused(
        args.clone(),
        quote!(
            enum Job {
                A,
            }
        ),
        "expected `struct`",
    );
}

#[test]
fn mistakes_on_fields_are_named_too() {
    for (edm, part) in [
        (quote!(#[edm(nav)]), "`column = \"…\"` is missing"),
        (
            quote!(#[edm(single, list)]),
            "one of `single`, `list`, `asked`, not several",
        ),
        (quote!(#[edm(sql = "1", json = "2")]), "not several"),
        (quote!(#[edm(hidden)]), "unknown argument `hidden`"),
        (quote!(#[edm(required = 5)]), "`required` takes no value"),
        (quote!(#[edm(max = "5")]), "expected `max = number`"),
        (quote!(#[edm = "x"]), "expected parentheses"),
    ] {
        refused(good_args(), quote!(struct Job { #edm id: i64 }), part);
    }
    let nav = quote!(
        struct Start {
            #[edm(nav, column = "a")]
            a: odata::One<X>,
        }
    );
    assert!(
        complex(quote!(), nav)
            .unwrap_err()
            .to_string()
            .contains("no navigation")
    );
}
