//! Marks people as erased, and keeps the marks of the database and of the file the same.

use sqlx::{AnyConnection, Row as _};

use super::erase::Erased;
use super::keys::{self, Key, Keys};
use super::mark_file::{self, Remembered};
use super::screen;
use crate::domain::id::UserId;
use crate::domain::time::Millis;
use crate::store::access::audit::{self, AuditEntry};
use crate::store::{Result, Store};

const MARK: &str = "insert into forgotten (mark, at) values ($1, $2) \
     on conflict (mark) do update set done_at = null";

/// A mark from the file of which the database knows nothing.
const TAKE_OVER: &str =
    "insert into forgotten (mark, at) values ($1, $2) on conflict (mark) do nothing";

const DONE: &str = "update forgotten set done_at = $1 where mark = $2";

const MARKS: &str = "select mark, at from forgotten order by at, mark";

const OPEN: &str = "select mark from forgotten where done_at is null order by at, mark";

const PEOPLE: &str = "select user_id from survey where user_id <> '' union \
     select to_user_id from feedback where to_user_id is not null union \
     select user_id from optout union select user_id from dm_conversation";

/// When somebody was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten {
    pub at: Millis,
}

impl Store {
    /// Marks a person as erased. From now on nothing that names the person is kept as it comes in,
    /// and nobody prompts them. The file beside the database knows it first.
    pub async fn mark_forgotten(&self, person: &UserId, now: Millis) -> Result<()> {
        let known = self.known_marks().await?;
        let path = mark_file::path(&self.location);
        let beside = mark_file::read(&path)?;
        let salt = known.salts.first().or(beside.salts.first()).cloned();
        let key = salt.map_or_else(Key::new, |salt| Ok(Key::of(salt)))?;
        let mark = key.mark(person.as_str());
        let salts = match known.salts.is_empty() {
            true => vec![key.salt().to_owned()],
            false => known.salts,
        };
        let news = Remembered { salts, marks: vec![(mark.clone(), now)] };
        mark_file::remember(&path, &news)?;
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    Keys::own(connection).await?;
                    for salt in news.salts.iter().chain(&beside.salts) {
                        keys::add(connection, salt, now).await?;
                    }
                    sqlx::query(MARK).bind(mark).bind(now.0).execute(connection).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Notes that nothing of a person is left, and writes that into the audit log without the id.
    pub async fn end_forgetting(&self, person: &UserId, by: AuditEntry) -> Result<()> {
        let person = person.clone();
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let keys = Keys::own(connection).await?;
                    for key in keys.iter() {
                        let done = sqlx::query(DONE).bind(by.at.0).bind(key.mark(person.as_str()));
                        done.execute(&mut *connection).await?;
                    }
                    audit::add(connection, by).await
                })
            })
            .await
    }

    /// Returns when a person was erased, if they were.
    pub async fn forgotten(&self, person: &UserId) -> Result<Option<Forgotten>> {
        let mut connection = self.readers.acquire().await?;
        let keys = Keys::read(&mut connection).await?;
        for key in keys.iter() {
            let at: Option<i64> = sqlx::query_scalar("select at from forgotten where mark = $1")
                .bind(key.mark(person.as_str()))
                .fetch_optional(&mut *connection)
                .await?;
            if let Some(at) = at {
                return Ok(Some(Forgotten { at: Millis(at) }));
            }
        }
        Ok(None)
    }

    /// Makes the file and the database know the same erasures, and erases again whoever the
    /// database has not erased to the end. For a start and for a restored database: nothing may be
    /// sent or shown before. Returns what was erased.
    pub async fn forget_again(&self, now: Millis) -> Result<Erased> {
        let path = mark_file::path(&self.location);
        let (known, beside) = (self.known_marks().await?, mark_file::read(&path)?);
        mark_file::remember(&path, &known.beyond(&beside))?;
        let news = beside.beyond(&known);
        if news != Remembered::default() {
            self.writer.run(move |connection| Box::pin(take_over(connection, news, now))).await?;
        }
        let mut erased = Erased::default();
        let mut under_way = Vec::new();
        let people = self.half_forgotten().await?;
        for person in &people {
            let found = self.rows_of_person(person).await?;
            let done = self.erase(&found, now).await?;
            under_way.extend(done.under_way.clone());
            erased.add(done);
        }
        erased.under_way = under_way;
        if erased.under_way.is_empty() {
            let entry = (!people.is_empty()).then(|| again(now));
            self.writer.run(move |connection| Box::pin(end_all(connection, entry, now))).await?;
        }
        Ok(erased)
    }

    /// Says of each text whether it names somebody who was erased.
    pub async fn name_forgotten(&self, texts: &[String]) -> Result<Vec<bool>> {
        let mut connection = self.readers.acquire().await?;
        let keys = Keys::read(&mut connection).await?;
        let numbers = texts.iter().flat_map(|text| screen::ids_in(text));
        let erased = screen::people(&mut connection, &keys, numbers).await?;
        let names = |text: &String| screen::ids_in(text).any(|id| erased.contains_key(id));
        Ok(texts.iter().map(names).collect())
    }

    async fn known_marks(&self) -> Result<Remembered> {
        let mut connection = self.readers.acquire().await?;
        let keys = Keys::read(&mut connection).await?;
        let rows = sqlx::query(MARKS).fetch_all(&mut *connection).await?;
        let marks = rows.iter().map(|row| Ok((row.try_get("mark")?, row.try_get("at")?)));
        Ok(Remembered {
            salts: keys.iter().map(|key| key.salt().to_owned()).collect(),
            marks: marks.collect::<Result<_>>()?,
        })
    }

    /// Finds people of whom something is kept although they are marked. It looks at everybody, so
    /// it does so only if a mark says that its erasure is not over.
    async fn half_forgotten(&self) -> Result<Vec<UserId>> {
        let mut connection = self.readers.acquire().await?;
        let open: Vec<String> = sqlx::query_scalar(OPEN).fetch_all(&mut *connection).await?;
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let keys = Keys::read(&mut connection).await?;
        let people: Vec<String> = sqlx::query_scalar(PEOPLE).fetch_all(&mut *connection).await?;
        let people: Vec<UserId> =
            people.iter().filter_map(|person| UserId::respelt(person)).collect();
        let ids = people.iter().map(UserId::as_str);
        let marked = screen::people(&mut connection, &keys, ids).await?;
        Ok(people.into_iter().filter(|person| marked.contains_key(person.as_str())).collect())
    }
}

async fn take_over(connection: &mut AnyConnection, news: Remembered, now: Millis) -> Result<()> {
    Keys::own(connection).await?;
    for salt in &news.salts {
        keys::add(connection, salt, now).await?;
    }
    for (mark, at) in &news.marks {
        sqlx::query(TAKE_OVER).bind(mark.as_str()).bind(at.0).execute(&mut *connection).await?;
    }
    Ok(())
}

const ALL_DONE: &str = "update forgotten set done_at = $1 where done_at is null";

async fn end_all(
    connection: &mut AnyConnection,
    entry: Option<AuditEntry>,
    now: Millis,
) -> Result<()> {
    sqlx::query(ALL_DONE).bind(now.0).execute(&mut *connection).await?;
    match entry {
        Some(entry) => audit::add(connection, entry).await,
        None => Ok(()),
    }
}

/// The entry of an erasure that surveyd repeats by itself.
fn again(now: Millis) -> AuditEntry {
    AuditEntry {
        at: now,
        way: "-".to_owned(),
        name: String::new(),
        roles: String::new(),
        what: "erased a person again".to_owned(),
        detail: String::new(),
        address: String::new(),
    }
}
