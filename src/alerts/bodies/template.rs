//! The operator's own form of a message.

use super::text::fitting;
use crate::domain::alert::template::{AlertTemplate, TemplateError};
use crate::domain::alert::{Content, Told};
use crate::domain::days::Zone;

pub fn write(template: &AlertTemplate, told: &Told, zone: &Zone) -> Result<Vec<u8>, TemplateError> {
    let render = |told: &Told| template.render(&told.event(), &told.sentence(zone));
    let text = match (render(told), &told.content) {
        (Err(TemplateError::TooLong), Content::Fact { comment: Some(comment), .. }) => {
            let fits = |text: &str| render(&told.with_comment(text)) != Err(TemplateError::TooLong);
            render(&told.with_comment(&fitting(comment, fits)))
        }
        (rendered, _) => rendered,
    };
    text.map(String::into_bytes)
}
