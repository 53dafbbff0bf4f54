//! Calendars of days on which triggers do not fire.

use serde_json::{Value, json};
use testkit::{Backend, both};

use crate::support::{assert_members, id, scene, text, texts};
use crate::tokens::of_another_tenant;

both!(
    a_calendar_from_its_making_to_its_end,
    calendars_that_cannot_be_made
);

const EXISTS: &str = "odata/Calendars/UiPath.Server.Configuration.OData.CalendarExists";

async fn a_calendar_from_its_making_to_its_end(backend: Backend) {
    let scene = scene(backend).await;
    let body = json!({
        "Name": "Holidays", "TimeZoneId": "w. europe standard time",
        "ExcludedDates": ["2026-12-26T00:00:00Z", "2026-12-25T15:00:00Z", "2026-12-26"],
    });
    let made = scene.app.post("odata/Calendars", &body).await.ok(201);
    assert_members(&made, "Name TimeZoneId ExcludedDates Key Id");
    let days = json!(["2026-12-25T00:00:00Z", "2026-12-26T00:00:00Z"]);
    assert_eq!(made["ExcludedDates"], days);
    assert_eq!(text(&made, "TimeZoneId"), "W. Europe Standard Time");

    // The list does not show the days.
    let list = scene.app.get("odata/Calendars").await.ok(200);
    assert_eq!(texts(&list, "Name"), ["Holidays"]);
    assert_eq!(list["value"][0]["ExcludedDates"], json!([]));
    let one = format!("odata/Calendars({})", id(&made));
    assert_eq!(scene.app.get(&one).await.ok(200)["ExcludedDates"], days);

    for (name, taken) in [("HOLIDAYS", true), ("Other", false)] {
        let answer = scene
            .app
            .post(EXISTS, &json!({"calendarName": name}))
            .await
            .ok(200);
        assert_eq!(answer["value"], taken, "{name}");
    }
    let own = json!({"calendarName": "Holidays", "excludedId": id(&made)});
    assert_eq!(scene.app.post(EXISTS, &own).await.ok(200)["value"], false);
    scene
        .app
        .post(EXISTS, &json!({"calendarName": " "}))
        .await
        .refused(400, 1009);

    let body = json!({"Name": "Days off", "ExcludedDates": ["2027-01-01"]});
    let changed = scene.app.put(&one, &body).await.ok(200);
    assert_eq!(text(&changed, "Name"), "Days off");
    assert_eq!(text(&changed, "TimeZoneId"), "W. Europe Standard Time");
    assert_eq!(changed["ExcludedDates"], json!(["2027-01-01T00:00:00Z"]));
    assert_eq!(changed["Key"], made["Key"]);

    let stranger = of_another_tenant(&scene.server).await;
    stranger.get(&one).await.refused(404, 1002);
    stranger.put(&one, &body).await.refused(404, 1002);
    stranger.delete(&one).await.refused(404, 1002);
    let (person, _) = scene.server.user("person", &[]).await;
    person.get(&one).await.ok(200);
    person.put(&one, &body).await.refused(403, 0);
    person.delete(&one).await.refused(403, 0);

    assert_eq!(scene.app.delete(&one).await.ok(204), Value::Null);
    scene.app.get(&one).await.refused(404, 1002);
    scene.app.delete(&one).await.refused(404, 1002);
}

async fn calendars_that_cannot_be_made(backend: Backend) {
    let scene = scene(backend).await;
    let refused = async |body: Value, status: u16, code: i64| {
        scene
            .app
            .post("odata/Calendars", &body)
            .await
            .refused(status, code)
    };
    refused(json!({"ExcludedDates": []}), 400, 1009).await;
    refused(json!({"Name": "n".repeat(151)}), 400, 1009).await;
    refused(
        json!({"Name": "x", "ExcludedDates": "2026-12-25"}),
        400,
        1009,
    )
    .await;
    let said = refused(
        json!({"Name": "x", "ExcludedDates": ["Christmas"]}),
        400,
        1009,
    )
    .await;
    assert!(text(&said, "message").contains("Christmas"), "{said}");
    refused(
        json!({"Name": "x", "TimeZoneId": "Middle-earth"}),
        400,
        1613,
    )
    .await;
    // Without a zone it has the tenant's.
    let made = scene
        .app
        .post("odata/Calendars", &json!({"Name": "x"}))
        .await
        .ok(201);
    assert_eq!(
        (text(&made, "TimeZoneId"), &made["ExcludedDates"]),
        ("UTC", &json!([]))
    );
    refused(json!({"Name": "X"}), 409, 1001).await;
    let (person, _) = scene.server.user("person", &[]).await;
    person
        .post("odata/Calendars", &json!({"Name": "y"}))
        .await
        .refused(403, 0);
}
