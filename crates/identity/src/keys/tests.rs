mod files_on_disk;
mod secrets;
mod tokens;

use tempfile::TempDir;

use super::*;

const NOW: i64 = 1_800_000_000;

fn keys() -> (TempDir, Keys) {
    let dir = tempfile::tempdir().unwrap();
    let keys = Keys::load_or_create(&dir.path().join("keys")).unwrap();
    (dir, keys)
}

fn claims() -> Claims {
    Claims {
        iss: "https://host/identity_".into(),
        sub: "7".into(),
        aud: vec!["UiPath.Orchestrator".into()],
        exp: NOW + 3600,
        iat: NOW,
        nbf: NOW,
        jti: "j".into(),
        client_id: Some("app".into()),
        scope: vec!["OR.Jobs".into(), "OR.Queues.Read".into()],
        prt_id: "org".into(),
        user: Some(7),
        job: Some("key".into()),
        ..Claims::default()
    }
}

#[test]
fn debug_shows_no_secret() {
    let (_dir, keys) = keys();
    assert_eq!(format!("{keys:?}"), format!("Keys({})", keys.key_id()));
}

#[test]
fn keys_are_shared_between_threads() {
    fn shared<T: Clone + Send + Sync + 'static>() {}
    shared::<Keys>();
}
