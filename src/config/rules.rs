//! Reads `[[accounts.rules]]`. A rule gives the closes that match it different settings.

use super::fault_collector::ConfigTable;
use super::{Rule, SurveyConfig, lists, survey, values};
use crate::domain::policy::rule::When;

/// Returns the sound rules in their order. Each rule changes parts of `base`.
pub(super) fn read(account: &mut ConfigTable, base: Option<&SurveyConfig>) -> Vec<Rule> {
    let Some(entries) = account.entries("rules") else { return Vec::new() };
    let mut names = std::collections::BTreeSet::new();
    let mut rules = Vec::new();
    for (index, (place, given)) in entries.into_iter().enumerate() {
        let mut table = account.collector.table(place, given);
        let name = table.optional("name", values::name);
        if let Some(Some(name)) = &name
            && !names.insert(name.clone())
        {
            let shown = super::given::quoted(name);
            let problem = "is another rule's name, too";
            table.fault("name", Some(shown), problem, "give each rule a name of its own");
        }
        let when = when(&mut table);
        let skip = table.or("skip", false, values::boolean);
        let survey = survey::changed(&mut table, base);
        table.close(&[]);
        if let (Some(name), Some(when), Some(skip), Some(survey)) = (name, when, skip, survey) {
            let name = name.unwrap_or_else(|| (index + 1).to_string());
            rules.push(Rule { name, when, skip, survey });
        }
    }
    rules
}

fn when(rule: &mut ConfigTable) -> Option<When> {
    let is_given = rule.holds("when");
    let mut table = rule.table("when");
    let mut texts = |key| table.or(key, Vec::new(), lists::texts);
    let (source, tag, team) = (texts("source"), texts("tag"), texts("team"));
    let (agent, language) = (texts("agent"), texts("language"));
    let closed_by = table.or("closed_by", Vec::new(), lists::some_closers);
    let attributes = table.lists("attributes");
    table.close(&[]);
    let when = When {
        source: source?,
        tag: tag?,
        team: team?,
        agent: agent?,
        language: language?,
        closed_by: closed_by?,
        attributes: attributes?,
    };
    if when.is_empty() {
        let problem = if is_given { "names nothing" } else { "is missing" };
        let remedy = "write what a close must be, as when = { tag = \"vip\" }; what holds for every \
                      close belongs in [accounts.survey]";
        rule.fault("when", None, problem, remedy);
        return None;
    }
    Some(when)
}
