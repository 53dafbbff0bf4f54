//! The metamodel that the attributes write, `$metadata`, the service document, and bodies.

use odata::edm::{Edm, Kind, Scoping, Source, Visible};
use odata::metadata::{Body, Model, OpSig, Param, csdl_xml, service_document};
use odata::{Error, body};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::{Machine, RUNS, Run, State, Step, Tag, User};

#[test]
fn the_attribute_writes_the_declaration() {
    assert_eq!(
        (RUNS.name, RUNS.entity, RUNS.table),
        ("Runs", "RunDto", "runs")
    );
    assert_eq!((RUNS.key, RUNS.order, RUNS.top), ("Id", "Id desc", 1000));
    assert_eq!((RUNS.doc, RUNS.scoping), ("A run.", Scoping::Folder));
    assert_eq!((User::SET.top, User::SET.order), (2, "Name"));

    let prop = |name: &str| RUNS.prop(name).unwrap();
    assert_eq!(prop("STARTTIME").name, "StartTime");
    assert!(prop("StartTime").nullable && !prop("Created").nullable);
    assert!(matches!(
        prop("OrganizationUnitId").source,
        Source::Column("folder_id")
    ));
    assert!(matches!(prop("Age").source, Source::Sql(_)));
    assert!(matches!(prop("Never").source, Source::Json("false")));
    assert!(matches!(prop("State").kind, Kind::Enum(ty) if ty.name == "State"));
    assert!(matches!(prop("Tags").kind, Kind::Collection(ty) if ty.name == "TagDto"));
    assert_eq!(prop("Secret").visible, Visible::Single);
    assert_eq!(prop("Asked").visible, Visible::List);
    assert!(!prop("Note").filter && prop("Name").filter);
    assert_eq!(
        (prop("Name").max_length, prop("Name").required),
        (Some(20), true)
    );
    assert!(RUNS.prop("Nope").is_none() && RUNS.prop("Machine").is_none());

    let machine = RUNS.nav("machine").unwrap();
    assert_eq!(
        (machine.column, machine.target_column, machine.many),
        ("machine_id", "id", false)
    );
    assert_eq!((machine.target)().name, "Machines");
    assert!(RUNS.nav("Steps").unwrap().many);
    // A set in a function of its own needs no static around it.
    let constant: &'static odata::edm::EntitySet = &Run::SET;
    assert_eq!(constant.name, "Runs");
}

#[test]
fn the_metadata_describes_every_type_once() {
    let ops = [
        OpSig {
            name: "Stop",
            namespace: "Ns.Run",
            action: true,
            set: "Runs",
            bound_to_entity: true,
            params: vec![Param::named("strategy", "Default.State")],
            body: Body::Members,
            returns: String::from(""),
            doc: "",
        },
        OpSig {
            name: "Idle",
            namespace: "Default",
            action: false,
            set: "Machines",
            bound_to_entity: false,
            params: vec![],
            body: Body::Members,
            returns: String::from("Edm.Boolean"),
            doc: "",
        },
    ];
    let xml = csdl_xml(&Model {
        sets: &[&RUNS, &Machine::SET, &User::SET, &Step::SET, &RUNS],
        ops: &ops,
        results: &[],
        types: &[],
    });
    for part in [
        r#"<EntityType Name="RunDto">"#,
        r#"<PropertyRef Name="Id"/>"#,
        r#"<Property Name="Name" Type="Edm.String" Nullable="false" MaxLength="20"/>"#,
        r#"<Property Name="StartTime" Type="Edm.DateTimeOffset"/>"#,
        r#"<Property Name="State" Type="Default.State" Nullable="false"/>"#,
        r#"<Property Name="Tags" Type="Collection(Default.TagDto)"/>"#,
        r#"<Property Name="Words" Type="Collection(Edm.String)"/>"#,
        r#"<Property Name="Content" Type="Default.Dictionary"/>"#,
        r#"<ComplexType Name="Dictionary" OpenType="true"/>"#,
        r#"<NavigationProperty Name="Machine" Type="Default.MachineDto"/>"#,
        r#"<NavigationProperty Name="Steps" Type="Collection(Default.StepDto)"/>"#,
        r#"<Annotation Term="Org.OData.Core.V1.Description" String="A run."/>"#,
        r#"<Member Name="Faulted" Value="4"/>"#,
        r#"<EntitySet Name="Runs" EntityType="Default.RunDto">"#,
        r#"<NavigationPropertyBinding Path="Machine" Target="Machines"/>"#,
        r#"<Schema Namespace="Ns.Run""#,
        r#"<Action Name="Stop" IsBound="true">"#,
        r#"<Parameter Name="bindingParameter" Type="Default.RunDto"/>"#,
        r#"<Parameter Name="strategy" Type="Default.State"/>"#,
        r#"<Parameter Name="bindingParameter" Type="Collection(Default.MachineDto)"/>"#,
    ] {
        assert!(xml.contains(part), "{part} is missing in\n{xml}");
    }
    for once in [
        r#"EntityType Name="RunDto""#,
        r#"EnumType Name="State""#,
        "Namespace=\"Default\"",
    ] {
        assert_eq!(xml.matches(once).count(), 1, "{once}");
    }
    assert_eq!(balance(&xml), 0);
}

/// Opening minus closing tags.
fn balance(xml: &str) -> i32 {
    xml.lines()
        .skip(1)
        .fold(0, |depth, line| match line.trim() {
            line if line.starts_with("</") => depth - 1,
            line if line.ends_with("/>") => depth,
            _ => depth + 1,
        })
}

#[test]
fn the_service_document_lists_the_sets() {
    let bytes = service_document("http://h/odata", &[&RUNS, &Step::SET]);
    let document: Value = serde_json::from_slice(&bytes).unwrap();
    let expected = json!({
        "@odata.context": "http://h/odata/$metadata",
        "value": [
            {"name": "Runs", "kind": "EntitySet", "url": "Runs"},
            {"name": "Steps", "kind": "EntitySet", "url": "Steps"},
        ],
    });
    assert_eq!(document, expected);
}

/// What starts a run.
#[odata::complex(name = "StartDto", open)]
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Who.
    #[edm(required, max = 5)]
    pub run_name: String,
    #[edm(name = "WhichState")]
    pub state: Option<State>,
    pub count: Option<i32>,
    pub big: Option<i64>,
    pub at: Option<odata::Timestamp>,
    pub key: Option<odata::Guid>,
    pub ratio: Option<f64>,
    #[serde(default)]
    pub robots: Vec<Robot>,
    pub first: Option<Robot>,
    #[serde(default)]
    pub ids: Vec<i64>,
    #[serde(default)]
    pub words: Vec<String>,
    pub more: Option<odata::Open>,
    #[edm(read_only)]
    #[serde(rename = "id")]
    pub number: Option<i64>,
}

/// A robot.
#[odata::complex]
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct Robot {
    #[edm(required)]
    pub robot_id: i64,
}

#[test]
fn a_structure_is_a_kind_and_names_its_fields_for_serde() {
    assert!(matches!(Start::KIND, Kind::Complex(ty) if ty.name == "StartDto" && ty.open));
    assert!(matches!(<Vec<Tag> as Edm>::KIND, Kind::Collection(ty) if ty.name == "TagDto"));
    assert_eq!(Start::TYPE.props[0].doc, "Who.");

    let mut body = json!({
        "runname": "a", "WHICHSTATE": "faulted", "robots": [{"ROBOTID": 1}], "first": {"robotId": 2},
        "More": {"runname": 1}, "id": 7, "Unknown": true,
    });
    body::rename(Start::TYPE.props, &mut body);
    let start: Start = serde_json::from_value(body).unwrap();
    assert_eq!(
        (start.run_name.as_str(), start.state),
        ("a", Some(State::Faulted))
    );
    assert_eq!(
        (start.robots[0].robot_id, start.first.map(|r| r.robot_id)),
        (1, Some(2))
    );
    assert!(
        start.more.unwrap().0.contains_key("runname"),
        "dictionaries stay as they are"
    );
}

#[test]
fn the_exact_spelling_wins_over_another() {
    let mut body = json!({"RUNNAME": "a", "RunName": "b", "runname": "c"});
    assert_eq!(
        body::member(body.as_object().unwrap(), "RunName"),
        Some(&json!("b"))
    );
    body::rename(Start::TYPE.props, &mut body);
    assert_eq!(body, json!({"RunName": "b"}));
}

#[track_caller]
fn refused(members: Value, expected: &str) {
    let mut body = json!({"RunName": "ok"});
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    match body::check_complex(&Start::TYPE, &body) {
        Err(Error::Field(text)) => assert_eq!(text, expected),
        other => panic!("{body}: {other:?}"),
    }
}

#[test]
fn bodies_are_checked_by_their_declaration() {
    let good = json!({
        "runName": "äöüßÄ", "whichstate": "4", "Count": 1, "Big": 5_000_000_000_i64,
        "At": "2018-01-15T18:18:02.79Z", "Key": "{00000000-0000-0000-0000-00000000000A}", "Ratio": 1,
        "Robots": [{"robotId": 1}], "First": null, "Ids": [1], "Words": ["x"], "More": {"x": []},
        "Id": "not looked at", "Whatever": 1,
    });
    body::check_complex(&Start::TYPE, &good).unwrap();

    refused(
        json!({"RunName": "123456"}),
        "The field RunName must be a string with a maximum length of 5.",
    );
    refused(json!({"RunName": "  "}), "The RunName field is required.");
    refused(json!({"RunName": null}), "The RunName field is required.");
    refused(
        json!({"RunName": 1.5}),
        "The field RunName must be a value of type Edm.String.",
    );
    refused(
        json!({"RunName": "a\0"}),
        "The field RunName must not hold NUL.",
    );
    refused(
        json!({"WhichState": "Broken"}),
        "The field WhichState must be a member of State.",
    );
    refused(
        json!({"WhichState": 3}),
        "The field WhichState must be a member of State.",
    );
    refused(
        json!({"Count": 2_147_483_648_i64}),
        "The field Count must be a value of type Edm.Int32.",
    );
    refused(
        json!({"Big": 1.5}),
        "The field Big must be a value of type Edm.Int64.",
    );
    refused(
        json!({"At": "soon"}),
        "The field At must be a value of type Edm.DateTimeOffset.",
    );
    refused(
        json!({"Key": "x"}),
        "The field Key must be a value of type Edm.Guid.",
    );
    refused(json!({"Robots": [{}]}), "The RobotId field is required.");
    refused(
        json!({"Robots": {}}),
        "The field Robots must be a value of type Robot.",
    );
    refused(
        json!({"First": []}),
        "The field First must be a JSON object.",
    );
    refused(
        json!({"Ids": ["1", "x"]}),
        "The field Ids must be a value of type Collection(Edm.Int64).",
    );
    refused(
        json!({"Words": [1, 1.5]}),
        "The field Words must be a value of type Collection(Edm.String).",
    );
    refused(
        json!({"More": 1}),
        "The field More must be a value of type Edm.Untyped.",
    );
}

#[test]
fn numbers_and_truth_values_may_be_text_and_texts_numbers() {
    let written = json!({
        "RunName": 12345, "Count": " -7 ", "Big": "+5000000000", "Ratio": "2.5",
        "Robots": [{"RobotId": "1"}], "Ids": ["1", 2], "Words": ["x", 7, true],
    });
    body::check_complex(&Start::TYPE, &written).unwrap();
    refused(
        json!({"RunName": 123_456}),
        "The field RunName must be a string with a maximum length of 5.",
    );
    refused(
        json!({"Count": "2147483648"}),
        "The field Count must be a value of type Edm.Int32.",
    );
    for ratio in ["NaN", "inf", "1,5", ""] {
        refused(
            json!({"Ratio": ratio}),
            "The field Ratio must be a value of type Edm.Double.",
        );
    }
    refused(
        json!({"Count": ""}),
        "The field Count must be a value of type Edm.Int32.",
    );
    // Digits that a number does not keep.
    for name in [json!(1.10), json!(1e30), json!([]), json!({})] {
        refused(
            json!({"RunName": name}),
            "The field RunName must be a value of type Edm.String.",
        );
    }
}

#[test]
fn a_truth_value_is_a_bit_or_a_word() {
    let read = |value: Value| body::converted(Kind::Bool, &value).into_owned();
    for value in [json!(true), json!("true"), json!(" TRUE "), json!(1)] {
        assert_eq!(read(value), json!(true));
    }
    for value in [json!(false), json!("False"), json!(0)] {
        assert_eq!(read(value), json!(false));
    }
    for value in [json!("1"), json!("yes"), json!(2), json!(0.0), json!(null)] {
        assert_eq!(read(value.clone()), value);
    }
}

#[test]
fn what_is_of_another_type_is_told_from_what_breaks_a_limit() {
    let name = Start::TYPE.props[0];
    let check = |value: Value| body::check_member(&name, &value);
    check(json!("a")).unwrap();
    assert!(matches!(check(json!([])), Err(Error::Shape(_))));
    assert!(matches!(check(json!("abcdef")), Err(Error::Field(_))));
    // Of an entity's body it is the member that is wrong.
    let body = json!({"RunName": []});
    let checked = body::check_complex(&Start::TYPE, &body);
    assert!(matches!(checked, Err(Error::Field(_))));
}

#[test]
fn a_change_need_not_be_complete() {
    assert!(matches!(
        body::check(&RUNS, &json!({})),
        Err(Error::Field(_))
    ));
    body::check_patch(&RUNS, &json!({})).unwrap();
    assert!(body::check_patch(&RUNS, &json!({"name": null})).is_err());
    assert!(body::check_patch(&RUNS, &json!({"name": "x".repeat(21)})).is_err());
    for body in [json!(null), json!([]), json!("x")] {
        assert!(matches!(body::check(&RUNS, &body), Err(Error::Field(_))));
    }
}

/// A run by its number.
#[odata::complex]
#[derive(Deserialize)]
struct ById {
    /// The number.
    #[edm(required)]
    #[expect(dead_code, reason = "only checked")]
    id: i64,
}

/// A shelf.
#[odata::entity(set = "Shelves", name = "ShelfDto", table = "shelves", key = "Id", scope = none)]
struct Shelf {
    /// Its number.
    id: i64,
    /// Its age.
    #[edm(read_only)]
    age: i64,
    /// What is on it.
    #[edm(nav, column = "id", target_column = "shelf_id", given = ById)]
    runs: odata::Many<Run>,
}

#[test]
fn a_body_may_give_structures_in_place_of_a_navigation_property() {
    let changes = |body: &Value, mode| odata::Changes::of(&Shelf::SET, body, mode);
    for mode in [odata::Mode::Create, odata::Mode::Merge] {
        let given = changes(&json!({"runs": [{"id": 1}], "Age": "old"}), mode).unwrap();
        assert_eq!(given.given("Runs"), Some(&json!([{"id": 1}])));
        let null = changes(&json!({"Runs": null}), mode).unwrap();
        assert!(null.says("Runs") && null.given("Runs").is_none());
        assert!(!changes(&json!({}), mode).unwrap().says("Runs"));
        for (wrong, why) in [
            (json!([{}]), "The Id field is required."),
            (json!({}), "The field Runs must be a value of type ById."),
            (
                json!(vec![json!({"Id": 1}); 1001]),
                "Runs must not hold more than 1000 entries",
            ),
        ] {
            let error = changes(&json!({"Runs": wrong}), mode)
                .unwrap_err()
                .to_string();
            assert!(error.starts_with(why), "{error}");
        }
    }
}
