//! Settings of the tenant and of people, what clients ask about the installation, and the sets of
//! which so far only the reading is built.

use serde_json::{Value, json};
use testkit::{Backend, Host, both};

use crate::support::{assert_members, id, scene, text, texts};
use crate::tokens::of_another_tenant;

both!(
    settings_of_the_tenant,
    settings_of_one_user,
    passwords_are_not_shown,
    the_installation,
    the_own_tenant,
    sets_that_can_be_read,
);

const UPDATE: &str = "odata/Settings/UiPath.Server.Configuration.OData.UpdateBulk";
const RESET: &str = "odata/Settings/UiPath.Server.Configuration.OData.DeleteBulk";
const OWN: &str = "odata/Settings/UiPath.Server.Configuration.OData.UpdateUserSetting";

fn function(name: &str) -> String {
    format!("odata/Settings/UiPath.Server.Configuration.OData.{name}")
}

async fn settings_of_the_tenant(backend: Backend) {
    let scene = scene(backend).await;
    let zone = "odata/Settings('Abp.Timing.TimeZone')";
    assert_eq!(scene.app.get(zone).await.ok(200)["value"], "UTC");
    let list = scene
        .app
        .get("odata/Settings?$filter=startswith(Name,'Triggers.')")
        .await
        .ok(200);
    assert_eq!(
        texts(&list, "Name"),
        [
            "Triggers.DisableWhenFailedCount",
            "Triggers.JobsCountStrategy"
        ]
    );
    assert_eq!(texts(&list, "Value"), ["10", "PERPROCESS"]);
    assert_eq!(texts(&list, "Scope"), ["Tenant", "Tenant"]);
    assert_eq!(texts(&list, "Id"), texts(&list, "Name"));

    let body = json!({"Name": "Abp.Timing.TimeZone", "Value": "tokyo standard time"});
    assert_eq!(scene.app.put(zone, &body).await.ok(200), Value::Null);
    assert_eq!(
        scene.app.get(zone).await.ok(200)["value"],
        "Tokyo Standard Time"
    );
    let stranger = of_another_tenant(&scene.server).await;
    assert_eq!(stranger.get(zone).await.ok(200)["value"], "UTC");

    // All of a bulk or, if one is wrong, none.
    let two = |count: &str| {
        json!({"settings": [
            {"Name": "triggers.jobscountstrategy", "Value": "pertrigger"},
            {"Name": "Triggers.DisableWhenFailedCount", "Value": count},
        ]})
    };
    let values = async || {
        let list = scene
            .app
            .get("odata/Settings?$filter=startswith(Name,'Triggers.')")
            .await;
        texts(&list.ok(200), "Value").join(" ")
    };
    scene
        .app
        .post(UPDATE, &two("many"))
        .await
        .refused(400, 1009);
    assert_eq!(values().await, "10 PERPROCESS");
    scene.app.post(UPDATE, &two("5")).await.ok(200);
    assert_eq!(values().await, "5 PERTRIGGER");
    let names = json!({"settingNames": ["Triggers.DisableWhenFailedCount"]});
    scene.app.post(RESET, &names).await.ok(204);
    assert_eq!(values().await, "10 PERTRIGGER");

    for (name, value) in [
        ("Abp.Timing.TimeZone", "Middle-earth"),
        ("Abp.Localization.DefaultLanguageName", "tlh"),
        ("Alerts.Email.Enabled", "perhaps"),
        ("Abp.Net.Mail.Smtp.Port", "0"),
        ("Triggers.JobsCountStrategy", "SOMETIMES"),
    ] {
        let body = json!({"Name": name, "Value": value});
        let path = format!("odata/Settings('{name}')");
        let said = scene.app.put(&path, &body).await.refused(400, 1009);
        assert!(text(&said, "message").contains(name), "{said}");
    }
    let other = json!({"Name": "DeploymentUrl", "Value": "x"});
    scene.app.put(zone, &other).await.refused(400, 1009);
    scene
        .app
        .put(zone, &json!({"Value": "UTC"}))
        .await
        .refused(400, 1009);
    scene
        .app
        .get("odata/Settings('Nonsense')")
        .await
        .refused(404, 1002);
    scene.app.get("odata/Settings(5)").await.refused(400, 1000);
    let unknown = json!({"settings": [{"Name": "Nonsense", "Value": "x"}]});
    scene.app.post(UPDATE, &unknown).await.refused(404, 1002);
    scene.app.post(UPDATE, &json!({})).await.refused(400, 0);

    let (person, _) = scene.server.user("person", &[]).await;
    person.get(zone).await.refused(403, 0);
    person.put(zone, &body).await.refused(403, 0);
    person.post(UPDATE, &two("5")).await.refused(403, 0);
    person.post(RESET, &names).await.refused(403, 0);
}

/// The value that counts for whoever asks.
async fn counts(client: &testkit::Client, name: &str) -> String {
    let lists = client.get(&function("GetWebSettings")).await.ok(200);
    let keys = lists["Keys"].as_array().expect("a list");
    let at = keys.iter().position(|k| k == name).expect("a setting");
    lists["Values"][at].as_str().expect("a text").to_owned()
}

async fn settings_of_one_user(backend: Backend) {
    let scene = scene(backend).await;
    let (person, user) = scene.server.user("person", &[]).await;
    let zone = |value: &str| json!({"setting": {"Name": "Abp.Timing.TimeZone", "Value": value}});
    person.post(OWN, &zone("Tokyo Standard Time")).await.ok(200);
    assert_eq!(
        counts(&person, "Abp.Timing.TimeZone").await,
        "Tokyo Standard Time"
    );
    assert_eq!(counts(&scene.app, "Abp.Timing.TimeZone").await, "UTC");
    let tenants = json!({"setting": {"Name": "DeploymentUrl", "Value": "x"}});
    person.post(OWN, &tenants).await.refused(400, 1009);
    person
        .post(OWN, &zone("Middle-earth"))
        .await
        .refused(400, 1009);
    scene.app.post(OWN, &zone("UTC")).await.refused(401, 0);
    // What a setting says of itself may be sent back, and nothing else.
    let scoped = |scope: &str, id: &str| json!({"Name": "Abp.Timing.TimeZone", "Value": "UTC", "Scope": scope, "Id": id});
    let name = "abp.timing.timezone";
    let put = "odata/Settings('Abp.Timing.TimeZone')";
    let bulk = "odata/Settings/UiPath.Server.Configuration.OData.UpdateBulk";
    for (scope, own, tenants) in [
        ("All", true, true),
        ("User", true, false),
        ("Tenant", false, true),
        ("Application", false, false),
    ] {
        let body = scoped(scope, name);
        for (answer, allowed) in [
            (person.post(OWN, &json!({"setting": body})).await, own),
            (scene.app.put(put, &body).await, tenants),
            (
                scene.app.post(bulk, &json!({"settings": [body]})).await,
                tenants,
            ),
        ] {
            if allowed {
                answer.ok(200);
                continue;
            }
            let refused = answer.refused(400, 1009);
            assert!(text(&refused, "message").contains("Scope"), "{refused}");
        }
    }
    let body = json!({"setting": scoped("User", "another")});
    person.post(OWN, &body).await.refused(400, 1009);
    let body = json!({"setting": {"Name": "Abp.Timing.TimeZone", "Value": "UTC", "Scope": "Here"}});
    person.post(OWN, &body).await.refused(400, 0);

    let culture = "odata/Users/UiPath.Server.Configuration.OData.ChangeCulture";
    person
        .post(culture, &json!({"culture": "en"}))
        .await
        .ok(200);
    person
        .post(culture, &json!({"culture": "xx"}))
        .await
        .refused(400, 1009);
    let of = format!("odata/Users({user})/UiPath.Server.Configuration.OData.ChangeUserCulture");
    scene.app.post(&of, &json!({"culture": "en"})).await.ok(200);
    scene.app.post(&of, &json!({})).await.refused(400, 0);
    person
        .post(&of, &json!({"culture": "en"}))
        .await
        .refused(403, 0);
    of_another_tenant(&scene.server)
        .await
        .post(&of, &json!({"culture": "en"}))
        .await
        .refused(404, 1002);
}

async fn passwords_are_not_shown(backend: Backend) {
    let scene = scene(backend).await;
    let name = "Abp.Net.Mail.Smtp.Password";
    let path = format!("odata/Settings('{name}')");
    let body = json!({"Name": name, "Value": "s3cret-of-the-mail"});
    let shown = [
        scene.app.put(&path, &body).await.ok(200),
        scene.app.get(&path).await.ok(200),
        scene.app.get("odata/Settings").await.ok(200),
        scene.app.get(&function("GetWebSettings")).await.ok(200),
        scene
            .app
            .get("odata/AuditLogs?$expand=Entities")
            .await
            .ok(200),
    ];
    for answer in shown {
        let answer = answer.to_string();
        assert!(
            !answer.contains("s3cret") && !answer.contains("v1:"),
            "{answer}"
        );
    }
    for file in ["main.db", "main.db-wal"] {
        let bytes = std::fs::read(scene.server.data().join(file)).unwrap_or_default();
        assert!(
            !bytes.windows(18).any(|w| w == b"s3cret-of-the-mail"),
            "{file}"
        );
    }
}

async fn the_installation(backend: Backend) {
    let scene = scene(backend).await;
    let zones = scene.app.get(&function("GetTimezones")).await.ok(200);
    let zones = zones["Items"].as_array().expect("a list");
    assert!(zones.len() > 100);
    assert!(
        zones
            .iter()
            .any(|z| z["Value"] == "W. Europe Standard Time")
    );
    let languages = scene.app.get(&function("GetLanguages")).await.ok(200);
    assert_eq!(languages["Items"][0]["Name"], "en");
    assert_eq!(languages["Items"][0]["IsDefault"], true);

    let license = scene.app.get(&function("GetLicense")).await.ok(200);
    assert_members(
        &license,
        "Id ExpireDate GracePeriodEndDate GracePeriod VersionControl Allowed Used
         AttendedConcurrent DevelopmentConcurrent StudioXConcurrent StudioProConcurrent
         LicensedFeatures IsRegistered IsCommunity IsProOrEnterprise SubscriptionCode
         SubscriptionPlan IsExpired CreationTime Code UserLicensingEnabled",
    );
    assert_eq!(
        (&license["IsRegistered"], &license["IsExpired"]),
        (&json!(true), &json!(false))
    );
    assert!(license["Allowed"]["Unattended"].as_i64().expect("a number") > 1_000_000);
    assert_eq!(license["Used"]["Unattended"], 0);
    Host::new(scene.server.machine()).start(4).await;
    let license = scene.app.get(&function("GetLicense")).await.ok(200);
    assert_eq!(license["Used"]["Unattended"], 4);

    let of = |scope: &str| function(&format!("GetExecutionSettingsConfiguration(scope={scope})"));
    let configuration = scene.app.get(&of("1")).await.ok(200);
    assert_eq!(text(&configuration, "Scope"), "Robot");
    let level = &configuration["Configuration"][0];
    assert_members(
        level,
        "Key DisplayName ValueType DefaultValue PossibleValues",
    );
    assert_eq!(text(level, "Key"), "TracingLevel");
    assert!(
        level["PossibleValues"]
            .as_array()
            .expect("a list")
            .contains(&json!("Verbose"))
    );
    assert_eq!(
        text(&scene.app.get(&of("0")).await.ok(200), "Scope"),
        "Global"
    );
    scene.app.get(&of("7")).await.refused(400, 1009);
    scene
        .app
        .get(&function("GetExecutionSettingsConfiguration"))
        .await
        .refused(400, 1000);
    let (person, _) = scene.server.user("person", &[]).await;
    person.get(&of("1")).await.refused(403, 0);
    person.get(&function("GetLicense")).await.ok(200);
    let shown = person.get(&function("GetWebSettings")).await.ok(200);
    let shown = shown["Keys"].as_array().expect("a list");
    assert!(shown.contains(&json!("Abp.Timing.TimeZone")), "{shown:?}");
    assert!(
        !shown.contains(&json!("Abp.Net.Mail.Smtp.Host")),
        "{shown:?}"
    );
}

async fn the_own_tenant(backend: Backend) {
    let scene = scene(backend).await;
    scene.server.admin().await;
    let list = scene.app.get("odata/Tenants").await.ok(200);
    assert_eq!(list["@odata.count"], 1);
    let tenant = &list["value"][0];
    assert_members(
        tenant,
        "Name Key DisplayName AdminEmailAddress AdminName AdminSurname AdminUserKey AdminPassword
         LastLoginTime IsActive License OrganizationName Id",
    );
    assert_eq!(
        (text(tenant, "Name"), text(tenant, "OrganizationName")),
        ("DefaultTenant", "default")
    );
    assert_eq!(text(tenant, "AdminName"), "System Administrator");
    assert!(text(tenant, "LastLoginTime").ends_with('Z'));
    assert_eq!(
        (&tenant["IsActive"], &tenant["AdminPassword"]),
        (&json!(true), &Value::Null)
    );
    let one = format!("odata/Tenants({})", id(tenant));
    assert_eq!(scene.app.get(&one).await.ok(200)["Key"], tenant["Key"]);
    scene
        .app
        .get("odata/Tenants(4711)")
        .await
        .refused(404, 1002);
    of_another_tenant(&scene.server)
        .await
        .get(&one)
        .await
        .refused(404, 1002);
    let limited = scene.server.app_with(&["OR.Users"]).await;
    limited.get("odata/Tenants").await.refused(403, 0);
}

async fn sets_that_can_be_read(backend: Backend) {
    let scene = scene(backend).await;
    let (person, user) = scene.server.user("person", &[]).await;
    let here = crate::support::assignment(user, scene.folder, &[]);
    scene
        .app
        .post(crate::support::ASSIGN_USERS, &here)
        .await
        .ok(204);
    for (set, permission) in [
        ("Assets", "Assets.View"),
        ("ProcessSchedules", "Schedules.View"),
    ] {
        let list = scene.shared.get(&format!("odata/{set}")).await.ok(200);
        assert_eq!(list["@odata.count"], 0, "{set}");
        let query = format!("odata/{set}?$filter=Name eq 'x'&$orderby=Name desc&$top=5");
        scene.shared.get(&query).await.ok(200);
        scene
            .shared
            .get(&format!("odata/{set}(1)"))
            .await
            .refused(404, 1002);
        scene
            .app
            .get(&format!("odata/{set}"))
            .await
            .refused(400, 1101);
        let said = person
            .folder(scene.folder)
            .get(&format!("odata/{set}"))
            .await
            .refused(403, 0);
        assert!(said.to_string().contains(permission), "{said}");
        assert_eq!(
            scene
                .shared
                .post(&format!("odata/{set}"), &json!({}))
                .await
                .status,
            501
        );
    }
    scene
        .shared
        .get("odata/Assets?$expand=UserValues")
        .await
        .ok(200);
}
