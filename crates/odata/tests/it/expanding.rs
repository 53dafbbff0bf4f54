//! `$expand`: stitching, depth, what is missing, and what may not be seen.

use odata::{Error, Query};
use serde_json::json;

use crate::model::{Ask, Machine, RUNS, servers, sqlite};

#[test]
fn one_is_an_object_or_null() {
    for server in servers() {
        let query = "$select=Id&$expand=Machine&$orderby=Id";
        let page = server.page(&RUNS, query, &Ask::default());
        let expected = json!([
            {"Id": 1, "Machine": {"Id": 1, "Name": "LAVINIA-PC", "LicenseKey": null}},
            {"Id": 2, "Machine": {"Id": 2, "Name": "Ärmel", "LicenseKey": null}},
            {"Id": 3, "Machine": null},
            // The machine belongs to another tenant.
            {"Id": 4, "Machine": null},
        ]);
        assert_eq!(page["value"], expected, "{}", server.label);
    }
}

#[test]
fn many_is_a_list_in_its_own_order() {
    for server in servers() {
        let page = server.page(
            &RUNS,
            "$select=Id&$expand=steps($select=Key)&$orderby=Id",
            &Ask::default(),
        );
        let step = |n: u8| json!({"Key": format!("10000000-0000-0000-0000-00000000000{n}")});
        let expected = json!([
            {"Id": 1, "Steps": []},
            {"Id": 2, "Steps": [step(2), step(1)]},
            {"Id": 3, "Steps": [step(3)]},
            {"Id": 4, "Steps": []},
        ]);
        assert_eq!(page["value"], expected, "{}", server.label);
    }
}

#[test]
fn only_what_is_selected() {
    for server in servers() {
        let query = "$filter=Id eq 1&$select=Machine&$expand=Machine($select=Name;$expand=Owner)";
        let page = server.page(&RUNS, query, &Ask::default());
        let expected = json!([{"Machine": {"Name": "LAVINIA-PC", "Owner": {"Name": "Ann"}}}]);
        assert_eq!(page["value"], expected, "{}", server.label);
        // Selected without being expanded: nothing to write.
        let page = server.page(&RUNS, "$filter=Id eq 1&$select=Machine", &Ask::default());
        assert_eq!(page["value"], json!([{}]));
    }
}

#[test]
fn two_levels_with_many_at_both() {
    for server in servers() {
        let query = "$expand=Machines($select=Id;$expand=Runs($select=Id))";
        let page = server.page(&crate::model::User::SET, query, &Ask::default());
        let expected = json!([
            {"Name": "Ann", "Machines": [{"Id": 1, "Runs": [{"Id": 1}]}]},
            {"Name": "Bob", "Machines": []},
        ]);
        assert_eq!(page["value"], expected, "{}", server.label);
    }
}

#[test]
fn entities_are_expanded_too() {
    for server in servers() {
        let ask = Ask::default();
        let entity = server.entity(
            &RUNS,
            2,
            "$select=Machine&$expand=Machine($select=Name)",
            &ask,
        );
        let expected = r#"{"@odata.context":"http://h/odata/$metadata#Runs(Machine)/$entity","Machine":{"Name":"Ärmel"}}"#;
        assert_eq!(entity.unwrap().unwrap(), expected, "{}", server.label);
        let entity = server.entity(&RUNS, 2, "$select=Machine", &ask);
        let expected = r#"{"@odata.context":"http://h/odata/$metadata#Runs(Machine)/$entity"}"#;
        assert_eq!(entity.unwrap().unwrap(), expected);
        let machine = server.entity(&Machine::SET, 1, "", &ask).unwrap().unwrap();
        assert!(machine.contains(r#""LicenseKey":"k1""#), "{machine}");
    }
}

#[test]
fn one_more_statement_whatever_the_number_of_rows() {
    let server = sqlite();
    let statements = |query: &str| {
        let before = server.db.stats().statements;
        server.page(&RUNS, query, &Ask::default());
        server.db.stats().statements - before
    };
    let plain = statements("");
    assert_eq!(statements("$expand=Machine"), plain + 1);
    assert_eq!(statements("$expand=Machine,Steps"), plain + 2);
    assert_eq!(
        statements("$expand=Machine($expand=Owner),Steps"),
        plain + 3
    );
    assert_eq!(
        statements("$expand=Machine&$filter=Id eq 3"),
        plain,
        "nothing to fetch"
    );
}

#[test]
fn what_cannot_be_expanded() {
    for (query, part) in [
        ("$expand=Nope", "'Nope' on type 'RunDto'"),
        (
            "$expand=Tags",
            "is not a navigation property and cannot be expanded",
        ),
        ("$expand=Machine,machine", "expanded more than once"),
        (
            "$expand=Machine($expand=Owner($expand=Machines))",
            "maximum depth allowed is 2",
        ),
        (
            "$expand=Machine($top=1)",
            "'$top' is not supported within $expand",
        ),
        (
            "$expand=Machine($select=Nope)",
            "'Nope' on type 'MachineDto'",
        ),
        ("$expand=Machine(", "brackets"),
        ("$expand=Machine)", "brackets"),
        ("$expand=Machine($select=Name)x", "brackets"),
    ] {
        match Query::parse(&RUNS, query) {
            Err(Error::Invalid(text)) => assert!(text.contains(part), "{query}: {text}"),
            other => panic!("{query}: {other:?}"),
        }
    }
}
