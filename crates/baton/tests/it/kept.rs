//! Whatever a body says is kept and given back, or refused with its name. An answer of success that
//! left something out is the worst one: nobody notices.
//!
//! What bodies may say are the members of the published contract, not those that we declare. Members
//! that are the server's to say, and the few that cannot be seen again, are in `kept/exceptions.rs`.

mod bodies;
mod exceptions;
mod probes;
mod sets;

use orchestrator::resources;
use serde_json::{Value, json};
use testkit::contract::facts;
use testkit::{Answer, Backend, both};

use crate::kept::bodies::Action;
use crate::kept::exceptions::is_exception;
use crate::kept::probes::{Probe, holds, nonsense, values};
use crate::kept::sets::{SUBJECTS, Subject, Verb, World};

both!(
    every_member_of_an_entity_is_kept_or_refused,
    no_member_of_an_entity_takes_nonsense,
    no_member_of_an_action_takes_nonsense,
);

/// A set that gets a verb with a body is tried here, too.
#[test]
fn every_set_with_bodies_is_tried() {
    let tried = |set: &str, verb: Verb| {
        let mut subjects = SUBJECTS.iter();
        subjects.any(|subject| subject.set == set && subject.verbs.contains(&verb))
    };
    for resource in resources() {
        let verbs = [
            (Verb::Create, resource.create.is_some()),
            (Verb::Replace, resource.replace.is_some()),
            (Verb::Merge, resource.merge.is_some()),
        ];
        for (verb, _) in verbs.into_iter().filter(|(_, there)| *there) {
            assert!(
                tried(resource.set.name, verb),
                "{verb:?} {}",
                resource.set.name
            );
        }
    }
}

/// Whether an answer says that the request was wrong: by its status, or of a list in its body.
fn is_refused(answer: &Answer) -> bool {
    let listed = || answer.status == 200 && answer.text().contains("\"Success\":false");
    answer.status == 400 || listed()
}

/// Says what is wrong, all of it at once.
#[track_caller]
fn nothing(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} are neither kept nor refused:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Whether a refusal says what it is about: `BucketId`, or "Bucket does not exist".
fn names(answer: &Answer, probe: &Probe) -> bool {
    let said = answer.text().to_lowercase();
    let mut members = probe.path.split('/');
    members.any(|member| said.contains(&member.trim_end_matches("Id").to_lowercase()))
}

async fn every_member_of_an_entity_is_kept_or_refused(backend: Backend) {
    let mut world = World::new(backend).await;
    let mut wrong = Vec::new();
    for subject in SUBJECTS {
        for verb in subject.verbs {
            // New ones for each verb, because names must not come twice.
            let probes = values(subject.schema, &|path| (subject.values)(&world, path));
            for mut probe in probes {
                if is_exception(subject, *verb, &probe.path) {
                    continue;
                }
                probe.with = (subject.companion)(&world, &probe.path, &probe.body);
                if let Err(why) = kept(&mut world, subject, *verb, &probe).await {
                    let what = format!("{verb:?} {} {}", subject.set, probe.shown());
                    wrong.push(format!("{what}: {why}"));
                }
            }
        }
    }
    nothing(&wrong);
}

/// Sends a value with a verb, and looks what became of it.
async fn kept(
    world: &mut World,
    subject: &Subject,
    verb: Verb,
    probe: &Probe,
) -> Result<(), String> {
    let (answer, path) = send(world, subject, verb, probe).await;
    if (400..500).contains(&answer.status) {
        return match names(&answer, probe) {
            true => Ok(()),
            false => Err(format!("refused without its name: {}", answer.text())),
        };
    }
    if !(200..300).contains(&answer.status) {
        return Err(answer.text());
    }
    let path = match verb {
        Verb::Create => subject.address(&answer.json()),
        _ => path,
    };
    let shown = world.show(subject, &path).await;
    match holds(&probe.body, &shown) {
        true => Ok(()),
        false => Err(format!("dropped; there is {}", shown[probe.member()])),
    }
}

/// The answer, and the address of what was there before.
async fn send(world: &mut World, subject: &Subject, verb: Verb, probe: &Probe) -> (Answer, String) {
    let client = world.client(subject);
    if verb == Verb::Create {
        let mut body = (subject.base)(world, world.next());
        probe.put_into(&mut body);
        let body = subject.wrapped(body);
        return (client.post(subject.create, &body).await, String::new());
    }
    let path = world.make(subject).await;
    let answer = match verb {
        Verb::Merge => client.patch(&path, &probe.alone()).await,
        _ => {
            let mut whole = world.show(subject, &path).await;
            probe.put_into(&mut whole);
            client.put(&path, &whole).await
        }
    };
    (answer, path)
}

async fn no_member_of_an_entity_takes_nonsense(backend: Backend) {
    let mut world = World::new(backend).await;
    let mut wrong = Vec::new();
    for subject in SUBJECTS {
        let probes = nonsense(subject.schema, &json!({}));
        for verb in subject.verbs {
            for probe in &probes {
                if is_exception(subject, *verb, &probe.path) {
                    continue;
                }
                let (answer, _) = send(&mut world, subject, *verb, probe).await;
                if !is_refused(&answer) {
                    let (shown, text) = (probe.shown(), answer.text());
                    let status = answer.status;
                    wrong.push(format!("{verb:?} {} {shown}: {status} {text}", subject.set));
                }
            }
        }
    }
    nothing(&wrong);
}

/// What an action does with its parameters is for its own tests to say; but one that takes any nonsense
/// for a member has not even read it.
async fn no_member_of_an_action_takes_nonsense(backend: Backend) {
    let world = World::new(backend).await;
    let mut wrong = Vec::new();
    let mut known = Vec::new();
    for action in bodies::actions(&world).await {
        let Action { path, body, client } = action;
        let operation = facts().called("POST", &path);
        let operation = operation.or_else(|| facts().called("PATCH", &path));
        let operation = operation.unwrap_or_else(|| panic!("the contract has no {path}"));
        known.push(operation.path);
        for probe in nonsense(bodies::schema(operation), &body) {
            let left_out = bodies::is_known_to_be_left_out(operation, &probe.path);
            if left_out || exceptions::is_exempt(operation.path, &probe.path) {
                continue;
            }
            let mut sent = body.clone();
            probe.put_into(&mut sent);
            let request = client.request(operation.method, &path).json(&sent);
            let answer = client.send(request).await;
            if !is_refused(&answer) {
                let (shown, text) = (probe.shown(), answer.text());
                wrong.push(format!("{path} {shown}: {} {text}", answer.status));
            }
        }
        // Nothing else was wrong with it.
        let request = client.request(operation.method, &path).json(&body);
        let answer = client.send(request).await;
        if !(200..300).contains(&answer.status) {
            wrong.push(format!("{path} as it is: {}", answer.text()));
        }
    }
    nothing(&wrong);
    assert!(known.len() > 40, "{}", known.len());
    let left_out: Vec<&str> = bodies::built()
        .filter(|path| !known.contains(path))
        .collect();
    assert_eq!(left_out, Vec::<&str>::new(), "actions that are not tried");
}

/// A member of an object, whatever the case of its letters.
fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let mut members = object.as_object()?.iter();
    let found = members.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}
