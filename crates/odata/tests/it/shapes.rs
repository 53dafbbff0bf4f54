//! What an answer looks like, byte for byte: members, contexts, and the levels of metadata.

use odata::{Folders, Metadata};

use crate::model::{Ask, RUNS, User, servers};

#[test]
fn a_page_byte_for_byte() {
    for server in servers() {
        let ask = Ask {
            folders: Folders::One(10),
            ..Ask::default()
        };
        let page = server.raw(&RUNS, "$top=1", &ask).unwrap();
        let expected = concat!(
            r#"{"@odata.context":"http://h/odata/$metadata#Runs","@odata.count":2,"value":["#,
            r#"{"Key":"00000000-0000-0000-0000-000000000002","Name":"beta","Info":"50%_\\ off","#,
            r#""State":"Running","StartTime":"2018-01-15T18:18:02Z","#,
            r#""Created":"2018-01-15T18:18:02.79Z","IsLatest":false,"Paused":true,"Score":null,"#,
            r#""Retries":3,"OrganizationUnitId":10,"MachineName":"Ärmel","OwnerName":null,"Age":1402917,"#,
            r#""Asked":"one","Secret":null,"Never":false,"Links":[],"#,
            r#""Tags":[{"Name":"Red","Weight":7,"Hidden":false},"#,
            r#"{"Name":"blue","Weight":null,"Hidden":true}],"#,
            r#""Words":["One","two"],"Content":{"a": 1, "B": [null]},"Note":null,"Id":2}]}"#,
        );
        assert_eq!(page, expected, "{}", server.label);
    }
}

#[test]
fn an_entity_byte_for_byte() {
    for server in servers() {
        let entity = server.entity(&RUNS, 1, "$select=Secret,Asked,State", &Ask::default());
        let expected = concat!(
            r#"{"@odata.context":"http://h/odata/$metadata#Runs(Secret,Asked,State)/$entity","#,
            r#""State":"Pending","Asked":null,"Secret":"s1"}"#
        );
        assert_eq!(entity.unwrap().unwrap(), expected, "{}", server.label);
    }
}

#[test]
fn contexts_name_what_was_selected() {
    for server in servers() {
        let context = |query: &str, ask: &Ask| {
            let page = server.page(&RUNS, query, ask);
            page["@odata.context"]
                .as_str()
                .unwrap()
                .split('#')
                .nth(1)
                .unwrap()
                .to_owned()
        };
        let ask = Ask::default();
        assert_eq!(context("$select=state", &ask), "Runs(State)");
        assert_eq!(context("$select=State, Id,state", &ask), "Runs(State,Id)");
        assert_eq!(context("$select=*", &ask), "Runs");
        assert_eq!(
            context("$expand=Machine&$select=Machine", &ask),
            "Runs(Machine)"
        );
        assert_eq!(context("$expand=Machine", &ask), "Runs");
        assert_eq!(context("$select=Id&$expand=Machine", &ask), "Runs(Id)");
        let nested = "$expand=Machine($select=Name;$expand=Owner($select=Name)),Steps";
        let expected = "(Machine(Name,Owner(Name)))";
        assert_eq!(context(nested, &ask), format!("Runs{expected}"));
        assert_eq!(
            context(&format!("$select=Machine,Id&{nested}"), &ask),
            "Runs(Id,Machine(Name,Owner(Name)))"
        );
        let named = Ask {
            name: Some("RunFolder"),
            ..Ask::default()
        };
        assert_eq!(context("", &named), "RunFolder");
    }
}

#[test]
fn without_metadata_only_the_data_is_there() {
    for server in servers() {
        let ask = Ask {
            metadata: Metadata::None,
            ..Ask::default()
        };
        let page = server.raw(&RUNS, "$select=Id&$top=1&$expand=Machine($select=Id)", &ask);
        let expected = r#"{"@odata.count":4,"value":[{"Id":4,"Machine":null}]}"#;
        assert_eq!(page.unwrap(), expected, "{}", server.label);
        let page = server.raw(&RUNS, "$select=Machine&$top=1&$count=false", &ask);
        assert_eq!(page.unwrap(), r#"{"value":[{}]}"#);
        let entity = server.entity(&RUNS, 1, "$select=Id", &ask).unwrap();
        assert_eq!(entity.unwrap(), r#"{"Id":1}"#);
        let entity = server.entity(&RUNS, 1, "$select=Machine", &ask).unwrap();
        assert_eq!(entity.unwrap(), "{}");
    }
}

#[test]
fn full_metadata_byte_for_byte() {
    for server in servers() {
        let ask = Ask {
            metadata: Metadata::Full,
            ..Ask::default()
        };
        let query = "$filter=Id eq 2&$select=Key,Name,State,StartTime,IsLatest,Score,Retries,Tags,\
                     Links,Content,Machine&$expand=Machine($select=Name),\
                     Steps($select=At;$count=true;$top=1)";
        let expected = concat!(
            r#"{"@odata.context":"http://h/odata/$metadata#Runs(Key,Name,State,StartTime,IsLatest,"#,
            r#"Score,Retries,Tags,Links,Content,Machine(Name),Steps(At))","@odata.count":1,"value":["#,
            r##"{"@odata.type":"#Default.RunDto","@odata.id":"http://h/odata/Runs(2)","##,
            r#""@odata.editLink":"http://h/odata/Runs(2)","#,
            r##""Key@odata.type":"#Guid","Key":"00000000-0000-0000-0000-000000000002","##,
            r##""Name":"beta","State@odata.type":"#Default.State","State":"Running","##,
            r##""StartTime@odata.type":"#DateTimeOffset","StartTime":"2018-01-15T18:18:02Z","##,
            r#""IsLatest":false,"Score":null,"Retries":3,"#,
            r##""Links@odata.type":"#Collection(String)","Links":[],"##,
            r##""Tags@odata.type":"#Collection(Default.TagDto)","##,
            r#""Tags":[{"Name":"Red","Weight":7,"Hidden":false},"#,
            r#"{"Name":"blue","Weight":null,"Hidden":true}],"Content":{"a": 1, "B": [null]},"#,
            r#""Machine@odata.navigationLink":"http://h/odata/Runs(2)/Machine","#,
            r##""Machine":{"@odata.type":"#Default.MachineDto","##,
            r#""@odata.id":"http://h/odata/Machines(2)","#,
            r#""@odata.editLink":"http://h/odata/Machines(2)","Name":"Ärmel"},"#,
            r##""Steps@odata.count":2,"Steps":[{"@odata.type":"#Default.StepDto","##,
            r#""@odata.id":"http://h/odata/Steps(10000000-0000-0000-0000-000000000002)","#,
            r#""@odata.editLink":"http://h/odata/Steps(10000000-0000-0000-0000-000000000002)","#,
            r##""At@odata.type":"#DateTimeOffset","At":"1970-01-01T00:00:00.000002Z"}]}]}"##,
        );
        assert_eq!(
            server.raw(&RUNS, query, &ask).unwrap(),
            expected,
            "{}",
            server.label
        );
        // An address needs the key, whether it is selected or not; text is encoded in it.
        let user = server
            .entity(&User::SET, "ann", "$select=Machines", &ask)
            .unwrap();
        let expected = concat!(
            r#"{"@odata.context":"http://h/odata/$metadata#Users(Machines)/$entity","#,
            r##""@odata.type":"#Default.UserDto","@odata.id":"http://h/odata/Users('Ann')","##,
            r#""@odata.editLink":"http://h/odata/Users('Ann')","#,
            r#""Machines@odata.navigationLink":"http://h/odata/Users('Ann')/Machines"}"#,
        );
        assert_eq!(user.unwrap(), expected);
    }
}
