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
        let expected = r#"{"@odata.context":"http://h/odata/$metadata#Runs(Machine(Name))/$entity","Machine":{"Name":"Ärmel"}}"#;
        assert_eq!(entity.unwrap().unwrap(), expected, "{}", server.label);
        let entity = server.entity(&RUNS, 2, "$select=Machine", &ask);
        let expected = r#"{"@odata.context":"http://h/odata/$metadata#Runs(Machine)/$entity"}"#;
        assert_eq!(entity.unwrap().unwrap(), expected);
        let machine = server.entity(&Machine::SET, 1, "", &ask).unwrap().unwrap();
        assert!(machine.contains(r#""LicenseKey":"k1""#), "{machine}");
    }
}

/// The keys of the steps of each run, by the last digit.
fn steps(page: &serde_json::Value) -> Vec<Vec<String>> {
    let key = |step: &serde_json::Value| step["Key"].as_str().unwrap()[35..].to_owned();
    let steps =
        |run: &serde_json::Value| run["Steps"].as_array().unwrap().iter().map(key).collect();
    page["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(steps)
        .collect()
}

#[test]
fn what_is_expanded_is_filtered_sorted_and_paged() {
    for server in servers() {
        let found = |options: &str| {
            let query = format!("$filter=Id gt 1&$orderby=Id&$expand=Steps({options})");
            steps(&server.page(&RUNS, &query, &Ask::default()))
        };
        assert_eq!(
            found("$filter=At lt 1970-01-01T00:00:00.0000025Z"),
            [vec!["2"], vec!["3"], vec![]]
        );
        assert_eq!(found("$orderby=Key"), [vec!["1", "2"], vec!["3"], vec![]]);
        assert_eq!(
            found("$orderby=Run/Name, At desc"),
            [vec!["1", "2"], vec!["3"], vec![]]
        );
        // For each run by itself.
        assert_eq!(found("$top=1"), [vec!["2"], vec!["3"], vec![]]);
        assert_eq!(found("$top=1;$orderby=Key"), [vec!["1"], vec!["3"], vec![]]);
        assert_eq!(found("$skip=1"), [vec!["1"], vec![], vec![]]);
        assert_eq!(
            found("$skip=1;$top=1;$orderby=Key"),
            [vec!["2"], vec![], vec![]]
        );
        assert_eq!(found("$top=0"), [vec![""; 0], vec![], vec![]]);
        assert_eq!(
            found("$skip=9223372036854775808;$top=5"),
            [vec![""; 0], vec![], vec![]]
        );
        // Semicolons, commas and brackets in quotes are text.
        let text = "$filter=Run/Name in ('a;b','x),(y','O''Brien') or Run/Name eq 'beta';$top=1";
        assert_eq!(found(text), [vec!["2"], vec!["3"], vec![]]);
        let query =
            "$orderby=Id&$expand=Steps($filter=Key eq @k)&@k=10000000-0000-0000-0000-000000000003";
        let aliased = steps(&server.page(&RUNS, query, &Ask::default()));
        assert_eq!(aliased, [vec![""; 0], vec![], vec!["3"], vec![]]);
    }
}

#[test]
fn what_is_expanded_is_counted_without_its_page() {
    for server in servers() {
        let counts = |options: &str| -> Vec<(u64, usize)> {
            let query = format!("$filter=Id gt 1&$orderby=Id&$expand=Steps($count=true;{options})");
            let page = server.page(&RUNS, &query, &Ask::default());
            let runs = page["value"].as_array().unwrap().iter();
            let pair = |run: &serde_json::Value| {
                let listed = run["Steps"].as_array().unwrap().len();
                (run["Steps@odata.count"].as_u64().unwrap(), listed)
            };
            runs.map(pair).collect()
        };
        assert_eq!(counts(""), [(2, 2), (1, 1), (0, 0)]);
        assert_eq!(counts("$top=1"), [(2, 1), (1, 1), (0, 0)]);
        assert_eq!(counts("$top=0"), [(2, 0), (1, 0), (0, 0)]);
        assert_eq!(counts("$skip=1"), [(2, 1), (1, 0), (0, 0)]);
        assert_eq!(counts("$skip=7;$top=7"), [(2, 0), (1, 0), (0, 0)]);
        assert_eq!(
            counts("$filter=Run/Id eq 2;$top=1"),
            [(2, 1), (0, 0), (0, 0)]
        );
        let silent = server.page(&RUNS, "$expand=Steps($count=false)", &Ask::default());
        assert_eq!(silent["value"][0]["Steps@odata.count"], json!(null));
    }
}

#[test]
fn options_hold_at_both_levels() {
    for server in servers() {
        let query = "$select=Name&$expand=Machines($select=Id;$filter=Name ne null;$count=true;\
                     $expand=Runs($select=Id;$orderby=Id desc;$top=1;$count=true))";
        let page = server.page(&crate::model::User::SET, query, &Ask::default());
        let expected = json!([
            {"Name": "Ann", "Machines@odata.count": 1, "Machines": [
                {"Id": 1, "Runs@odata.count": 1, "Runs": [{"Id": 1}]}]},
            {"Name": "Bob", "Machines@odata.count": 0, "Machines": []},
        ]);
        assert_eq!(page["value"], expected, "{}", server.label);
    }
}

#[test]
fn a_star_expands_the_rest() {
    for server in servers() {
        let query = "$filter=Id eq 2&$select=Id&$expand=*,Machine($select=Id;$expand=*)";
        let page = server.page(&RUNS, query, &Ask::default());
        let run = &page["value"][0];
        assert_eq!(run["Machine"]["Id"], 2);
        assert_eq!(run["Machine"]["Owner"], json!(null));
        assert_eq!(run["Machine"]["Runs"].as_array().unwrap().len(), 1);
        assert_eq!(run["Steps"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn a_path_selects_within_what_is_expanded() {
    for server in servers() {
        let page =
            |query: &str| server.page(&RUNS, &format!("$filter=Id eq 1&{query}"), &Ask::default());
        let expected = json!([{"Id": 1, "Machine": {"Name": "LAVINIA-PC"}}]);
        assert_eq!(
            page("$select=Machine/Name,Id&$expand=Machine")["value"],
            expected
        );
        assert_eq!(
            page("$expand=machine&$select=id,machine/name")["value"],
            expected
        );
        let both = json!([{"Machine": {"Id": 1, "Name": "LAVINIA-PC", "Owner": {"Name": "Ann"}}}]);
        let query = "$expand=Machine($select=Id,Owner/Name;$expand=Owner)&$select=Machine/Name";
        assert_eq!(page(query)["value"], both);
    }
}

#[test]
fn conditions_of_all_levels_count_together() {
    let half = vec!["At gt 1970-01-01"; 15].join(" or ");
    let query = |filter: &str| {
        let query = format!("$filter={filter}&$expand=Steps($filter={half})");
        Query::parse(&RUNS, &query)
    };
    let own = |n: usize| vec!["Id eq 1"; n].join(" or ");
    assert!(query(&own(10)).is_ok());
    match query(&own(11)) {
        Err(Error::Invalid(text)) => assert!(text.contains("expressions is 100"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn deep_and_long_expansions_are_clean_errors() {
    for query in [
        "Machine($expand=Owner(".repeat(2_000),
        format!(
            "{}{}",
            "Steps($expand=Run(".repeat(1_000),
            "))".repeat(1_000)
        ),
        "(".repeat(60_000),
        "Steps,".repeat(10_000),
        format!("Steps({})", "$top=1;".repeat(8_000)),
        format!("Steps({})", ";".repeat(60_000)) + "x",
    ] {
        let parsed = Query::parse(&RUNS, &format!("$expand={query}"));
        assert!(
            matches!(parsed, Err(Error::Invalid(_))),
            "{query:.40}: {parsed:?}"
        );
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
    let options = "$expand=Steps($filter=Run/Id gt 1;$orderby=At;$top=1;$skip=1;$count=true)";
    assert_eq!(statements(options), plain + 1);
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
fn structures_are_shown_anyway() {
    for server in servers() {
        let page = |query: &str| server.page(&RUNS, query, &Ask::default());
        let plain = page("$filter=Id eq 2");
        assert_eq!(page("$filter=Id eq 2&$expand=tags,Content"), plain);
        assert_eq!(page("$filter=Id eq 2&$expand=Tags()"), plain);
        let both = page("$filter=Id eq 2&$expand=Machine,Tags");
        assert_eq!(both, page("$filter=Id eq 2&$expand=Machine"));
        // What is expanded is there although something else is selected.
        let selected = page("$filter=Id eq 2&$select=Id&$expand=Content");
        assert_eq!(
            selected["value"],
            json!([{"Content": {"a": 1, "B": [null]}, "Id": 2}]),
            "{}",
            server.label
        );
    }
}

#[test]
fn what_cannot_be_expanded() {
    for (query, part) in [
        ("$expand=Nope", "'Nope' on type 'RunDto'"),
        (
            "$expand=Words",
            "is not a navigation property and cannot be expanded",
        ),
        ("$expand=Tags,tags", "expanded more than once"),
        ("$expand=Tags($select=Name)", "always shown as a whole"),
        ("$expand=Machine,machine", "expanded more than once"),
        (
            "$expand=Machine($expand=Owner($expand=Machines))",
            "maximum depth allowed is 2",
        ),
        (
            "$expand=Machine($top=1)",
            "'$top' cannot be applied to 'Machine', which leads to at most one",
        ),
        ("$expand=Machine($filter=Id eq 1)", "such as 'Machine/Id'"),
        (
            "$expand=Machine($orderby=Id)",
            "'$orderby' cannot be applied",
        ),
        ("$expand=Machine($count=true)", "'$count' cannot be applied"),
        (
            "$expand=Steps($search=x)",
            "'$search' is not supported within",
        ),
        (
            "$expand=Steps($levels=2)",
            "'$levels' is not supported within",
        ),
        ("$expand=Steps(top=1)", "options start with '$'"),
        ("$expand=Steps($top=1;$TOP=2)", "more than once within"),
        ("$expand=Steps($top=1,$skip=2)", "non-negative integer"),
        ("$expand=Steps($top=1001)", "The limit of '1000' for Top"),
        ("$expand=Steps($top)", "'$top' cannot be empty"),
        ("$expand=Steps($filter=)", "'$filter' cannot be empty"),
        (
            "$expand=Steps($filter=Nope eq 1)",
            "'Nope' on type 'StepDto'",
        ),
        ("$expand=Steps($filter=Key eq 5)", "incompatible types"),
        ("$expand=Steps($orderby=At,At,At,At,At,At)", "maximum of 5"),
        (
            "$expand=Steps($filter=Run/Name eq 'a)",
            "a quote is not closed",
        ),
        (
            "$expand=Steps($filter=Run/Name eq ')'",
            "a bracket is not closed",
        ),
        (
            "$expand=Machine($expand=*($top=1))",
            "'*' on type 'MachineDto'",
        ),
        (
            "$expand=Machine($expand=Owner($expand=*))",
            "maximum depth allowed is 2",
        ),
        ("$expand=Machine/Owner", "'Machine/Owner' on type 'RunDto'"),
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

#[test]
fn where_a_query_leads_to() {
    for (query, leads) in [
        ("", false),
        ("$filter=Name eq 'a'&$orderby=Machine/Name", false),
        ("$expand=Machine", false),
        ("$expand=Machine($expand=Owner)", true),
        ("$expand=Steps($expand=Run),Machine($expand=Owner)", true),
        ("$filter=Machine/Owner/Name eq 'a'", true),
        (
            "$filter=not (Id gt 5 or Machine/Owner/Name in ('a','b'))",
            true,
        ),
        (
            "$filter=length(concat('x',Machine/Owner/Name)) add 1 gt 5",
            true,
        ),
        (
            "$filter=Steps/any(s: s/Run/Machine/Owner/Name eq 'a')",
            true,
        ),
        ("$filter=Steps/any(s: s/Run/Machine/Name eq 'a')", false),
        ("$orderby=Id,Machine/Owner/Name desc", true),
    ] {
        let parsed = Query::parse(&RUNS, query).unwrap_or_else(|e| panic!("{query}: {e}"));
        assert_eq!(parsed.leads_to("UserDto"), leads, "{query}");
    }
    let parsed = Query::parse(&RUNS, "$filter=Steps/any()").unwrap();
    assert!(parsed.leads_to("StepDto") && !parsed.leads_to("MachineDto"));
}
