//! The rules by which a daemon trusts its database, or takes it for an older backup or a copy.
//!
//! A daemon with a mark trusts the database that the mark names, unless sends are missing there.
//!
//! A daemon without a mark cannot compare. It trusts the database in two cases:
//!
//! - No daemon has worked on the database yet. A mark of another database in its folder excludes
//!   this case. It shows that `store.url` was changed, and only the other database knows the sends.
//! - Another daemon works on the database at that moment and its mark agrees. That daemon holds an
//!   advisory lock, which no copy of a database contains.
//!
//! Otherwise the daemon holds its sends. The next daemon whose mark agrees lifts that hold.

use super::identity::Identity;
use super::mark::{Mark, Named};
use crate::domain::named::named;

/// The reason for not trusting a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The database lacks sends that this daemon has begun.
    Older,
    /// The database is another one, or was restored from a dump.
    Other,
    /// The database's server was promoted, or restored to a point in time.
    Promoted,
    /// This daemon has no mark, and no other daemon at work knows the database.
    Unknown,
    /// The database was put back by `surveyd restore`. No comparison finds this doubt.
    Restored,
}

named!(Doubt {
    Older = "older",
    Other = "other",
    Promoted = "promoted",
    Unknown = "unknown",
    Restored = "restored",
});

impl Doubt {
    /// Returns the words for the doubt. They follow "the database" and end the sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Older => "is an older copy than the one that sent last",
            Self::Other => "is new, or another one than the one that sent last",
            Self::Promoted => {
                "is on a server that was promoted, or restored to a point in time, since the last send"
            }
            Self::Restored => "was restored from a backup",
            Self::Unknown => {
                "has been worked on, and no mark of that is in this daemon's state folder"
            }
        }
    }
}

/// The facts in the database that a comparison needs.
#[derive(Debug)]
pub struct DatabaseFacts {
    pub identity: Identity,
    /// True if any daemon has worked on it.
    pub has_daemons: bool,
    /// True if any of them has a name.
    pub has_named_daemons: bool,
    /// The number of all sends that were begun.
    pub total: i64,
    pub own: Option<Own>,
    /// True if any daemon's row is not as that daemon left it.
    pub is_loaded: bool,
    /// The number of accounts held after a doubt.
    pub held: i64,
    /// True if another daemon at work trusts it.
    pub is_vouched: bool,
}

#[derive(Clone, Copy, Debug)]
pub struct Own {
    pub sends: i64,
    /// True if this daemon has doubted the database and the holds of that doubt are not over.
    pub is_doubting: bool,
    /// True if the row names the transaction that wrote it.
    pub is_stamped: bool,
}

/// Returns why the database is not to be trusted, by the last mark and the facts found.
pub fn judge(mark: Option<&Mark>, found: &DatabaseFacts) -> Option<Doubt> {
    let loaded = found.is_loaded.then_some(Doubt::Other);
    let Some(mark) = mark else {
        let is_trusted = !found.has_daemons || found.is_vouched && found.held == 0;
        return if is_trusted { loaded } else { Some(Doubt::Unknown) };
    };
    let Some(Named { identity: known, .. }) = &mark.daemon else {
        // A mark without a name dates from before daemons had one. Beside a database whose daemons
        // have names it is the rest of a mark.
        return match found.has_named_daemons {
            true => Some(Doubt::Unknown),
            false => (found.total < mark.sends).then_some(Doubt::Older),
        };
    };
    let identity = &found.identity;
    if known.database_id != identity.database_id {
        return Some(Doubt::Other);
    }
    if found.own.map_or(0, |own| own.sends) < mark.sends {
        return Some(Doubt::Older);
    }
    if let (Some(before), Some(now)) = (&known.server, &identity.server)
        && before != now
    {
        let same_cluster = before.system == now.system;
        let promoted = same_cluster && before.timeline != now.timeline;
        return Some(if promoted { Doubt::Promoted } else { Doubt::Other });
    }
    let is_behind =
        matches!((identity.position, known.position), (Some(now), Some(then)) if now < then);
    if is_behind { Some(Doubt::Older) } else { loaded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::identity::Server;

    fn server() -> Server {
        Server { system: "7".into(), timeline: "00000001".into(), database: 5, table: 6 }
    }

    fn identity(server: Server, position: i64) -> Identity {
        Identity { database_id: "a".into(), server: Some(server), position: Some(position) }
    }

    fn found(identity: Identity, sends: i64) -> DatabaseFacts {
        let own = Some(Own { sends, is_doubting: false, is_stamped: true });
        let is_loaded = false;
        DatabaseFacts {
            identity,
            has_daemons: true,
            has_named_daemons: true,
            total: sends,
            own,
            is_loaded,
            held: 0,
            is_vouched: false,
        }
    }

    fn mark(sends: i64) -> Mark {
        let daemon = Named { daemon_id: "d".into(), identity: identity(server(), 100) };
        Mark { sends, daemon: Some(daemon) }
    }

    #[test]
    fn a_database_is_trusted_where_it_is_the_one_of_the_mark_and_not_behind_it() {
        let promoted = Server { timeline: "00000002".into(), ..server() };
        let elsewhere = Server { system: "8".into(), timeline: "00000002".into(), ..server() };
        let dumped = Server { table: 7, ..server() };
        let unnamed = Identity { server: None, position: None, ..identity(server(), 0) };
        let other = Identity { database_id: "b".into(), ..identity(server(), 100) };
        for (identity, sends, doubt) in [
            (identity(server(), 100), 3, None),
            (identity(server(), 200), 4, None),
            (identity(server(), 200), 2, Some(Doubt::Older)),
            (identity(server(), 99), 3, Some(Doubt::Older)),
            (identity(promoted, 200), 3, Some(Doubt::Promoted)),
            (identity(elsewhere, 200), 3, Some(Doubt::Other)),
            (identity(dumped, 200), 3, Some(Doubt::Other)),
            (other, 3, Some(Doubt::Other)),
            // A server that does not say which it is.
            (unnamed, 3, None),
        ] {
            let found = found(identity, sends);
            assert_eq!(judge(Some(&mark(3)), &found), doubt, "{found:?}");
        }
        let loaded = DatabaseFacts { is_loaded: true, ..found(identity(server(), 200), 3) };
        assert_eq!(judge(Some(&mark(3)), &loaded), Some(Doubt::Other));
    }

    #[test]
    fn a_count_without_a_name_is_believed_where_no_daemon_had_one() {
        let mark = Mark { sends: 3, daemon: None };
        let before = DatabaseFacts {
            has_named_daemons: false,
            own: None,
            ..found(identity(server(), 100), 3)
        };
        assert_eq!(judge(Some(&mark), &before), None);
        let older = DatabaseFacts { total: 2, ..before };
        assert_eq!(judge(Some(&mark), &older), Some(Doubt::Older));
        let named = DatabaseFacts { has_named_daemons: true, total: 3, ..older };
        assert_eq!(judge(Some(&mark), &named), Some(Doubt::Unknown), "the rest of a mark");
    }

    #[test]
    fn a_stranger_trusts_a_new_database_and_one_that_another_vouches_for() {
        let found = found(identity(server(), 100), 3);
        let new = DatabaseFacts { has_daemons: false, own: None, ..found };
        assert_eq!(judge(None, &new), None);
        let used = DatabaseFacts { has_daemons: true, ..new };
        assert_eq!(judge(None, &used), Some(Doubt::Unknown));
        let vouched = DatabaseFacts { is_vouched: true, ..used };
        assert_eq!(judge(None, &vouched), None);
        let loaded = DatabaseFacts { is_loaded: true, ..vouched };
        assert_eq!(judge(None, &loaded), Some(Doubt::Other));
        let held = DatabaseFacts { held: 1, is_loaded: false, ..loaded };
        assert_eq!(judge(None, &held), Some(Doubt::Unknown), "the other is held itself");
    }
}
