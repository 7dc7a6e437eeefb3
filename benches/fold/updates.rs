//! What X would tell of the rows of the table, the same for each side.

use surveyd::domain::feedback::{Given, Object, Update};
use surveyd::domain::id::FeedbackId;
use surveyd::domain::time::Millis;

use crate::Arguments;

pub const ACCOUNT: &str = "acme";

/// When the first of the rows was made; one every second after that.
const FIRST: i64 = 1_700_000_000_000;
/// After all that the table holds of any number of rows.
const LATER: i64 = 1_800_000_000_000;

const HOT: u64 = 10_000;

/// What the updates of a cell are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Kind {
    /// Newer word of rows anywhere in the table, of what is known already.
    Random,
    /// The same of the newest ten thousand rows: in life, word comes of the latest prompts.
    Hot,
    /// What was folded before: it changes nothing.
    Stale,
    /// The first answers to prompts that had none: A moves their surveys on as well, with a line of
    /// history each, which neither B nor C does.
    Answers,
    /// Prompts that surveyd did not send and has not heard of: new rows.
    Foreign,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Random, Self::Hot, Self::Stale, Self::Answers, Self::Foreign];
}

/// What is known of a row: of ten, four have no answer yet, three a score, two a comment too, and
/// one, with a score, is of a prompt that surveyd did not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Bare,
    Scored,
    Commented,
    Foreign,
}

impl Known {
    pub fn of(row: u64) -> Self {
        match row % 10 {
            0..4 => Self::Bare,
            4..7 => Self::Scored,
            7..9 => Self::Commented,
            _ => Self::Foreign,
        }
    }
}

/// How many rows have no answer yet.
pub fn bare(rows: u64) -> u64 {
    rows * 2 / 5
}

pub fn created_at(row: u64) -> Millis {
    Millis(FIRST + row as i64 * 1_000)
}

pub fn scored_at(row: u64) -> Millis {
    Millis(created_at(row).0 + 60_000)
}

pub fn commented_at(row: u64) -> Millis {
    Millis(created_at(row).0 + 120_000)
}

/// As X numbers its objects, by time.
pub fn feedback_id(row: u64) -> FeedbackId {
    FeedbackId::new(format!("{}", 1_600_000_000_000_000_000 + row * 4_194_304_017))
}

pub fn person(row: u64) -> String {
    format!("{}", 1_000_000_000_000_000_000 + row * 7_919)
}

pub fn external_id(row: u64) -> String {
    format!("conversation-{row:012}")
}

/// All that is told of a row by then.
pub fn update(row: u64, known: Known, updated_at: Millis) -> Update {
    let (id, person, external_id) = (feedback_id(row), person(row), external_id(row));
    let dm_id = format!("{}", 1_600_000_000_000_000_000 + row * 4_194_304_019);
    let raw = format!(
        r#"{{"id":"{id}","created_timestamp":"{}","updated_timestamp":"{}","from_user_id":"1212121212121","to_user_id":"{person}","external_id":"{external_id}","type":"csat","question_variant_id":"12","test":false,"display_name":"Acme Care","privacy_url":"https://acme.example/privacy","message_id":"{dm_id}","failure":null,"locale":"en"}}"#,
        created_at(row).0,
        updated_at.0,
    );
    let (score, text) = match known {
        Known::Bare => (false, false),
        Known::Scored | Known::Foreign => (true, false),
        Known::Commented => (true, true),
    };
    let given_at = scored_at(row);
    let score = score.then_some(Given { given_at, told_at: given_at, value: (row % 6) as i64 });
    let given_at = commented_at(row);
    let value = || format!("Thank you for your patience, number {row}: it is solved");
    let text = text.then(|| Given { given_at, told_at: given_at, value: value() });
    let object = Object {
        updated_at,
        created_at: Some(created_at(row)),
        to_user_id: Some(person),
        external_id: Some(external_id),
        kind: Some("csat".into()),
        question_variant_id: Some(12),
        dm_id: Some(dm_id),
        raw,
        ..Object::default()
    };
    Update { id, object, score, text }
}

/// When the table was told last of a row.
pub fn last_told(row: u64) -> Millis {
    match Known::of(row) {
        Known::Bare => created_at(row),
        Known::Scored | Known::Foreign => scored_at(row),
        Known::Commented => commented_at(row),
    }
}

/// The batches of a cell.
pub struct Stream {
    kind: Kind,
    rows: u64,
    batch: u64,
    /// Of all rounds, so that no answer is the first twice and no word the newest.
    next: u64,
    end: u64,
}

impl Stream {
    pub fn new(kind: Kind, round: u64, arguments: &Arguments) -> Self {
        let (rows, batch) = (arguments.rows, arguments.batch);
        let updates = arguments.pages * batch;
        Self { kind, rows, batch, next: round * updates, end: (round + 1) * updates }
    }

    fn update(&self, number: u64) -> Update {
        let at = Millis(LATER + number as i64 * 10 + self.kind as i64);
        let (any, hot) = (scattered(number) % self.rows, scattered(number) % HOT.min(self.rows));
        let own = |row| self::update(row, Known::of(row), at);
        match self.kind {
            Kind::Random => own(any),
            Kind::Hot => own(self.rows.saturating_sub(HOT) + hot),
            Kind::Stale => self::update(any, Known::of(any), last_told(any)),
            Kind::Answers => {
                // The bare rows all over the table, none twice: the factor and their number have
                // no divisor in common.
                let number = number.wrapping_mul(7_919) % bare(self.rows);
                let row = number / 4 * 10 + number % 4;
                let score = Given { given_at: at, told_at: at, value: (row % 6) as i64 };
                Update { score: Some(score), ..self::update(row, Known::Bare, at) }
            }
            Kind::Foreign => self::update(self.rows + number, Known::Foreign, at),
        }
    }
}

/// A number without any visible order (splitmix64).
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Iterator for Stream {
    type Item = Vec<Update>;

    fn next(&mut self) -> Option<Vec<Update>> {
        let numbers = self.next..(self.next + self.batch).min(self.end);
        self.next = numbers.end;
        (!numbers.is_empty()).then(|| numbers.map(|number| self.update(number)).collect())
    }
}
