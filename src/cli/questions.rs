//! `surveyd questions` lists what X can ask on the card.

use clap::Args;
use serde::Serialize;

use super::{print_json, table, usage};
use crate::domain::question;
use crate::domain::survey_type::SurveyType;

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub struct Questions {
    /// The type of survey, csat or nps [default: both]
    #[arg(value_name = "TYPE")]
    kind: Option<String>,
    /// What the question calls you, as display_name in the configuration
    #[arg(long, value_name = "NAME", default_value = "<display_name>")]
    name: String,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
  surveyd questions
  surveyd questions csat --name Acme
  surveyd questions nps --json";

#[derive(Serialize)]
struct Question {
    #[serde(rename = "type")]
    kind: &'static str,
    question_variant_id: u32,
    text: String,
}

pub fn run(wanted: &Questions) -> anyhow::Result<()> {
    let kinds = match wanted.kind.as_deref().map(|name| (name, SurveyType::parse(name))) {
        None => SurveyType::ALL.to_vec(),
        Some((_, Some(kind))) => vec![kind],
        Some((name, None)) => return Err(usage("TYPE", name, "is neither csat nor nps")),
    };
    let questions: Vec<_> = kinds
        .into_iter()
        .flat_map(|kind| kind.variants().map(move |variant| (kind, variant)))
        .filter_map(|(kind, variant)| {
            let text = question::text(kind, variant, &wanted.name)?;
            Some(Question { kind: kind.as_str(), question_variant_id: variant, text })
        })
        .collect();
    if wanted.json {
        return print_json(&questions);
    }
    let rows = questions
        .into_iter()
        .map(|one| vec![one.kind.to_owned(), one.question_variant_id.to_string(), one.text]);
    table::print(&["type", "question_variant_id", "X asks"], &rows.collect::<Vec<_>>())?;
    Ok(())
}
