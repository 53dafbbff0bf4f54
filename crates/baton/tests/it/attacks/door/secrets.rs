//! Whoever looks where secrets may have been left lying, and what the figures tell to whom.

use serde_json::json;
use testkit::{Backend, Server, both, eventually, free_port};

use super::setup;
use crate::support::{EXE, id, scene};

both!(
    no_answer_is_kept,
    figures_for_whoever_has_the_token,
    figures_at_an_address_of_their_own
);

async fn no_answer_is_kept(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "Own", "Type": "Template"});
    let made = scene.app.post("odata/Machines", &body).await;
    assert_eq!(made.header("cache-control"), "no-store");
    let machine = id(&made.ok(201));
    let sign_in = json!({"usernameOrEmailAddress": "admin", "password": "wrong"});
    for answer in [
        scene.app.get(&format!("odata/Machines({machine})")).await,
        scene.app.get("odata/Robots").await,
        scene.app.get("odata/Settings").await,
        scene
            .server
            .machine()
            .get("api/RobotsService/GetConnectionData")
            .await,
        scene
            .server
            .anonymous()
            .post("/api/Account/Authenticate", &sign_in)
            .await,
        scene.server.anonymous().get("odata/Machines").await,
    ] {
        assert_eq!(
            answer.header("cache-control"),
            "no-store",
            "{}",
            answer.what
        );
    }
}

async fn figures_for_whoever_has_the_token(backend: Backend) {
    let setup = setup(&["--metrics-token", "of-the-figures"]);
    let server = Server::start_with(EXE, backend, setup).await;
    let anonymous = server.anonymous();
    anonymous.get("/metrics").await.refused(401, 0);
    for wrong in ["", "of-the-figure", "of-the-figures2"] {
        anonymous
            .bearer(wrong)
            .get("/metrics")
            .await
            .refused(401, 0);
    }
    server.app().await.get("/metrics").await.refused(401, 0);
    let page = anonymous.bearer("of-the-figures").get("/metrics").await;
    assert!(
        page.status == 200 && page.text().ends_with("# EOF\n"),
        "{}",
        page.text()
    );
    // Nobody else is asked for it.
    anonymous.get("/health").await.ok(200);
}

async fn figures_at_an_address_of_their_own(backend: Backend) {
    let address = format!("127.0.0.1:{}", free_port());
    let setup = setup(&["--metrics-listen", &address]);
    let server = Server::start_with(EXE, backend, setup).await;
    server.anonymous().get("/metrics").await.refused(404, 0);
    let ask = async |path: &str| {
        let answer = reqwest::get(format!("http://{address}{path}")).await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    };
    let (status, page) = eventually("the figures are there", async || ask("/metrics").await).await;
    assert!(status == 200 && page.ends_with("# EOF\n"), "{page}");
    for path in ["/", "/health", "/odata/Machines"] {
        assert_eq!(ask(path).await.unwrap().0, 404, "{path}");
    }
}
