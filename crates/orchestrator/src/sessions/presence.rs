//! Which hosts are there: heartbeats in memory, so that an idle installation neither writes nor
//! queries. After a restart every connected session gets a full term to report again.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use odata::{Guid, Timestamp};
use parking_lot::Mutex;

/// Four missed heartbeats of 30 s: the host counts as unresponsive.
pub const UNRESPONSIVE_AFTER: Duration = Duration::from_secs(120);

/// What makes a session: a host, as an operating system user, for a machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// `machines.id`
    pub machine: i64,
    /// Name of the host; compared without case.
    pub name: String,
    /// Account that the robot runs as, empty for a service.
    pub service_user: String,
}

/// What the `service_user` of a signed-in person begins with; the rest is the robot's number.
const PERSON: &str = "robot:";

impl Host {
    /// The session of the person that `robot` belongs to, on this host.
    #[must_use]
    pub fn attended(&self, robot: i64) -> Self {
        Self {
            service_user: format!("{PERSON}{robot}"),
            ..self.clone()
        }
    }

    fn is_attended(&self) -> bool {
        self.service_user.starts_with(PERSON)
    }

    /// The computer alone: people on it have no heartbeats but those of its service.
    fn computer(&self) -> (i64, String) {
        (self.machine, self.name.to_lowercase())
    }

    fn folded(&self) -> Self {
        Self {
            machine: self.machine,
            name: self.name.to_lowercase(),
            service_user: self.service_user.to_lowercase(),
        }
    }
}

#[derive(Debug)]
struct Seen {
    at: Timestamp,
    /// The robot's installation, if it tells.
    installation: Option<String>,
    /// Not yet in the table.
    dirty: bool,
    /// Reported as lost.
    lost: bool,
    /// The computer, unless the session is known by its number only.
    computer: Option<(i64, String)>,
}

impl Seen {
    /// Notes a sign of life; `true` when it counted as lost.
    fn beat(&mut self, now: Timestamp) -> bool {
        self.at = now;
        self.dirty = true;
        std::mem::take(&mut self.lost)
    }
}

#[derive(Default)]
struct Inner {
    sessions: HashMap<i64, Seen>,
    hosts: HashMap<Host, i64>,
    /// The sessions of people, by computer.
    people: HashMap<(i64, String), BTreeSet<i64>>,
    /// What hosts last said of their robots, by the host's session.
    robots: HashMap<(i64, Guid), Whereabouts>,
}

impl Inner {
    /// What was said of a session counts no longer.
    fn forget_robots(&mut self, session: i64) {
        self.robots.retain(|(host, _), robot| {
            *host != session && *robot != Whereabouts::Gone(Some(session))
        });
    }
}

/// Robots that are remembered; a host that makes up more of them is asked about anew.
const MOST_ROBOTS: usize = 100_000;

/// Whether a robot is on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// It is there.
    There,
    /// It is not, and this session shows it, if it has one.
    Gone(Option<i64>),
}

/// The sessions that are connected, and when each was last heard of.
#[derive(Default)]
pub struct Presence(Mutex<Inner>);

impl Presence {
    /// A session was opened, or is taken over from before a restart.
    pub fn opened(&self, session: i64, host: &Host, installation: Option<String>, now: Timestamp) {
        let mut inner = self.0.lock();
        inner.forget_robots(session);
        inner.hosts.insert(host.folded(), session);
        if host.is_attended() {
            let people = inner.people.entry(host.computer()).or_default();
            people.insert(session);
        }
        inner.sessions.insert(
            session,
            Seen {
                at: now,
                installation,
                dirty: false,
                lost: false,
                computer: Some(host.computer()),
            },
        );
    }

    /// Whether the session is this installation's; a robot that does not tell is believed.
    #[must_use]
    pub fn is_of(&self, session: i64, installation: Option<&str>) -> bool {
        let inner = self.0.lock();
        let known = inner
            .sessions
            .get(&session)
            .and_then(|s| s.installation.as_deref());
        match (known, installation) {
            (Some(known), Some(given)) => known == given,
            _ => true,
        }
    }

    /// A session said goodbye.
    pub fn closed(&self, session: i64) {
        let mut inner = self.0.lock();
        inner.forget_robots(session);
        inner.sessions.remove(&session);
        inner.hosts.retain(|_, id| *id != session);
        inner.people.retain(|_, people| {
            people.remove(&session);
            !people.is_empty()
        });
    }

    /// The connected session of a host.
    #[must_use]
    pub fn session(&self, host: &Host) -> Option<i64> {
        self.0.lock().hosts.get(&host.folded()).copied()
    }

    /// The session of somebody who is signed in on the host's computer.
    #[must_use]
    pub fn person(&self, host: &Host) -> Option<i64> {
        let inner = self.0.lock();
        inner.people.get(&host.computer())?.first().copied()
    }

    /// How many sessions are connected and not lost.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.0.lock().sessions.values().filter(|s| !s.lost).count()
    }

    /// A sign of life, also of the people on the same computer. Gives the sessions that counted as
    /// lost: the table has to be told.
    pub fn beat(&self, session: i64, now: Timestamp) -> Vec<i64> {
        let mut inner = self.0.lock();
        let inner = &mut *inner;
        let seen = inner.sessions.entry(session).or_insert(Seen {
            at: now,
            installation: None,
            dirty: true,
            lost: true,
            computer: None,
        });
        let mut back = Vec::new();
        if seen.beat(now) {
            back.push(session);
        }
        let people = seen.computer.as_ref().and_then(|at| inner.people.get(at));
        for person in people.into_iter().flatten().filter(|id| **id != session) {
            if inner.sessions.get_mut(person).is_some_and(|s| s.beat(now)) {
                back.push(*person);
            }
        }
        back
    }

    /// Of what a host says of its robots, and whether they are there, what it did not say before: most
    /// heartbeats repeat the one before them, and those change nothing.
    #[must_use]
    pub fn news(&self, host: i64, said: &[(Guid, bool)]) -> Vec<(Guid, bool)> {
        let inner = self.0.lock();
        let is_new = |(robot, there): &&(Guid, bool)| {
            let before = inner.robots.get(&(host, *robot));
            before.map(|b| *b == Whereabouts::There) != Some(*there)
        };
        said.iter().filter(is_new).copied().collect()
    }

    /// The table knows where a host's robots are.
    pub fn told(&self, host: i64, robots: &[(Guid, Whereabouts)]) {
        let mut inner = self.0.lock();
        if inner.robots.len() + robots.len() > MOST_ROBOTS {
            inner.robots.clear();
        }
        let robots = robots.iter().map(|(robot, at)| ((host, *robot), *at));
        inner.robots.extend(robots);
    }

    /// Sessions that have become lost by now, each reported once, with their last sign of life.
    pub fn take_lost(&self, now: Timestamp) -> Vec<(i64, Timestamp)> {
        let mut inner = self.0.lock();
        let late = |s: &Seen| !s.lost && s.at.plus(UNRESPONSIVE_AFTER) <= now;
        let lost = inner
            .sessions
            .iter_mut()
            .filter(|(_, s)| late(s))
            .map(|(id, s)| {
                s.lost = true;
                s.dirty = false;
                (*id, s.at)
            });
        lost.collect()
    }

    /// The table could not be told that a session is lost: it gets another term.
    pub fn not_lost(&self, session: i64, now: Timestamp) {
        if let Some(seen) = self.0.lock().sessions.get_mut(&session) {
            (seen.lost, seen.at) = (false, now);
        }
    }

    /// When the next session becomes lost if it stays silent.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let inner = self.0.lock();
        inner
            .sessions
            .values()
            .filter(|s| !s.lost)
            .map(|s| s.at.plus(UNRESPONSIVE_AFTER))
            .min()
    }

    /// The heartbeats that the table does not know yet; they count as written afterwards.
    pub fn take_dirty(&self) -> Vec<(i64, Timestamp)> {
        let mut inner = self.0.lock();
        let dirty = inner
            .sessions
            .iter_mut()
            .filter(|(_, s)| s.dirty)
            .map(|(id, s)| {
                s.dirty = false;
                (*id, s.at)
            });
        dirty.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        Host {
            machine: 1,
            name: name.into(),
            service_user: String::new(),
        }
    }

    #[test]
    fn only_what_is_new_of_robots_is_news() {
        let presence = Presence::default();
        let now = Timestamp::from_millis(0);
        let (one, two) = (Guid(1), Guid(2));
        presence.opened(1, &host("pc"), None, now);
        let both = [(one, true), (two, false)];
        assert_eq!(presence.news(1, &both), both, "never heard of");
        let gone = Whereabouts::Gone(Some(2));
        presence.told(1, &[(one, Whereabouts::There), (two, gone)]);
        assert_eq!(presence.news(1, &both), []);
        assert_eq!(presence.news(1, &[(two, true)]), [(two, true)]);
        assert_eq!(presence.news(3, &both), both, "another host");
        // Whoever begins a session anew is there, whatever was said before.
        presence.opened(2, &host("pc").attended(7), None, now);
        assert_eq!(presence.news(1, &both), [(two, false)]);
        presence.closed(1);
        assert_eq!(presence.news(1, &[(one, true)]), [(one, true)]);
    }

    #[test]
    fn a_silent_session_is_lost_once_and_comes_back_once() {
        let presence = Presence::default();
        let start = Timestamp::from_millis(0);
        presence.opened(7, &host("HOST"), None, start);
        assert_eq!(presence.session(&host("host")), Some(7));

        let almost = start.plus(UNRESPONSIVE_AFTER - Duration::from_millis(1));
        assert_eq!(presence.take_lost(almost), []);
        let late = start.plus(UNRESPONSIVE_AFTER);
        assert_eq!(presence.next_deadline(), Some(late));
        assert_eq!(presence.take_lost(late), [(7, start)]);
        assert_eq!(presence.take_lost(late), []);
        assert_eq!(presence.next_deadline(), None);

        assert_eq!(presence.beat(7, late), vec![7], "the table must be told");
        assert!(presence.beat(7, late).is_empty());
    }

    #[test]
    fn people_are_there_as_long_as_their_host_or_they_are_heard_of() {
        let presence = Presence::default();
        let start = Timestamp::from_millis(0);
        let person = host("PC").attended(4);
        presence.opened(1, &host("pc"), None, start);
        presence.opened(2, &person, None, start);
        presence.opened(3, &host("other").attended(4), None, start);
        assert_eq!(presence.person(&host("Pc")), Some(2));
        assert_eq!(presence.session(&host("pc")), Some(1));

        // The service speaks for the person on its computer, not for the one on another.
        let later = start.plus(UNRESPONSIVE_AFTER - Duration::from_millis(1));
        assert!(presence.beat(1, later).is_empty());
        let late = start.plus(UNRESPONSIVE_AFTER);
        assert_eq!(presence.take_lost(late), [(3, start)]);
        let silent = later.plus(UNRESPONSIVE_AFTER);
        let mut lost = presence.take_lost(silent);
        lost.sort_unstable();
        assert_eq!(lost, vec![(1, later), (2, later)]);
        let mut back = presence.beat(1, silent);
        back.sort_unstable();
        assert_eq!(back, vec![1, 2]);

        presence.closed(2);
        assert_eq!(presence.person(&host("pc")), None);
        assert_eq!(presence.session(&person), None);
        assert!(presence.beat(1, silent).is_empty());
    }

    #[test]
    fn heartbeats_are_written_once() {
        let presence = Presence::default();
        presence.opened(7, &host("h"), Some("a".into()), Timestamp::from_millis(0));
        assert!(presence.is_of(7, Some("a")) && presence.is_of(7, None));
        assert!(!presence.is_of(7, Some("b")));
        assert_eq!(presence.take_dirty(), []);
        presence.beat(7, Timestamp::from_millis(5));
        assert_eq!(presence.take_dirty(), [(7, Timestamp::from_millis(5))]);
        assert_eq!(presence.take_dirty(), []);
        presence.closed(7);
        assert_eq!(presence.session(&host("h")), None);
    }
}
