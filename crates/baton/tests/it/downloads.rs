//! Names of files that are fetched.

use testkit::{Backend, both, package};

use crate::support::scene;

both!(names_beyond_ascii);

async fn names_beyond_ascii(backend: Backend) {
    let scene = scene(backend).await;
    scene.upload(&package("Größe", "1.0.0")).await;
    scene.upload(&package("Plain", "1.0.0")).await;
    let path = "odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage";
    let fetched = async |key: &str| {
        let answer = scene.app.get(&format!("{path}(key='{key}')")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let value = answer.headers.get("content-disposition").unwrap();
        value.to_str().expect("a header is ASCII").to_owned()
    };
    assert_eq!(
        fetched("Gr%C3%B6%C3%9Fe:1.0.0").await,
        "attachment; filename=\"Gr__e.1.0.0.nupkg\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.1.0.0.nupkg"
    );
    assert_eq!(
        fetched("Plain:1.0.0").await,
        "attachment; filename=\"Plain.1.0.0.nupkg\""
    );
}
