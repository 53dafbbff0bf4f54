//! Pages and single entities: order, counts, scopes, and who sees what.

use db::Value;
use odata::{Error, Folders, Guid, Query};
use serde_json::json;

use crate::model::{Ask, Machine, RUNS, Step, User, ids, servers, sqlite};

#[test]
fn keys_are_bound_in_their_own_type() {
    for server in servers() {
        let ask = Ask::default();
        let step: Guid = "10000000-0000-0000-0000-000000000003".parse().unwrap();
        assert!(
            server.entity(&RUNS, 5, "", &ask).unwrap().is_none(),
            "another tenant's"
        );
        assert!(server.entity(&RUNS, 99, "", &ask).unwrap().is_none());
        assert!(
            server
                .entity(&RUNS, Value::Null, "", &ask)
                .unwrap()
                .is_none()
        );
        assert!(server.entity(&Step::SET, step, "", &ask).unwrap().is_some());
        let upper = "10000000-0000-0000-0000-00000000000A";
        assert!(
            server
                .entity(&Step::SET, upper, "", &ask)
                .unwrap()
                .is_none()
        );
        assert!(
            server
                .entity(&User::SET, "ANN", "", &ask)
                .unwrap()
                .is_some()
        );
        assert!(
            server
                .entity(&User::SET, "Gone", "", &ask)
                .unwrap()
                .is_none()
        );
        for key in [Value::from("1"), Value::Bool(true)] {
            assert!(matches!(
                server.entity(&RUNS, key, "", &ask),
                Err(Error::Invalid(_))
            ));
        }
        assert!(matches!(
            server.entity(&Step::SET, "x", "", &ask),
            Err(Error::Invalid(_))
        ));
    }
}

#[test]
fn folders_and_restrictions_are_part_of_every_statement() {
    for server in servers() {
        let found = |folders: Folders, restrict| {
            let ask = Ask {
                folders,
                restrict,
                ..Ask::default()
            };
            let page = server.page(&RUNS, "$top=1", &ask);
            let count = page["@odata.count"].as_i64().unwrap();
            assert_eq!(server.page(&RUNS, "$top=0", &ask)["@odata.count"], count);
            let all = server.page(&RUNS, "$orderby=Id", &ask);
            assert_eq!(all["@odata.count"], count);
            let single = server
                .entity(&RUNS, 1, "$select=Id", &ask)
                .unwrap()
                .is_some();
            let found = ids(&all);
            assert_eq!(found.contains(&1), single);
            found
        };
        assert_eq!(found(Folders::All, None), [1, 2, 3, 4]);
        assert_eq!(found(Folders::One(10), None), [1, 2]);
        assert_eq!(found(Folders::Some(vec![20, 10, 30]), None), [1, 2, 3, 4]);
        assert_eq!(found(Folders::Some(vec![20]), None), [3]);
        assert_eq!(found(Folders::Some(vec![]), None), [0; 0]);
        // More folders than a statement has parameters.
        assert_eq!(
            found(Folders::Some((10..40_000).collect()), None),
            [1, 2, 3, 4]
        );
        let restrict = Some("{t}.retries > 1 OR {label} = 'two'");
        assert_eq!(found(Folders::All, restrict), [2, 4]);
    }
}

#[test]
fn mistakes_of_the_program_are_no_fault_of_the_caller() {
    let server = sqlite();
    let other = Query::none(&User::SET);
    let read = server.db.read_blocking(move |tx| {
        let scope = odata::Scope {
            tenant: 1,
            folders: Folders::All,
            now: crate::model::now(),
            vars: &[],
            restrict: None,
        };
        let shape = odata::Shape::default();
        odata::read_page(tx, &RUNS, &other, &scope, &shape, &mut Vec::new())
    });
    assert!(matches!(read, Err(Error::Db(db::Error::Invalid(text))) if text.contains("Users")));
    let ask = Ask {
        restrict: Some("{nobody} = 1"),
        ..Ask::default()
    };
    let read = server.raw(&RUNS, "", &ask);
    assert!(matches!(read, Err(Error::Db(db::Error::Invalid(text))) if text.contains("{nobody}")));
}

#[test]
fn counts_are_those_of_the_filter() {
    for server in servers() {
        let ask = Ask::default();
        let count = |query: &str| server.page(&RUNS, query, &ask)["@odata.count"].clone();
        assert_eq!(count(""), 4);
        assert_eq!(count("$top=2"), 4);
        assert_eq!(count("$top=4"), 4);
        assert_eq!(count("$top=2&$skip=3"), 4);
        assert_eq!(count("$skip=100"), 4);
        assert_eq!(count("$top=0"), 4);
        assert_eq!(count("$filter=Machine/Name ne null&$top=1"), 2);
        assert_eq!(count("$filter=Id gt 99"), 0);
        assert_eq!(count("$count=false"), json!(null));
        let silent = Ask {
            count: false,
            ..Ask::default()
        };
        let number = |query: &str| server.count(&RUNS, query, &silent);
        assert_eq!(number("$top=1&$skip=2&$orderby=Name&$expand=Machine"), 4);
        assert_eq!(number("$filter=Machine/Name ne null&$top=0"), 2);
        let tenant = Ask {
            tenant: 2,
            ..Ask::default()
        };
        assert_eq!(server.count(&RUNS, "", &tenant), 1);
        let page = |query: &str| server.page(&RUNS, query, &silent);
        assert_eq!(page("")["@odata.count"], json!(null));
        assert_eq!(page("$count=true")["@odata.count"], 4);
        assert_eq!(page("$skip=9223372036854775808")["value"], json!([]));
    }
}

#[test]
fn a_full_statement_is_only_counted_when_the_page_does_not_tell() {
    let server = sqlite();
    let statements = |query: &str| {
        let before = server.db.stats().statements;
        server.page(&RUNS, query, &Ask::default());
        server.db.stats().statements - before
    };
    let one = statements("$count=false");
    assert_eq!(statements(""), one);
    assert_eq!(statements("$skip=1"), one);
    assert_eq!(statements("$top=2"), one + 1);
    assert_eq!(statements("$skip=9"), one + 1);
    assert_eq!(statements("$top=0"), one);
}

#[test]
fn order_is_total_and_null_is_smallest() {
    for server in servers() {
        let sorted = |query: &str| ids(&server.page(&RUNS, query, &Ask::default()));
        assert_eq!(sorted(""), [4, 3, 2, 1]);
        assert_eq!(sorted("$orderby=Id"), [1, 2, 3, 4]);
        assert_eq!(sorted("$orderby=Id desc"), [4, 3, 2, 1]);
        assert_eq!(sorted("$orderby=Name"), [1, 2, 4, 3]);
        assert_eq!(sorted("$orderby=Name desc"), [3, 4, 2, 1]);
        assert_eq!(sorted("$orderby=StartTime"), [1, 4, 2, 3]);
        assert_eq!(sorted("$orderby=StartTime desc"), [3, 2, 4, 1]);
        assert_eq!(sorted("$orderby=Score asc,Id"), [2, 3, 4, 1]);
        assert_eq!(sorted("$orderby=IsLatest, Id desc"), [4, 2, 3, 1]);
        assert_eq!(sorted("$orderby=OrganizationUnitId desc"), [4, 3, 2, 1]);
        assert_eq!(sorted("$orderby=OrganizationUnitId"), [1, 2, 3, 4]);
        assert_eq!(sorted("$orderby=Machine/Name,Id"), [3, 4, 1, 2]);
        assert_eq!(sorted("$orderby=Machine/Owner/Name desc,Id"), [1, 2, 3, 4]);
        assert_eq!(sorted("$orderby=length(Name) desc,Id"), [3, 1, 4, 2]);
        assert_eq!(sorted("$orderby=State desc&$top=2&$skip=1"), [3, 2]);
    }
}

#[test]
fn aliases_stand_for_their_values() {
    for server in servers() {
        let found = |query: &str| ids(&server.page(&RUNS, query, &Ask::default()));
        assert_eq!(found("$filter=Id eq @p&@p=2"), [2]);
        assert_eq!(found("@P=%27ALPHA%27&$filter=contains(Name,@p)"), [1]);
        assert_eq!(
            found("$filter=@a or @b&@a=Id eq 1&@b=Id eq @c&@c=4"),
            [4, 1]
        );
        assert_eq!(
            found("$filter=Id in (@a,@b)&$orderby=@o&@a=1&@b=3&@o=Id"),
            [1, 3]
        );
        assert_eq!(
            found("$filter=StartTime gt @at&@at=2018-01-15T18:18:02Z"),
            [3]
        );
        assert_eq!(found("$filter=State has @s&@s='Successful'&@unused=1"), [4]);
        assert_eq!(found("$filter=Info eq @n&@n=null"), [1]);
    }
}

#[test]
fn a_set_has_its_own_page_size_and_key() {
    for server in servers() {
        let page = server.page(&User::SET, "", &Ask::default());
        assert_eq!(page["value"], json!([{"Name": "Ann"}, {"Name": "Bob"}]));
        assert_eq!(page["@odata.count"], 3);
        let machines = server.page(&Machine::SET, "$select=LicenseKey", &Ask::default());
        assert_eq!(
            machines["value"],
            json!([{"LicenseKey": null}, {"LicenseKey": null}])
        );
    }
}

#[test]
fn options_out_of_bounds_are_refused() {
    for (query, part) in [
        (
            "$top=1001",
            "The limit of '1000' for Top query has been exceeded",
        ),
        ("$top=-1", "non-negative integer"),
        ("$top=", "'$top' cannot be empty"),
        ("$skip=-1", "non-negative integer"),
        ("$skip=x", "non-negative integer"),
        ("$count=maybe", "$count"),
        ("$orderby=Id,Id,Id,Id,Id,Id", "maximum of 5"),
        ("$orderby=Nope", "'Nope' on type 'RunDto'"),
        (
            "$orderby=Note",
            "The property 'Note' cannot be used in the $orderby query option.",
        ),
        ("$orderby=Tags", "cannot be used in the $orderby"),
        ("$orderby=1", "constant"),
        ("$orderby=Id down", "Syntax error"),
        ("$select=Nope", "'Nope' on type 'RunDto'"),
        ("$select=Id,", "'' on type 'RunDto'"),
        ("$select=", "'$select' cannot be empty"),
        ("$filter=", "'$filter' cannot be empty"),
        ("$filter=+%20", "'$filter' cannot be empty"),
        ("$orderby=", "'$orderby' cannot be empty"),
        ("$expand=", "'$expand' cannot be empty"),
        ("$skip", "'$skip' cannot be empty"),
        ("$apply=x", "'$apply' is not supported"),
        ("$search=x", "Use $filter with contains(…)"),
        ("$compute=x", "'$compute' is not supported"),
        ("$orderby=@p", "'@p' has no value"),
        ("@p=1&@p=2", "more than once"),
        (
            "$select=Tags/Name",
            "'Tags' can only be selected as a whole",
        ),
        (
            "$select=Machine/Name",
            "Use $expand=Machine($select=Name) instead",
        ),
        ("$select=Nope/Name", "'Nope' on type 'RunDto'"),
    ] {
        match Query::parse(&RUNS, query) {
            Err(Error::Invalid(text)) => assert!(text.contains(part), "{query}: {text}"),
            other => panic!("{query}: {other:?}"),
        }
    }
    assert!(Query::parse(&RUNS, "$top=1000&$orderby=Id&take=5").is_ok());
}
