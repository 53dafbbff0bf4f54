//! Machines and their keys.

use serde_json::{Value, json};
use testkit::{Backend, Host, both};

use crate::support::{id, scene, text};

both!(
    a_machine_shows_its_secret_once,
    machines_that_cannot_be_made,
    a_standard_machine_is_one_host
);

async fn a_machine_shows_its_secret_once(backend: Backend) {
    let scene = scene(backend).await;
    let body =
        json!({"Name": "Template", "Description": "d", "UnattendedSlots": 3, "HeadlessSlots": 1});
    let made = scene.app.post("odata/Machines", &body).await.ok(201);
    assert!(text(&made, "@odata.context").ends_with("/$metadata#Machines/$entity"));
    assert_eq!(
        (text(&made, "Type"), text(&made, "Scope")),
        ("Template", "Default")
    );
    assert_eq!(
        (&made["UnattendedSlots"], &made["HeadlessSlots"]),
        (&json!(3), &json!(1))
    );
    assert!(text(&made, "ClientSecret").len() >= 20);
    assert_eq!(text(&made, "LicenseKey").len(), 36);

    let read = scene
        .app
        .get(&format!("odata/Machines({})", id(&made)))
        .await
        .ok(200);
    assert_eq!(read["ClientSecret"], Value::Null);
    assert_eq!(read["LicenseKey"], made["LicenseKey"]);
    let list = scene.app.get("odata/Machines").await.ok(200);
    assert_eq!(list["@odata.count"], 2);
    for machine in list["value"].as_array().unwrap() {
        assert_eq!(
            (&machine["LicenseKey"], &machine["ClientSecret"]),
            (&Value::Null, &Value::Null)
        );
    }
    scene
        .app
        .get("odata/Machines(999999)")
        .await
        .refused(404, 1002);
}

async fn machines_that_cannot_be_made(backend: Backend) {
    let scene = scene(backend).await;
    let post = async |body: Value| scene.app.post("odata/Machines", &body).await;
    let said = post(json!({"Name": "LOCAL"})).await.refused(409, 1001);
    assert_eq!(said["message"], "The name LOCAL is already used.");
    post(json!({"Name": " "})).await.refused(400, 1009);
    post(json!({"Name": "x", "UnattendedSlots": -1}))
        .await
        .refused(400, 1009);
    post(json!({"Name": "x", "UnattendedSlots": 10_001}))
        .await
        .refused(400, 1009);
    let taken = post(json!({"Name": "x", "LicenseKey": scene.server.machine_key})).await;
    assert_eq!(taken.status, 409, "{}", taken.text());
    let own = uuid::Uuid::new_v4().to_string();
    let made = post(json!({"Name": "x", "LicenseKey": own})).await.ok(201);
    assert_eq!(text(&made, "LicenseKey"), own);
}

async fn a_standard_machine_is_one_host(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({"Name": "PC-1", "Type": "Standard", "UnattendedSlots": 1});
    let made = scene.app.post("odata/Machines", &body).await.ok(201);
    let key = text(&made, "LicenseKey");
    let other = Host::new(scene.server.machine_with(key, "PC-2"));
    other
        .call("StartService", json!({}))
        .await
        .refused(401, 1204);
    Host::new(scene.server.machine_with(key, "pc-1"))
        .start(1)
        .await;
}
