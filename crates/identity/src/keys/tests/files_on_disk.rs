//! Key files: kept, damaged, missing, exposed.

use std::fs;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::*;

#[test]
fn keys_survive_a_restart() {
    let (dir, keys) = keys();
    let (token, stored) = (keys.sign(&claims()).unwrap(), keys.encrypt("p", "secret"));
    let mac = keys.mac("m", "m");
    let again = Keys::load_or_create(&dir.path().join("keys")).unwrap();
    assert_eq!(again.key_id(), keys.key_id());
    assert_eq!(again.verify(&token, NOW).unwrap(), claims());
    assert_eq!(again.decrypt("p", &stored).unwrap(), "secret");
    assert!(again.mac_ok("m", "m", &mac));
    assert_eq!(
        fs::read_dir(dir.path().join("keys")).unwrap().count(),
        2,
        "no temporary files"
    );
}

#[test]
fn damaged_key_files() {
    let (dir, keys) = keys();
    let dir = dir.path().join("keys");
    let old = keys.key_id().to_owned();
    for name in ["signing.pem", "data.key"] {
        let path = dir.join(name);
        let good = fs::read_to_string(&path).unwrap();
        let middle = good.len() / 2;
        let other = if good.as_bytes()[middle] == b'A' {
            "B"
        } else {
            "A"
        };
        let flipped = format!("{}{other}{}", &good[..middle], &good[middle + 1..]);
        for bad in [
            "",
            "garbage",
            &good[..middle],
            &flipped,
            "baton-data-key-v1 AAAA AAAA",
        ] {
            fs::write(&path, bad).unwrap();
            match Keys::load_or_create(&dir) {
                Err(Error::Damaged { path: named, .. }) => assert_eq!(named, path),
                other => panic!("{other:?} for {name}: {bad}"),
            }
            assert_eq!(
                fs::read_to_string(&path).unwrap(),
                bad,
                "nothing is repaired by guessing"
            );
        }
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(
            Keys::load_or_create(&dir),
            Err(Error::Damaged { .. })
        ));
        fs::write(&path, good).unwrap();
    }
    assert_eq!(Keys::load_or_create(&dir).unwrap().key_id(), old);
}

/// 1024 bits, without the marks of a PEM file. Made for this test.
const WEAK: &str = "\
MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAN1jAiAqTRDrBjsI\
j6Yl7snmomse4xwMKU/mKI2Erak5hs/QKz5voGi+ps89T+0c0w41GpoZ7jjXTwAG\
L+Ew8oXggBxa0WwAXPNTjsDVrYI4/S1tqidcRSGDxS6SJYog3CsFab+i3Hw4s7Tf\
dfDzU4e0GKH7JwG7KgkdwQRG1xdTAgMBAAECgYBFrO10VhvfITjax3z+W53lqVKg\
yB3OK/2sidFliMZnJhXJvch+Y/9mN+qj+rX2+EVsiUYQDe0tsoXIiinzg8YvymNJ\
CwGH0mSCvsbeGOg+Jk35ZnxmSo2OweNTh51p5eRSCOJ/OA9DyFRQrshM5oHJKY7T\
ygoPBWUznEiYBzU3MQJBAPYUVRTRgu/yj8/g90s9keFecP7ibcdGpxAVgt0+Ft5Y\
0YIGEdKTuEUWmWhakH28d6b93iQT5bkQ1YAY0DRbTfcCQQDmT9WxJ1GxtijKuinB\
9lFRr5HbAtgA08Q1QVbsnr/lrBXOTHfXZwbUdaaiaTNx9Riyn+yDq869qJeCmO7x\
R5qFAkEA6Vyiytlc+Lvo0dSf78R1wWnUcoK8ZIyGBeTAc5tcCIPmOw4SfMYFq88g\
sCuidvrx5XU+4qvT4MssDQx69gvYRQJATc/fRNEh+saulX+8J/oOk2icAMC/NdhW\
TB/dPGiOMQyo+WBAhRgb6KAvQmQEq5XBWGhLwljDqrRRLCB7ai1k+QJBAKJ52l+O\
ta2GYZv7/YzH6R8MNhJx5FqXDJKMxRpRZ2PvhB5S0Yr1II2QVoBF3SfmmBxjWPyY\
lo3xVRiyLinQ5+I=";

#[test]
fn signing_keys_that_are_unfit() {
    let (dir, _keys) = keys();
    let dir = dir.path().join("keys");
    let elliptic = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let elliptic = elliptic.to_pkcs8v1().unwrap();
    for (der, expected) in [
        (STANDARD.decode(WEAK).unwrap(), "its RSA key is refused"),
        (elliptic.as_ref().to_vec(), "it holds no RSA private key"),
    ] {
        fs::write(dir.join("signing.pem"), to_pem(&der)).unwrap();
        match Keys::load_or_create(&dir) {
            Err(Error::Damaged { reason, .. }) => assert!(reason.starts_with(expected), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_missing_key_file() {
    let (dir, keys) = keys();
    let dir = dir.path().join("keys");
    let stored = keys.encrypt("p", "secret");
    let (signing, data) = (dir.join("signing.pem"), dir.join("data.key"));

    let saved = fs::read(&data).unwrap();
    fs::remove_file(&data).unwrap();
    assert!(matches!(Keys::load_or_create(&dir), Err(Error::DataKeyMissing(path)) if path == data));
    assert!(!data.exists());

    // As a crash of the first start leaves it: the data key stays, the other one is made.
    fs::remove_file(&signing).unwrap();
    let again = Keys::load_or_create(&dir).unwrap();
    assert!(
        matches!(again.decrypt("p", &stored), Err(Error::Undecryptable)),
        "both were new"
    );
    fs::remove_file(&signing).unwrap();
    fs::write(&data, saved).unwrap();
    assert_eq!(
        Keys::load_or_create(&dir)
            .unwrap()
            .decrypt("p", &stored)
            .unwrap(),
        "secret"
    );
}

#[test]
fn a_key_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    files::create(&path, "first").unwrap();
    assert!(matches!(
        files::create(&path, "second"),
        Err(Error::Io { .. })
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), "first");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "").unwrap();
    assert!(matches!(Keys::load_or_create(&path), Err(Error::Io { .. })));
}

#[cfg(unix)]
mod modes {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_the_owner_has_access() {
        let (dir, _keys) = keys();
        let dir = dir.path().join("keys");
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join("signing.pem")), 0o600);
        assert_eq!(mode(&dir.join("data.key")), 0o600);
    }

    #[test]
    fn files_others_can_read_are_refused() {
        let (dir, _keys) = keys();
        let dir = dir.path().join("keys");
        for name in ["signing.pem", "data.key"] {
            let path = dir.join(name);
            for exposed in [0o640, 0o604, 0o660] {
                set(&path, exposed);
                let error = Keys::load_or_create(&dir).unwrap_err();
                assert!(
                    matches!(&error, Error::FileExposed(p) if *p == path),
                    "{error}"
                );
                let advice = format!("`chmod 600 {}`", path.display());
                assert!(error.to_string().contains(&advice), "{error}");
            }
            set(&path, 0o400);
            assert!(Keys::load_or_create(&dir).is_ok());
        }
    }

    #[test]
    fn folders_others_can_write_are_refused() {
        let (dir, _keys) = keys();
        let dir = dir.path().join("keys");
        set(&dir, 0o770);
        assert!(matches!(
            Keys::load_or_create(&dir),
            Err(Error::FolderExposed(_))
        ));
        set(&dir, 0o755);
        assert!(Keys::load_or_create(&dir).is_ok());
    }
}
