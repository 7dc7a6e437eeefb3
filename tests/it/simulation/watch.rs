//! Looks into the database from beside the store: what it has written down, and when it commits.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};
use surveyd::domain::id::SurveyId;
use surveyd::domain::time::Millis;

/// One step in the life of a survey, as the database has it.
pub struct Noted {
    pub survey_id: SurveyId,
    pub at: Millis,
    pub state: String,
    pub detail: Option<String>,
}

pub struct Watch {
    connection: Connection,
    /// The last step read.
    row: i64,
    /// Changes with every commit of another connection (SQLite's pragma data_version).
    version: i64,
}

impl Watch {
    /// The database must be there.
    pub fn over(file: &Path) -> Self {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let connection = connection.expect("the store has made its file");
        let mut watch = Self { connection, row: 0, version: 0 };
        watch.has_committed();
        watch
    }

    /// Whether a transaction that changed something was committed since this was asked last.
    pub fn has_committed(&mut self) -> bool {
        let mut asked = self.connection.prepare_cached("pragma data_version").unwrap();
        let version = asked.query_row([], |row| row.get(0)).unwrap();
        std::mem::replace(&mut self.version, version) != version
    }

    /// The steps noted since this was asked last, in their order. What was told of closes that were
    /// no step of the survey stands at nought and below.
    pub fn news(&mut self) -> Vec<Noted> {
        let sql = "select rowid, survey_id, at, state, detail from survey_history \
                   where rowid > ?1 and step > 0 order by rowid";
        let mut asked = self.connection.prepare_cached(sql).unwrap();
        let mut last = self.row;
        let news = asked.query_map([self.row], |row| {
            last = row.get(0)?;
            Ok(Noted {
                survey_id: SurveyId::new(row.get::<_, String>(1)?),
                at: Millis(row.get(2)?),
                state: row.get(3)?,
                detail: row.get(4)?,
            })
        });
        let news = news.unwrap().map(Result::unwrap).collect();
        self.row = last;
        news
    }

    /// Surveys that nobody will ever move on: those that are sending though nobody sends, wait for
    /// longer than they may, or lack what settles them.
    pub fn stranded(&self, now: Millis, expire_after: std::time::Duration) -> Vec<String> {
        let sql = "select external_id || ' ' || state from survey where state = 'sending' \
                   or (state = 'uncertain' and (begun_at is null or given_up_at is null)) \
                   or (state = 'scheduled' and try_at > max(?1, closed_at + ?2) + 3600000)";
        let expire_after = i64::try_from(expire_after.as_millis()).unwrap();
        let mut asked = self.connection.prepare_cached(sql).unwrap();
        let stranded = asked.query_map(params![now.0, expire_after], |row| row.get(0)).unwrap();
        stranded.map(Result::unwrap).collect()
    }
}
