//! Pages of other origins, what browsers ask before they call, and addresses with a slash too many.

use testkit::{Answer, Backend, Client, Scene, Setup, both, run_to_end};

use crate::support::{EXE, scene, server};

both!(
    nobody_else_unless_configured,
    origins_that_are_configured,
    every_origin,
    empty_segments_collapse,
);

const PAGE: &str = "https://app.example.com";

async fn ask(client: &Client, path: &str, origin: &str, method: &str) -> Answer {
    let request = client
        .request("OPTIONS", path)
        .header("Origin", origin)
        .header("Access-Control-Request-Method", method)
        .header(
            "Access-Control-Request-Headers",
            "authorization,x-uipath-folderkey",
        );
    client.send(request).await
}

async fn call(client: &Client, path: &str, origin: &str) -> Answer {
    client
        .send(client.request("GET", path).header("Origin", origin))
        .await
}

const ALLOWED: &str = "access-control-allow-origin";

async fn with_origins(backend: Backend, origins: &str) -> Scene {
    let setup = Setup {
        args: vec!["--cors-origins".into(), origins.into()],
        ..Setup::default()
    };
    Scene::start_with(EXE, backend, setup).await
}

async fn nobody_else_unless_configured(backend: Backend) {
    let scene = scene(backend).await;
    for path in [
        "odata/Jobs",
        "api/Logs",
        "default/DefaultTenant/orchestrator_/odata/$batch",
    ] {
        let answer = ask(&scene.server.anonymous(), path, PAGE, "POST").await;
        assert_eq!((answer.status, answer.header(ALLOWED)), (200, ""), "{path}");
    }
    let answer = call(&scene.app, "odata/Jobs", PAGE).await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (200, ""));
    // Everybody may ask for a token.
    for path in ["identity_/connect/token", "default/identity_/connect/token"] {
        let answer = ask(&scene.server.anonymous(), path, PAGE, "POST").await;
        assert_eq!(
            (answer.status, answer.header(ALLOWED)),
            (200, "*"),
            "{path}"
        );
        let headers = answer.header("access-control-allow-headers");
        assert!(headers.contains("authorization"), "{headers}");
        assert_eq!(answer.header("access-control-allow-methods"), "POST");
        assert_eq!(answer.header("api-supported-versions"), "20.0");
    }
    let path = "identity_/.well-known/openid-configuration";
    let answer = scene.server.anonymous().get(path).await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (200, "*"));
    // Elsewhere nothing is asked so.
    ask(&scene.server.anonymous(), "nowhere", PAGE, "GET")
        .await
        .refused(404, 0);
}

async fn origins_that_are_configured(backend: Backend) {
    let scene = with_origins(backend, "https://App.Example.com/, http://localhost:4200").await;
    let anonymous = scene.server.anonymous();
    for path in [
        "odata/Jobs(1)",
        "api/Logs",
        "default/DefaultTenant/odata/Jobs",
    ] {
        for origin in [PAGE, "http://localhost:4200"] {
            let answer = ask(&anonymous, path, origin, "DELETE").await;
            assert_eq!(
                (answer.status, answer.header(ALLOWED)),
                (200, origin),
                "{path}"
            );
            assert_eq!(answer.header("access-control-allow-methods"), "DELETE");
            let headers = answer.header("access-control-allow-headers");
            assert_eq!(headers, "authorization,x-uipath-folderkey");
            assert_eq!(answer.header("access-control-max-age"), "3600");
        }
        let answer = ask(&anonymous, path, "https://other.example.com", "GET").await;
        assert_eq!(answer.header(ALLOWED), "", "{path}");
    }
    let answer = call(&scene.app, "odata/Jobs", PAGE).await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (200, PAGE));
    let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert!(
        vary.iter().any(|v| v.to_str().unwrap().contains("origin")),
        "{vary:?}"
    );
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("x-request-id"), "{exposed}");
    // Refusals can be read, too; a token is asked for all the same.
    let answer = call(&anonymous, "odata/Jobs", PAGE).await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (401, PAGE));
    let answer = call(&scene.app, "odata/Jobs", "https://other.example.com").await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (200, ""));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

async fn every_origin(backend: Backend) {
    let setup = Setup {
        args: Vec::new(),
        env: vec![("BATON_CORS_ORIGINS".into(), "*".into())],
    };
    let scene = Scene::start_with(EXE, backend, setup).await;
    let answer = ask(&scene.server.anonymous(), "odata/Jobs", PAGE, "GET").await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (200, "*"));
    let answer = call(&scene.app, "odata/Jobs", PAGE).await;
    assert_eq!((answer.status, answer.header(ALLOWED)), (200, "*"));
    let mut command = scene.server.command_at("127.0.0.1:0");
    command.args(["--cors-origins", "example.com"]);
    let said = run_to_end(command).await;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("The origin 'example.com' is none"), "{said}");
}

async fn empty_segments_collapse(backend: Backend) {
    let server = server(backend).await;
    let app = server.app().await;
    let root = server.url.clone();
    for path in [
        "/default/DefaultTenant/orchestrator_//odata/Folders",
        "//odata//Folders",
        "/default//DefaultTenant///orchestrator_/odata//Folders//",
    ] {
        let list = app.get(path).await.ok(200);
        let context = list["@odata.context"].as_str().unwrap();
        assert!(
            !context.strip_prefix(&root).unwrap().contains("//"),
            "{context}"
        );
        assert!(context.ends_with("$metadata#Folders"), "{context}");
    }
    app.get("//api//Status//Get").await.ok(200);
    let path = "//odata//Settings('a//b')";
    let said = app.get(path).await.refused(404, 1002);
    assert!(said["message"].as_str().unwrap().contains("a//b"), "{said}");
    let form = [("grant_type", "client_credentials")];
    let path = "//identity_//connect//token";
    assert_eq!(server.anonymous().post_form(path, &form).await.status, 400);
    let list = app
        .get("//odata/Folders?$filter=DisplayName eq 'a//b'")
        .await;
    assert_eq!(list.ok(200)["value"].as_array().unwrap().len(), 0);
}
