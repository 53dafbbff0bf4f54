use serde_json::{Value, json};

use super::sample::{MODEL, OPS, SETS};
use super::*;

#[test]
fn xml_says_what_operations_return_and_describes_every_type_once() {
    let xml = csdl_xml(&MODEL);
    for part in [
        r#"<EntityType Name="TownDto">"#,
        r#"<ComplexType Name="FeedDto">"#,
        r#"<ComplexType Name="NoteDto" OpenType="true">"#,
        r#"<ComplexType Name="AuthorDto">"#,
        r#"<EnumType Name="Manner">"#,
        r#"<Property Name="Numbers" Type="Collection(Edm.Int64)"/>"#,
        r#"<Action Name="Feed" IsBound="true" EntitySetPath="bindingParameter">"#,
        r#"<Parameter Name="meal" Type="Default.FeedDto"/>"#,
        r#"<Parameter Name="ids" Type="Collection(Edm.Int64)"/>"#,
        r#"<ReturnType Type="Default.PetDto"/>"#,
        r#"<ReturnType Type="Collection(Default.PetDto)"/>"#,
        r#"<ReturnType Type="Edm.Stream"/>"#,
        r#"<ReturnType Type="Collection(Default.Manner)"/>"#,
        r#"String="An animal with &quot;somebody&quot; to look after it, &lt;or nobody&gt;.""#,
        r#"String="Feeds a pet. It may bite.""#,
    ] {
        assert!(xml.contains(part), "{part} is missing in\n{xml}");
    }
    assert_eq!(
        xml.matches("<ReturnType").count(),
        4,
        "Wake returns nothing"
    );
    for name in ["PetDto", "NoteDto", "AuthorDto", "Species", "Dictionary"] {
        let once = format!("Type Name=\"{name}\"");
        assert_eq!(xml.matches(&once).count(), 1, "{name}");
    }
    assert!(
        !xml.contains(r#"EntitySet Name="Towns""#),
        "a type, not a set of the model"
    );
}

#[test]
fn json_says_the_same_as_xml() {
    let document: Value = serde_json::from_str(&csdl_json(&MODEL)).unwrap();
    assert_eq!(document["$Version"], "4.01");
    assert_eq!(document["$EntityContainer"], "Default.Container");
    let types = &document["Default"];
    let pet = &types["PetDto"];
    assert_eq!(
        (&pet["$Kind"], &pet["$Key"]),
        (&json!("EntityType"), &json!(["Id"]))
    );
    let description = "@Org.OData.Core.V1.Description";
    assert_eq!(
        pet["Name"],
        json!({"$MaxLength": 20, description: "What it is called."})
    );
    assert_eq!(
        pet["Born"],
        json!({"$Type": "Edm.DateTimeOffset", "$Nullable": true})
    );
    assert_eq!(pet["Tame"], json!({"$Type": "Edm.Boolean"}));
    assert_eq!(pet["Words"], json!({"$Collection": true}));
    assert_eq!(
        pet["Notes"],
        json!({"$Collection": true, "$Type": "Default.NoteDto"})
    );
    assert_eq!(
        pet["More"],
        json!({"$Type": "Default.Dictionary", "$Nullable": true})
    );
    let owner = json!({"$Kind": "NavigationProperty", "$Type": "Default.PersonDto",
        "$Nullable": true});
    assert_eq!(pet["Owner"], owner);
    let pets = json!({"$Kind": "NavigationProperty", "$Collection": true,
        "$Type": "Default.PetDto"});
    assert_eq!(types["PersonDto"]["Pets"], pets);
    assert_eq!(
        pet[description],
        "An animal with \"somebody\" to look after it, <or nobody>."
    );
    assert_eq!(
        types["Dictionary"],
        json!({"$Kind": "ComplexType", "$OpenType": true})
    );
    assert_eq!(
        types["Species"],
        json!({"$Kind": "EnumType", "Cat": 0, "Dog": 1})
    );
    let set = json!({"$Collection": true, "$Type": "Default.PetDto",
        "$NavigationPropertyBinding": {"Owner": "People"}});
    assert_eq!(types["Container"]["Pets"], set);
    let feed = json!([{
        "$Kind": "Action", "$IsBound": true, "$EntitySetPath": "bindingParameter",
        "$Parameter": [
            {"$Name": "bindingParameter", "$Type": "Default.PetDto"},
            {"$Name": "meal", "$Type": "Default.FeedDto", "$Nullable": true},
            {"$Name": "times", "$Type": "Edm.Int32", "$Nullable": true},
        ],
        "$ReturnType": {"$Type": "Default.PetDto", "$Nullable": true},
        description: "Feeds a pet. It may bite.",
    }]);
    assert_eq!(document["Zoo.Ops"]["Feed"], feed);
    assert_eq!(types["Photo"][0]["$ReturnType"]["$Type"], "Edm.Stream");

    // What XML names, JSON names: types and sets in `Default`, operations where they are called.
    let xml = csdl_xml(&MODEL);
    for namespace in ["Default", "Zoo.Ops"] {
        for name in document[namespace].as_object().unwrap().keys() {
            assert!(xml.contains(&format!("Name=\"{name}\"")), "{name}");
        }
    }
    let named = types.as_object().unwrap().len();
    let in_xml = [
        "<EntityType ",
        "<ComplexType ",
        "<EnumType ",
        "<Function ",
        "<EntityContainer ",
    ];
    let counted: usize = in_xml.iter().map(|tag| xml.matches(tag).count()).sum();
    assert_eq!(
        named + 1,
        counted,
        "Hungry is the one function in another namespace"
    );
}

#[test]
fn overloads_stand_side_by_side() {
    let mut ops = OPS.to_vec();
    ops.push(OpSig {
        set: "People",
        ..OPS[0].clone()
    });
    let model = Model {
        ops: &ops,
        ..*MODEL
    };
    let document: Value = serde_json::from_str(&csdl_json(&model)).unwrap();
    let feed = document["Zoo.Ops"]["Feed"].as_array().unwrap();
    assert_eq!(feed.len(), 2);
    assert_eq!(
        feed[1]["$EntitySetPath"],
        Value::Null,
        "pets are not people"
    );
    assert_eq!(csdl_xml(&model).matches("<Action Name=\"Feed\"").count(), 2);
}

#[test]
fn a_model_that_is_not_closed_is_found_out() {
    assert_eq!(undefined(&MODEL), Vec::<String>::new());

    let without = Model {
        types: &[],
        ..*MODEL
    };
    let missing = [
        "Pets/Zoo.Ops.Feed: there is no type 'FeedDto'.",
        "Pets/Zoo.Ops.Wake: there is no type 'Default.Manner'.",
        "People/Default.Manners: there is no type 'Collection(Manner)'.",
    ];
    assert_eq!(undefined(&without), missing);

    // What only operations give is described, and is no set of the service.
    let results = Model {
        sets: &[],
        results: MODEL.sets,
        ops: &[],
        ..*MODEL
    };
    assert_eq!(undefined(&results), Vec::<String>::new());
    let xml = csdl_xml(&results);
    assert!(xml.contains("<EntityType Name=\"PetDto\""), "{xml}");
    assert!(!xml.contains("<EntitySet "), "{xml}");

    let bad = |change: fn(&mut OpSig)| {
        let mut op = OPS[4].clone();
        change(&mut op);
        undefined(&Model {
            ops: &[op],
            ..*MODEL
        })
    };
    for returns in [
        "Edm.Strng",
        "Collection(PetDto",
        "Collection()",
        "Collection(Collection(PetDto))",
        "Pet",
    ] {
        let found = match returns {
            "Edm.Strng" => bad(|op| op.returns = "Edm.Strng".into()),
            "Collection(PetDto" => bad(|op| op.returns = "Collection(PetDto".into()),
            "Collection()" => bad(|op| op.returns = "Collection()".into()),
            "Pet" => bad(|op| op.returns = "Pet".into()),
            _ => bad(|op| op.returns = "Collection(Collection(PetDto))".into()),
        };
        assert_eq!(
            found,
            [format!(
                "People/Default.Manners: there is no type '{returns}'."
            )]
        );
    }
    assert_eq!(
        bad(|op| op.returns = "".into()),
        ["People/Default.Manners: a function has a result."]
    );
    assert_eq!(
        bad(|op| op.set = "Nope"),
        ["Nope/Default.Manners: there is no set 'Nope'."]
    );
    assert_eq!(
        bad(|op| op.name = "PetDto"),
        ["People/Default.PetDto: there is a type of this name."]
    );

    static SPECIES: crate::edm::ComplexType = crate::edm::ComplexType {
        name: "Species",
        props: &[],
        open: false,
    };
    let twice = Model {
        types: &[MODEL.types[0], MODEL.types[1], Kind::Complex(&SPECIES)],
        ..*MODEL
    };
    assert_eq!(undefined(&twice), ["'Species' is the name of two types."]);
}

#[test]
fn the_service_document_lists_the_sets() {
    let document: Value = serde_json::from_slice(&service_document("http://h", SETS)).unwrap();
    assert_eq!(document["value"][1]["url"], "People");
}
