//! Rules that give some closes other settings than the account's survey has.

use std::collections::BTreeMap;

use crate::domain::close::{ClosedBy, Notice};

/// The conditions under which a rule matches a close. All that are named must hold. Any one of
/// several values is enough. An empty list is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    pub source: Vec<String>,
    /// Any of the notice's tags.
    pub tag: Vec<String>,
    pub team: Vec<String>,
    pub agent: Vec<String>,
    /// Languages match as the survey's texts do. `es` also matches `es-MX`, and letter case does
    /// not count.
    pub language: Vec<String>,
    pub closed_by: Vec<ClosedBy>,
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl When {
    /// True if it names nothing and so matches every close.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True if a close from `source` with this notice meets all conditions.
    pub fn matches(&self, source: &str, notice: &Notice) -> bool {
        let any = |wanted: &[String], is: &Option<String>| {
            wanted.is_empty() || is.as_ref().is_some_and(|is| wanted.contains(is))
        };
        (self.source.is_empty() || self.source.iter().any(|wanted| wanted == source))
            && (self.tag.is_empty() || notice.tags.iter().any(|tag| self.tag.contains(tag)))
            && any(&self.team, &notice.team)
            && any(&self.agent, &notice.agent)
            && self.speaks(notice.language.as_deref())
            && (self.closed_by.is_empty()
                || notice.closed_by.is_some_and(|by| self.closed_by.contains(&by)))
            && self
                .attributes
                .iter()
                .all(|(name, wanted)| any(wanted, &notice.attributes.get(name).cloned()))
    }

    fn speaks(&self, language: Option<&str>) -> bool {
        let normal = |tag: &str| tag.to_ascii_lowercase().replace('_', "-");
        let is = language.map(normal);
        self.language.is_empty()
            || is.is_some_and(|is| {
                self.language.iter().map(|wanted| normal(wanted)).any(|wanted| {
                    is.strip_prefix(&wanted).is_some_and(|r| r.is_empty() || r.starts_with('-'))
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    fn notice() -> Notice {
        Notice {
            agent: Some("dana".into()),
            team: Some("billing".into()),
            tags: texts(&["vip", "late"]),
            language: Some("es_MX".into()),
            closed_by: Some(ClosedBy::Agent),
            attributes: BTreeMap::from([("plan".into(), "gold".into())]),
            ..Notice::default()
        }
    }

    fn matches(when: When) -> bool {
        when.matches("helpdesk", &notice())
    }

    #[test]
    fn a_rule_matches_where_everything_it_names_is_so() {
        assert!(matches(When::default()));
        let all = When {
            source: texts(&["helpdesk"]),
            tag: texts(&["vip"]),
            team: texts(&["sales", "billing"]),
            agent: texts(&["dana"]),
            language: texts(&["ES"]),
            closed_by: vec![ClosedBy::Agent, ClosedBy::Bot],
            attributes: BTreeMap::from([("plan".into(), texts(&["gold"]))]),
        };
        assert!(matches(all.clone()));
        assert!(!matches(When { source: texts(&["spool"]), ..all.clone() }));
        assert!(!matches(When { tag: texts(&["VIP"]), ..all.clone() }));
        assert!(!matches(When { team: texts(&["sales"]), ..all.clone() }));
        assert!(!matches(When { agent: texts(&["eve"]), ..all.clone() }));
        assert!(!matches(When { language: texts(&["es-ES", "e"]), ..all.clone() }));
        assert!(!matches(When { closed_by: vec![ClosedBy::Auto], ..all.clone() }));
        let plan = |plan| BTreeMap::from([("plan".into(), texts(&[plan]))]);
        assert!(!matches(When { attributes: plan("free"), ..all }));
    }

    #[test]
    fn what_a_notice_does_not_say_matches_nothing() {
        for when in [
            When { team: texts(&["billing"]), ..When::default() },
            When { language: texts(&["es"]), ..When::default() },
            When { closed_by: vec![ClosedBy::Agent], ..When::default() },
            When { tag: texts(&["vip"]), ..When::default() },
            When {
                attributes: BTreeMap::from([("plan".into(), texts(&["gold"]))]),
                ..When::default()
            },
        ] {
            assert!(!when.matches("helpdesk", &Notice::default()), "{when:?}");
        }
    }
}
