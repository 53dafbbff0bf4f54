//! Pages that lead to the next one: `Prefer: maxpagesize`, `@odata.nextLink`, `$skiptoken`.

use serde_json::{Value, json};
use testkit::{Backend, Client, Scene, both};

use crate::support::{scene, text};

both!(
    a_preferred_size_is_confirmed_where_there_are_pages,
    a_link_counts_for_its_own_list,
    requests_of_a_batch_are_answered_in_pages,
    a_link_shows_nothing_that_its_caller_may_not_see,
);

/// The path of the next page, as the client sends it.
fn next(page: &Value) -> Option<String> {
    let link = page.get("@odata.nextLink")?.as_str().unwrap();
    let (_, path) = link.split_once("/odata/").unwrap();
    Some(format!("odata/{path}"))
}

/// The rows of a list, by the links from page to page.
pub async fn followed(client: &Client, path: &str, size: usize) -> Vec<Value> {
    let preferring = client.with("prefer", format!("odata.maxpagesize={size}"));
    let mut rows = Vec::new();
    let mut path = Some(path.to_owned());
    while let Some(at) = path {
        let answer = preferring.get(&at).await;
        let applied = answer.header("preference-applied").to_owned();
        let page = answer.ok(200);
        assert_eq!(applied, format!("odata.maxpagesize={size}"), "{at}");
        let found = page["value"].as_array().unwrap();
        assert!(found.len() <= size, "{at}: {}", found.len());
        rows.extend(found.iter().cloned());
        path = next(&page);
        assert!(path.is_none() || found.len() == size, "{at}: not full");
    }
    rows
}

async fn machines(scene: &Scene) {
    for name in ["a", "b", "c", "d"] {
        let body = json!({"Name": name});
        scene.app.post("odata/Machines", &body).await.ok(201);
    }
}

async fn a_preferred_size_is_confirmed_where_there_are_pages(backend: Backend) {
    let scene = scene(backend).await;
    machines(&scene).await;
    let get = async |prefer: &str, path: &str| {
        let client = scene.app.with("prefer", prefer);
        let answer = client.get(path).await;
        let applied = answer.header("preference-applied").to_owned();
        (answer, applied)
    };
    let list = "odata/Machines?$orderby=Name";
    for (prefer, applied) in [
        ("maxpagesize=2", "maxpagesize=2"),
        (
            "return=minimal, Odata.MaxPageSize = 2",
            "odata.maxpagesize=2",
        ),
        ("respond-async; maxpagesize=\"2\"", "maxpagesize=2"),
    ] {
        let (answer, confirmed) = get(prefer, list).await;
        let page = answer.ok(200);
        assert_eq!(confirmed, applied);
        assert_eq!(page["value"].as_array().unwrap().len(), 2, "{prefer}");
        assert_eq!(page["@odata.count"], 5);
        assert!(next(&page).is_some());
    }
    for prefer in [
        "",
        "maxpagesize=0",
        "maxpagesize=x",
        "maxpagesize=-1",
        "maxpagesize",
    ] {
        let (answer, confirmed) = get(prefer, list).await;
        let page = answer.ok(200);
        assert_eq!((confirmed.as_str(), next(&page)), ("", None), "{prefer}");
        assert_eq!(page["value"].as_array().unwrap().len(), 5, "{prefer}");
    }
    // More than a page may have.
    let (answer, confirmed) = get("maxpagesize=4000000", list).await;
    assert_eq!(answer.ok(200)["value"].as_array().unwrap().len(), 5);
    assert_eq!(confirmed, "maxpagesize=4000000");
    // What has no pages.
    let one = format!("odata/Machines({})", scene.machine);
    for path in ["odata/Machines/$count", &one] {
        let (answer, confirmed) = get("maxpagesize=1", path).await;
        assert_eq!((answer.status, confirmed.as_str()), (200, ""), "{path}");
    }
    // All pages together have no more than was asked for, and the size is remembered.
    let client = scene.app.with("prefer", "maxpagesize=2");
    let first = client
        .get("odata/Machines?$top=3&$orderby=Name desc")
        .await
        .ok(200);
    let second = scene.app.get(&next(&first).unwrap()).await.ok(200);
    assert_eq!(second["value"].as_array().unwrap().len(), 1);
    assert_eq!(next(&second), None);
    let first = client
        .get("odata/Machines?$skip=1&$select=Name")
        .await
        .ok(200);
    let second = scene.app.get(&next(&first).unwrap()).await.ok(200);
    assert_eq!(second["value"], json!([{"Name": "c"}, {"Name": "d"}]));
}

async fn a_link_counts_for_its_own_list(backend: Backend) {
    let scene = scene(backend).await;
    machines(&scene).await;
    let client = scene.app.with("prefer", "maxpagesize=1");
    let page = client.get("odata/Machines?$orderby=Name").await.ok(200);
    let link = next(&page).unwrap();
    scene.app.get(&link).await.ok(200);
    let (start, token) = link.split_once("$skiptoken=").unwrap();
    let (mark, sealed) = token.split_once("%3A").unwrap();
    let other = if sealed.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{mark}%3A{other}{}", &sealed[1..]);
    for path in [
        link.replace("Machines", "Calendars"),
        link.replace("orderby=Name", "orderby=Id"),
        format!("{link}&$filter=Id%20gt%200"),
        format!("{start}$skiptoken={forged}"),
        format!("{start}$skiptoken=1"),
        "odata/Machines?$skiptoken=WzFd".to_owned(),
    ] {
        let said = scene.app.get(&path).await.refused(400, 1000);
        assert!(
            text(&said, "message").contains("$skiptoken"),
            "{path}: {said}"
        );
    }
    let said = scene
        .app
        .get(&format!("{link}&$skip=1"))
        .await
        .refused(400, 1000);
    assert!(text(&said, "message").contains("leave $skip out"), "{said}");
    // An answer without pages has no next one.
    let one = format!("odata/Machines({})?$skiptoken={token}", scene.machine);
    let said = scene.app.get(&one).await.refused(400, 1000);
    let expected = "'$skiptoken' cannot be applied here";
    assert!(text(&said, "message").contains(expected), "{said}");
    let document = scene
        .server
        .anonymous()
        .get("/swagger/v20.0/swagger.json")
        .await
        .ok(200);
    let list = &document["paths"]["/odata/Machines"]["get"]["parameters"];
    assert!(list.to_string().contains("parameters/skiptoken"), "{list}");
}

async fn requests_of_a_batch_are_answered_in_pages(backend: Backend) {
    let scene = scene(backend).await;
    machines(&scene).await;
    let ask = async |url: &str| {
        let request = json!({"id": "1", "method": "get", "url": url,
            "headers": {"Prefer": "maxpagesize=3"}});
        let body = json!({"requests": [request]});
        let answer = scene.app.post("odata/$batch", &body).await.ok(200);
        answer["responses"][0].clone()
    };
    let first = ask("Machines?$orderby=Name&$select=Name").await;
    assert_eq!(
        text(&first["headers"], "preference-applied"),
        "maxpagesize=3"
    );
    let link = next(&first["body"]).unwrap();
    let second = ask(link.trim_start_matches("odata/")).await;
    let names = |page: &Value| page["body"]["value"].as_array().unwrap().clone();
    let found: Vec<Value> = [names(&first), names(&second)].concat();
    let found: Vec<&str> = found.iter().map(|row| text(row, "Name")).collect();
    assert_eq!(found, ["a", "b", "c", "d", "Local"]);
    assert_eq!(next(&second["body"]), None);
    // Outside of the batch it is the same list.
    scene.app.get(&link).await.ok(200);
}

async fn a_link_shows_nothing_that_its_caller_may_not_see(backend: Backend) {
    let scene = scene(backend).await;
    machines(&scene).await;
    let client = scene.app.with("prefer", "maxpagesize=2");
    let page = client.get("odata/Machines?$orderby=Name").await.ok(200);
    let link = next(&page).unwrap();
    assert_eq!(scene.server.anonymous().get(&link).await.status, 401);
    let (nobody, _) = scene.server.user("nobody", &[]).await;
    assert_eq!(nobody.get(&link).await.status, 403);
}
