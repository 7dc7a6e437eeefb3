//! The keyed hashes by which an erased person is known again.
//!
//! A mark stands for a person, a name for one of their ids. Both are HMAC-SHA256 under a random
//! salt of this database. So two databases share no hash, and nobody can look an id up without the
//! salt. Whoever has the database has the salt and can try ids: marks are no anonymous data.

use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use sqlx::{AnyConnection, Row as _};

use crate::domain::id::ConversationId;
use crate::domain::time::Millis;
use crate::store::{Error, Result};

/// How an id that was erased begins.
pub const ERASED: &str = "erased-";

/// The hex digits of a name. 128 bits are enough that no two ids ever share one.
const NAME_DIGITS: usize = 32;

const SALT_BYTES: usize = 32;

/// The key made of one salt.
#[derive(Clone, Debug)]
pub struct Key {
    salt: String,
    key: hmac::Key,
}

impl Key {
    pub fn of(salt: String) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
        Self { salt, key }
    }

    /// Makes the key of a new salt.
    pub fn new() -> Result<Self> {
        let mut bytes = [0; SALT_BYTES];
        let drawn = SystemRandom::new().fill(&mut bytes);
        drawn.map_err(|_| Error::Unavailable("the system gives no random bytes".into()))?;
        Ok(Self::of(hex(&bytes)))
    }

    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// The mark of a person.
    pub fn mark(&self, user_id: &str) -> String {
        self.hash(&["person", user_id])
    }

    /// What stands in the place of a conversation's id, of a name of a prompt or of a feedback id.
    /// Equal ids of one account have equal names, whichever of the three they are.
    pub fn name(&self, account: &str, id: &str) -> String {
        let hash = self.hash(&["name", account, id]);
        format!("{ERASED}{}", &hash[..NAME_DIGITS])
    }

    /// What stands in the place of the id of a sender's event.
    pub fn event(&self, source: &str, event_id: &str) -> String {
        let hash = self.hash(&["event", source, event_id]);
        format!("{ERASED}{}", &hash[..NAME_DIGITS])
    }

    pub fn conversation(&self, account: &str, id: &ConversationId) -> ConversationId {
        let name = self.name(account, id.as_str());
        ConversationId::parse(&name).expect("it is short and plain")
    }

    fn hash(&self, parts: &[&str]) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            // With its length, so that no two lists of parts are one text.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        hex(context.sign().as_ref())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// All keys of the database. A database that took over what another one knew has more than one.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<Key>);

const KEYS: &str = "select salt from forgotten_key order by made_at, salt";

const ADD_KEY: &str =
    "insert into forgotten_key (salt, made_at) values ($1, $2) on conflict (salt) do nothing";

/// Whoever takes in something of people holds this lock with others of its kind, and whoever erases
/// holds it alone. So what was taken in before a mark is there to be erased, and what comes after
/// it meets the mark. SQLite has one writer at a time.
const SHARE: &str = "select pg_advisory_xact_lock_shared(hashtext('surveyd.person'))";
const OWN: &str = "select pg_advisory_xact_lock(hashtext('surveyd.person'))";

impl Keys {
    /// Reads the keys in a transaction that takes something in.
    pub async fn enter(connection: &mut AnyConnection) -> Result<Self> {
        if connection.backend_name() == "PostgreSQL" {
            sqlx::query(SHARE).execute(&mut *connection).await?;
        }
        Self::read(connection).await
    }

    /// Reads the keys in a transaction that erases.
    pub async fn own(connection: &mut AnyConnection) -> Result<Self> {
        if connection.backend_name() == "PostgreSQL" {
            sqlx::query(OWN).execute(&mut *connection).await?;
        }
        Self::read(connection).await
    }

    /// Reads the keys without a lock.
    pub async fn read(connection: &mut AnyConnection) -> Result<Self> {
        let rows = sqlx::query(KEYS).fetch_all(connection).await?;
        let salts = rows.iter().map(|row| Ok(Key::of(row.try_get("salt")?)));
        Ok(Self(salts.collect::<Result<_>>()?))
    }

    /// True if nobody was ever erased.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// The key that new names are made by.
    pub fn first(&self) -> Option<&Key> {
        self.0.first()
    }
}

/// Adds a key to the database.
pub async fn add(connection: &mut AnyConnection, salt: &str, now: Millis) -> Result<()> {
    sqlx::query(ADD_KEY).bind(salt).bind(now.0).execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_differ_by_salt_by_kind_and_by_where_their_parts_end() {
        let (key, other) = (Key::of("a".into()), Key::of("b".into()));
        assert_eq!(key.mark("7"), Key::of("a".into()).mark("7"));
        assert_ne!(key.mark("7"), other.mark("7"));
        assert_ne!(key.mark("7"), key.mark("77"));
        assert_ne!(key.name("ab", "c"), key.name("a", "bc"));
        assert_ne!(key.name("acme", "c-1"), key.event("acme", "c-1"));
        assert_ne!(Key::new().unwrap().salt(), Key::new().unwrap().salt());
    }

    #[test]
    fn a_name_is_short_plain_and_known_as_erased() {
        let name = Key::of("a".into()).name("acme", "c-1");
        assert_eq!(name.len(), ERASED.len() + NAME_DIGITS);
        assert!(name.starts_with(ERASED) && !name.contains("c-1"), "{name}");
    }
}
