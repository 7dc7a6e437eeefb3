//! Gathers the values of a group column by column.

use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::Result;

use crate::results::{ColumnType, ColumnValue};

/// The definition level of a list that is absent.
const NO_LIST: i16 = 0;
/// The definition level of a list without elements.
const NO_ELEMENT: i16 = 1;
/// The definition level of an element of a list.
const ELEMENT: i16 = 2;

/// The values of one column in the group that is being gathered.
pub struct ColumnBuffer {
    values: ValueBuffer,
    /// Says for each entry whether it has a value.
    definitions: Vec<i16>,
    /// Says for each entry of a list whether it is a further element. Other columns have none.
    repetitions: Option<Vec<i16>>,
}

enum ValueBuffer {
    Texts(TextBuffer),
    Numbers(Vec<i64>),
    Scores(Vec<i32>),
    Flags(Vec<bool>),
}

/// Texts one after the other. Each on its own would need several times the memory.
#[derive(Default)]
struct TextBuffer {
    bytes: Vec<u8>,
    lengths: Vec<usize>,
}

impl ColumnBuffer {
    pub fn new(kind: ColumnType) -> Self {
        let values = match kind {
            ColumnType::Id | ColumnType::Text | ColumnType::Word | ColumnType::List => {
                ValueBuffer::Texts(TextBuffer::default())
            }
            ColumnType::Number | ColumnType::Time => ValueBuffer::Numbers(Vec::new()),
            ColumnType::Score => ValueBuffer::Scores(Vec::new()),
            ColumnType::Flag => ValueBuffer::Flags(Vec::new()),
        };
        let repetitions = (kind == ColumnType::List).then(Vec::new);
        Self { values, definitions: Vec::new(), repetitions }
    }

    pub fn push(&mut self, value: Option<ColumnValue<'_>>) {
        if let Some(repetitions) = &mut self.repetitions {
            let ValueBuffer::Texts(texts) = &mut self.values else {
                unreachable!("lists are of texts")
            };
            let (none, list) = match value {
                Some(ColumnValue::List(list)) => (NO_ELEMENT, list),
                _ => (NO_LIST, &[][..]),
            };
            if list.is_empty() {
                self.definitions.push(none);
                repetitions.push(0);
            }
            for (place, element) in list.iter().enumerate() {
                texts.push(element);
                self.definitions.push(ELEMENT);
                repetitions.push(i16::from(place > 0));
            }
            return;
        }
        self.definitions.push(i16::from(value.is_some()));
        match (&mut self.values, value) {
            (_, None) => {}
            (ValueBuffer::Texts(texts), Some(ColumnValue::Text(text))) => texts.push(&text),
            (ValueBuffer::Numbers(numbers), Some(ColumnValue::Number(number))) => {
                numbers.push(number)
            }
            (ValueBuffer::Numbers(numbers), Some(ColumnValue::Time(at))) => numbers.push(at.0),
            (ValueBuffer::Scores(scores), Some(ColumnValue::Number(score))) => {
                scores.push(i32::try_from(score).expect("a score is 10 at most"));
            }
            (ValueBuffer::Flags(flags), Some(ColumnValue::Flag(is))) => flags.push(is),
            (_, Some(_)) => unreachable!("every value is of its column's type"),
        }
    }

    pub fn text_bytes(&self) -> usize {
        match &self.values {
            ValueBuffer::Texts(texts) => texts.bytes.len(),
            ValueBuffer::Numbers(_) | ValueBuffer::Scores(_) | ValueBuffer::Flags(_) => 0,
        }
    }

    pub fn write(self, column: &mut ColumnWriter<'_>) -> Result<()> {
        let definitions = Some(self.definitions.as_slice());
        let repetitions = self.repetitions.as_deref();
        match (self.values, column) {
            (ValueBuffer::Texts(texts), ColumnWriter::ByteArrayColumnWriter(column)) => {
                column.write_batch(&texts.apart(), definitions, repetitions)
            }
            (ValueBuffer::Numbers(numbers), ColumnWriter::Int64ColumnWriter(column)) => {
                column.write_batch(&numbers, definitions, repetitions)
            }
            (ValueBuffer::Scores(scores), ColumnWriter::Int32ColumnWriter(column)) => {
                column.write_batch(&scores, definitions, repetitions)
            }
            (ValueBuffer::Flags(flags), ColumnWriter::BoolColumnWriter(column)) => {
                column.write_batch(&flags, definitions, repetitions)
            }
            _ => unreachable!("the schema is of the columns' types"),
        }?;
        Ok(())
    }
}

impl TextBuffer {
    fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.lengths.push(text.len());
    }

    /// Returns each text. They share one allocation.
    fn apart(self) -> Vec<ByteArray> {
        let all = ByteArray::from(self.bytes);
        let mut start = 0;
        let texts = self.lengths.into_iter().map(|length| {
            let text = all.slice(start, length);
            start += length;
            text
        });
        texts.collect()
    }
}
