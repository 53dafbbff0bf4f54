use std::collections::HashSet;

use serde_json::{Value, json};

use super::*;
use crate::metadata::sample::{MODEL, OPS, Person, Pet};
use crate::metadata::{OpSig, Param};

const HEADERS: &[Header<'_>] = &[Header {
    name: "X-Zoo",
    description: "The zoo.",
    kind: Kind::Int64,
    required: true,
}];

fn endpoints() -> Vec<Endpoint<'static>> {
    let verbs = [
        Verb::List,
        Verb::Get,
        Verb::Create,
        Verb::Replace,
        Verb::Merge,
        Verb::Delete,
    ];
    let pets = verbs.into_iter().map(|verb| {
        let mut endpoint = Endpoint::new(Call::Set(&Pet::SET, verb));
        endpoint.access = Access::Scopes(&["Pets", "Pets.Read"]);
        endpoint.headers = HEADERS;
        endpoint
    });
    let people = [Verb::List, Verb::Get].map(|verb| {
        let mut endpoint = Endpoint::new(Call::Set(&Person::SET, verb));
        endpoint.access = Access::Public;
        endpoint
    });
    let ops = OPS.iter().map(|op| Endpoint::new(Call::Operation(op)));
    pets.chain(people).chain(ops).collect()
}

/// The document of the sample, as text.
fn text(endpoints: &[Endpoint<'_>]) -> String {
    document(&Service {
        title: "Zoo",
        version: "1.0",
        description: "Animals.",
        servers: &["/"],
        root: "/odata",
        plain_root: "",
        model: *MODEL,
        endpoints,
        error: &json!({"type": "object", "properties": {"message": {"type": "string"}}}),
        oauth: OAuth {
            token_url: "/connect/token",
            authorization_url: "/connect/authorize",
            scopes: &[("Pets", "All of pets"), ("Pets.Read", "Reading pets")],
        },
    })
}

fn parsed() -> Value {
    serde_json::from_str(&text(&endpoints())).unwrap()
}

/// Calls `visit` with every object in a document.
fn walk(value: &Value, visit: &mut dyn FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            visit(map);
            map.values().for_each(|value| walk(value, visit));
        }
        Value::Array(items) => items.iter().for_each(|value| walk(value, visit)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_name_is_used_once() {
    let document = parsed();
    let (mut references, mut ids) = (0, Vec::new());
    walk(&document, &mut |object| {
        if let Some(Value::String(reference)) = object.get("$ref") {
            references += 1;
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        if let Some(Value::String(id)) = object.get("operationId") {
            ids.push(id.clone());
        }
    });
    assert!(references > 20);
    assert_eq!(ids.len(), endpoints().len());
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());

    // Twice the same endpoint is a mistake of the program, but still a document.
    let mut twice = endpoints();
    twice.push(Endpoint::new(Call::Operation(&OPS[1])));
    let document: Value = serde_json::from_str(&text(&twice)).unwrap();
    let wake = &document["paths"]["/odata/Pets/Zoo.Ops.Wake"]["post"];
    assert_eq!(wake["operationId"], "Pets_Wake_2");
}

#[test]
fn the_parameters_in_a_path_are_those_that_are_declared() {
    let document = parsed();
    for (path, item) in document["paths"].as_object().unwrap() {
        let named: HashSet<_> = path
            .split('{')
            .skip(1)
            .map(|part| part.split('}').next().unwrap())
            .collect();
        for operation in item.as_object().unwrap().values() {
            let parameters = operation["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let declared: HashSet<_> = parameters
                .iter()
                .filter(|p| p["in"] == "path")
                .map(|p| p["name"].as_str().unwrap())
                .collect();
            assert_eq!(named, declared, "{path}");
        }
    }
}

#[test]
fn addresses_and_names_of_operations() {
    let document = parsed();
    let paths = &document["paths"];
    let names = |path: &str| {
        let item = paths[path]
            .as_object()
            .unwrap_or_else(|| panic!("{path}: {paths:#}"));
        item.iter()
            .map(|(method, op)| format!("{method} {}", op["operationId"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("/odata/Pets"), ["get Pets_Get", "post Pets_Post"]);
    assert_eq!(
        names("/odata/Pets({key})"),
        [
            "get Pets_GetById",
            "put Pets_PutById",
            "patch Pets_PatchById",
            "delete Pets_DeleteById"
        ]
    );
    assert_eq!(names("/odata/People('{key}')"), ["get People_GetById"]);
    assert_eq!(
        names("/odata/Pets({key})/Zoo.Ops.Feed"),
        ["post Pets_FeedById"]
    );
    assert_eq!(
        names("/odata/Pets/Zoo.Ops.Hungry(since={since},like='{like}')"),
        ["get Pets_HungryBySinceAndLike"]
    );
    assert_eq!(
        names("/odata/People('{entityKey}')/Default.Photo(key={key})"),
        ["get People_PhotoByIdAndKey"]
    );
    assert_eq!(
        names("/odata/People/Default.Manners"),
        ["get People_Manners"]
    );
    assert_eq!(document["tags"][0]["name"], "Pets");
    assert_eq!(
        document["tags"][1],
        json!({"name": "People", "description": "Somebody."})
    );
}

#[test]
fn a_list_takes_the_query_options_with_their_limits() {
    let document = parsed();
    let list = &document["paths"]["/odata/Pets"]["get"];
    let parameters = list["parameters"].as_array().unwrap();
    let named = |name: &str| parameters.iter().find(|p| p["name"] == name).unwrap();
    assert_eq!(named("$top")["schema"]["maximum"], 500);
    assert!(
        named("$expand")["description"]
            .as_str()
            .unwrap()
            .contains("Owner. The maximum depth is 2")
    );
    assert_eq!(named("X-Zoo")["schema"]["format"], "int64");
    assert_eq!(named("X-Zoo")["required"], true);
    let shared: Vec<_> = parameters
        .iter()
        .filter_map(|p| p["$ref"].as_str()?.rsplit('/').next())
        .collect();
    assert_eq!(shared, ["filter", "select", "orderby", "skip", "count"]);
    let filter = &document["components"]["parameters"]["filter"]["description"];
    assert!(filter.as_str().unwrap().contains("is 100"));
    let people = document["paths"]["/odata/People"]["get"]["parameters"].to_string();
    assert!(!people.contains("X-Zoo"), "only where it is read");
    assert!(
        document["paths"]["/odata/Pets"]["post"]["parameters"]
            .to_string()
            .contains("X-Zoo")
    );
}

#[test]
fn schemas_follow_the_declaration() {
    let document = parsed();
    let schemas = &document["components"]["schemas"];
    let pet = &schemas["PetDto"]["properties"];
    assert_eq!(
        pet["Id"],
        json!({"type": "integer", "format": "int64", "readOnly": true})
    );
    assert_eq!(
        pet["Name"],
        json!({"type": "string", "maxLength": 20, "description": "What it is called."})
    );
    assert_eq!(
        pet["Born"],
        json!({"type": ["string", "null"], "format": "date-time"})
    );
    assert_eq!(
        pet["Species"],
        json!({"$ref": "#/components/schemas/Species"})
    );
    assert_eq!(
        pet["Notes"],
        json!({"type": "array", "items": {"$ref": "#/components/schemas/NoteDto"}})
    );
    assert_eq!(
        pet["More"],
        json!({"type": ["object", "null"], "additionalProperties": true})
    );
    let kind = json!([{"$ref": "#/components/schemas/Species"}, {"type": "null"}]);
    assert_eq!(pet["Kind"]["anyOf"], kind);
    assert!(
        pet["Kind"]["description"]
            .as_str()
            .unwrap()
            .contains("Not for $filter")
    );
    assert_eq!(
        pet["Code"]["description"],
        "What opens its cage. Null unless the entity is read by its key."
    );
    assert_eq!(pet["Owner"]["readOnly"], true);
    assert_eq!(
        schemas["Species"],
        json!({"type": "string", "enum": ["Cat", "Dog"]})
    );
    assert_eq!(schemas["NoteDto"]["required"], json!(["Text"]));
    assert_eq!(schemas["NoteDto"]["additionalProperties"], true);
    assert_eq!(
        schemas["PetDto"]["required"],
        Value::Null,
        "an answer may be a selection"
    );
    assert!(schemas["TownDto"].is_object());

    let body = |path: &str, method: &str| {
        document["paths"][path][method]["requestBody"]["content"]["application/json"]["schema"]
            .clone()
    };
    let complete =
        json!({"allOf": [{"$ref": "#/components/schemas/PetDto"}, {"required": ["Name"]}]});
    assert_eq!(body("/odata/Pets", "post"), complete);
    assert_eq!(body("/odata/Pets({key})", "put"), complete);
    assert_eq!(
        body("/odata/Pets({key})", "patch"),
        json!({"$ref": "#/components/schemas/PetDto"})
    );
    let meal = body("/odata/Pets({key})/Zoo.Ops.Feed", "post");
    assert_eq!(
        meal["properties"]["meal"],
        json!({"$ref": "#/components/schemas/FeedDto"})
    );
}

#[test]
fn answers_and_access() {
    let document = parsed();
    let paths = &document["paths"];
    let answers = |path: &str, method: &str| paths[path][method]["responses"].clone();
    let list = &answers("/odata/Pets", "get")["200"]["content"]["application/json"]["schema"];
    assert_eq!(list["$ref"], "#/components/schemas/CollectionOfPetDto");
    assert!(answers("/odata/Pets", "post")["201"]["content"].is_object());
    assert_eq!(
        answers("/odata/Pets({key})", "delete")["204"],
        json!({"description": "Success"})
    );
    assert_eq!(
        answers("/odata/Pets/Zoo.Ops.Wake", "post")["204"],
        json!({"description": "Success"})
    );
    let photo = answers(
        "/odata/People('{entityKey}')/Default.Photo(key={key})",
        "get",
    );
    assert!(photo["200"]["content"]["application/octet-stream"].is_object());
    let manners = answers("/odata/People/Default.Manners", "get");
    let items = &manners["200"]["content"]["application/json"]["schema"]["properties"]["value"];
    assert_eq!(items["items"]["$ref"], "#/components/schemas/Manner");
    assert_eq!(manners["default"]["$ref"], "#/components/responses/Error");

    let access = |path: &str| paths[path]["get"]["security"].clone();
    assert_eq!(access("/odata/People"), json!([]));
    assert_eq!(
        access("/odata/People/Default.Manners"),
        json!([{"bearer": []}])
    );
    assert_eq!(
        access("/odata/Pets"),
        json!([{"bearer": []}, {"oauth2": ["Pets"]}, {"oauth2": ["Pets.Read"]}])
    );
    let flows = &document["components"]["securitySchemes"]["oauth2"]["flows"];
    assert_eq!(
        flows["clientCredentials"]["scopes"]["Pets.Read"],
        "Reading pets"
    );
    assert_eq!(
        flows["authorizationCode"]["authorizationUrl"],
        "/connect/authorize"
    );
}

#[test]
fn an_operation_may_have_another_method_and_take_a_filter() {
    let mut endpoint = Endpoint::new(Call::Operation(&OPS[1]));
    (endpoint.method, endpoint.filter) = (Some("PUT"), Some(true));
    let document: Value = serde_json::from_str(&text(&[endpoint])).unwrap();
    let wake = &document["paths"]["/odata/Pets/Zoo.Ops.Wake"];
    assert_eq!(wake["post"], Value::Null);
    let filter = &wake["put"]["parameters"][0];
    assert_eq!(
        (&filter["name"], &filter["in"], &filter["required"]),
        (&json!("$filter"), &json!("query"), &json!(true))
    );
}

#[test]
fn a_parameter_may_stand_in_the_query() {
    let in_query = |op: &OpSig| OpSig {
        params: vec![
            Param::named("near", "Edm.Int32"),
            Param::named("far", "Edm.Int64").in_query(true),
        ],
        returns: op.returns.clone(),
        ..*op
    };
    let (wake, hungry) = (in_query(&OPS[1]), in_query(&OPS[2]));
    let endpoints = [&wake, &hungry].map(|op| Endpoint::new(Call::Operation(op)));
    let document: Value = serde_json::from_str(&text(&endpoints)).unwrap();
    let wake = &document["paths"]["/odata/Pets/Zoo.Ops.Wake"]["post"];
    let far = |operation: &Value| {
        let parameters = operation["parameters"].as_array().unwrap();
        let far = parameters.iter().find(|p| p["name"] == "far");
        far.map(|p| p["in"].clone())
    };
    assert_eq!(far(wake), Some(json!("query")));
    let body = &wake["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert!(body["near"].is_object() && body["far"].is_null(), "{wake}");
    let hungry = &document["paths"]["/odata/Pets/Zoo.Ops.Hungry(near={near})"]["get"];
    assert_eq!(far(hungry), Some(json!("query")));
    assert_eq!(hungry["operationId"], "Pets_HungryByNear");
}

#[test]
fn a_status_of_the_program_replaces_the_usual_one() {
    let mut endpoint = Endpoint::new(Call::Set(&Pet::SET, Verb::Merge));
    endpoint.status = Some(204);
    endpoint.summary = "Changes it.";
    let document: Value = serde_json::from_str(&text(&[endpoint])).unwrap();
    let patch = &document["paths"]["/odata/Pets({key})"]["patch"];
    assert_eq!(patch["responses"]["204"], json!({"description": "Success"}));
    assert_eq!(patch["responses"]["200"], Value::Null);
    assert_eq!(patch["summary"], "Changes it.");
}

#[test]
fn the_page_holds_everything_and_escapes_what_it_is_given() {
    let html = page(
        "/spec.json?a=1&b=\"><script>alert(1)</script>",
        "Tom & <Jerry>",
    );
    assert!(html.contains("<title>Tom &amp; &lt;Jerry&gt;</title>"));
    assert!(html.contains("data-spec=\"/spec.json?a=1&amp;b=&quot;&gt;&lt;script&gt;"));
    assert!(!html.contains("alert(1)</script>"));
    assert!(!html.contains("{{"), "every mark is replaced");
    assert_eq!(html.matches("<script").count(), 1);
    for outside in [
        "http://",
        "https://",
        "src=",
        "@import",
        "url(",
        "innerHTML",
        "eval(",
    ] {
        assert!(!html.contains(outside), "{outside}");
    }
}
